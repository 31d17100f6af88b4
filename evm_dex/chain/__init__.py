"""The chain: blocks sealed on one long-lived state, kept by one atomic write each.

Import from the modules themselves; importing this package loads nothing.
"""
