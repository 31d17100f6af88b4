"""The perpetuals exchange."""
