"""What survives: the store, its checkpoints, restoring and verifying them."""
