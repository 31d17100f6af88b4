"""The life of an order, the same on both exchanges."""
