"""The whole loop with both engines, compared row by row; `make test` leaves it out: it needs `pyspark` and Java."""
