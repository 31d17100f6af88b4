"""Order history: every change of every order, from the chain's outbox to tables for queries."""
