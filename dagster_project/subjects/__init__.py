"""What the warehouse knows about one person, and how it forgets it: both from one list of places, none of their own."""
