"""A block that is sealed half-way, and at its end from there on."""

from __future__ import annotations

from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import EarlierChanges


class SealedHalfWay:
    """What a block has come to at some place, as long as it does not go back before it."""

    def __init__(self) -> None:
        self._earlier: EarlierChanges | None = None

    def note(self, ledger: Ledger) -> None:
        """Seal here, unless it was done before in this block."""
        mark = ledger.journal.mark()
        if self._earlier is None or self._earlier.entries > mark:
            self._earlier = EarlierChanges(ledger.seal(), mark)

    def went_back(self, mark: int) -> None:
        """Forget what was taken back."""
        if self._earlier is not None and self._earlier.entries > mark:
            self._earlier = None

    def check(self, ledger: Ledger) -> None:
        """Compare at the end of a block; rows may come in another order."""
        if self._earlier is not None:
            whole, in_steps = ledger.seal(), ledger.seal(self._earlier)
            assert set(in_steps.rows) == set(whole.rows)
            assert in_steps.activations == whole.activations
            assert in_steps.commitment == whole.commitment
            assert in_steps.ended == whole.ended
        self._earlier = None
