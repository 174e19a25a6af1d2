"""The nightly run as a value: its record, lock, progress and alerts; what the steps do lives in their own rooms."""
