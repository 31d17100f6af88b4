"""Errors of py-evm that callers wait for by name."""

from eth.exceptions import UnrecognizedTransactionType

__all__ = ["UnrecognizedTransactionType"]
