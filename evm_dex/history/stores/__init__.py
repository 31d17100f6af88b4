"""Stores of the order history."""
