"""Inputs of HyperCore from outside the EVM: signed actions, and the oracle's prices.

Nothing before them says what they are, so a block's own transactions do, and who imports it takes
them from there. Prices are what validators publish: whoever makes a block sets them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.signed_action import SignedAction
from precompiles.hyper.step_precompile import OracleStep, SignedStep, input_step
from precompiles.hyper.system_addresses import CORE_ADDRESS


class OraclePrices(Struct, frozen=True):
    """Prices of perpetuals, in collateral for one whole unit."""

    prices: tuple[tuple[int, int, int], ...]
    """(Number as reads take it, oracle price, price on other exchanges or 0)."""

    category: int = -1
    """Before all actions of a block."""

    def calldata(self, base_fee: int) -> bytes:
        """Return what HyperCore is handed."""
        return msgspec.msgpack.encode(OracleStep(base_fee, self.prices))


CoreInput = SignedAction | OraclePrices


def in_order(inputs: Iterable[CoreInput]) -> list[CoreInput]:
    """Return inputs as a block has them: by category, then as they came."""
    return sorted(inputs, key=lambda each: each.category)


def inputs_in(transactions: Iterable[Transaction]) -> list[CoreInput]:
    """Return the inputs among a block's transactions. Raises InvalidSignature."""
    found: list[CoreInput] = []
    for transaction in transactions:
        if transaction.to != CORE_ADDRESS or transaction.is_signed:
            continue
        step = input_step(transaction.data)
        if isinstance(step, SignedStep):
            found.append(SignedAction.of_step(step))
        elif isinstance(step, OracleStep):
            found.append(OraclePrices(step.prices))
    return found
