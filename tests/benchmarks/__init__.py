"""Speed and memory, shown by `make bench`, never asserted by a test."""
