"""Rows of the perpetuals exchange, and the indexes over them."""
