"""Merkle Patricia tries of the EVM state: encodings, building, walking, proving."""
