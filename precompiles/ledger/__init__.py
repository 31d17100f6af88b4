"""Records, tables, their commitment, and how they come back from storage."""
