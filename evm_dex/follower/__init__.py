"""Followers: chains that execute the blocks of another node, and answer for it."""
