"""A chain that several validators agree on: the application, and its consensus engine beside it."""
