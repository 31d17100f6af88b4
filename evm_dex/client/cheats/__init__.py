"""Cheatcodes: state, balances and prices changed outside of transactions."""
