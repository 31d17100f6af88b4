"""Genesis: from a file to block 0."""
