"""Places that keep the order history."""
