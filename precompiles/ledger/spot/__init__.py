"""Rows of the spot exchange."""
