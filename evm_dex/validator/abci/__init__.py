"""ABCI 2.0, by which a consensus engine speaks to its application: messages, frames, server."""
