"""The chain that a forked chain began from: asked by JSON-RPC, proven, and remembered."""
