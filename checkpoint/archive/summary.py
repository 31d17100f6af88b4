"""What an export or import came to."""

from __future__ import annotations

from dataclasses import dataclass

from checkpoint.head import Head


@dataclass(frozen=True, slots=True)
class Summary:
    """A state in numbers."""

    head: Head
    """The block whose state it is."""
    blocks: int
    """Blocks that travelled with it."""
    accounts: int
    slots: int
    """Storage words of all accounts."""
    rows: int
    """Ledger rows."""
