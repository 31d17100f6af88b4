"""The error of a request that can't be answered."""

from __future__ import annotations


class BadRequest(Exception):  # noqa: N818 - what the caller is told
    """A request that names something unknown, or lacks a field."""
