"""Durable state: the store, its checkpoints, restoring and verifying them, archives."""
