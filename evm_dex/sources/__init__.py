"""Compiled code and its sources: files, source maps, and contracts told by their code."""
