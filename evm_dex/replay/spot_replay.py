"""Order flow on the spot exchange, as steps: funds for two accounts, then an instruction each."""

from __future__ import annotations

from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.replay.order_flow import Instruction
from evm_dex.replay.runner import Replay, deposit


class SpotReplay:
    """Instructions for one market; None stands for one that leaves the visible book alone."""

    def __init__(self, dex: Dex, asset: Contract) -> None:
        """Let the first account make, and the second take."""
        self._dex = dex
        self._accounts = dex.accounts[:2]
        self._replay = Replay(dex, asset, maker=self._accounts[0], taker=self._accounts[1])
        self._instructions = 0
        self._sent = 0

    def begin(self) -> None:
        """Fund both accounts."""
        for account in self._accounts:
            for _ in deposit(self._dex, account):
                pass

    def apply(self, step: Instruction | None) -> None:
        """Send an instruction. Raises ReplayError when the exchange refuses it."""
        self._instructions += 1
        self._sent += step is not None and self._replay.apply(step) is not None

    def order_id(self, step: Instruction | None) -> int:
        """Return our id of the order that the instruction just sent placed; 0 if none."""
        return 0 if step is None else self._replay.order_id(step)

    def recall(self, step: Instruction | None, order_id: int | None) -> None:
        """Take in an instruction that was sent before; `order_id` is None if it sent nothing."""
        self._instructions += 1
        self._sent += order_id is not None
        if step is not None:
            self._replay.recall(step, order_id or 0)

    def report(self) -> list[str]:
        """Return how much was sent."""
        return [f"{self._sent} transactions for {self._instructions} instructions."]
