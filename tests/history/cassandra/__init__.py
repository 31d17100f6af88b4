"""A real Cassandra, started from its published jars."""
