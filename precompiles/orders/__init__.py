"""The life of an order, the same on both exchanges: its events, changes, batches and methods."""
