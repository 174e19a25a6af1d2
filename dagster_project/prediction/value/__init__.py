"""The mathematics of customer value: who will buy how often and for how much; no frame, database or date here."""
