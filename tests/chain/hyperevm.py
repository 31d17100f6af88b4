"""A chain of HyperEVM, and shorthand for what its users send."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import evm_dex
from evm_dex.blocks.addresses import to_address
from evm_dex.client.dex import Dex
from precompiles.hyper.encoding import Action, LimitOrder, encode_action
from precompiles.hyper.receipts import ActionReceipt
from precompiles.hyper.system_addresses import CORE_ADDRESS, CORE_WRITER
from precompiles.types import Address

E8 = 10**8
USDC, PURR, HYPE = 0, 1, 150
BTC = 0


class HyperWorld:
    """The default chain of the profile."""

    def __init__(self, dex: Dex | None = None, **options: Any) -> None:
        self.dex = dex or evm_dex.open(profile="hyperevm", **options)
        self.writer = self.dex.contract(CORE_WRITER, "CoreWriter")
        self.users = [to_address(account) for account in self.dex.accounts]

    def send(self, action: Action | bytes, user: int = 0) -> list[ActionReceipt]:
        """Let a user send an action in a block of its own; that block's receipts."""
        raw = action if isinstance(action, bytes) else encode_action(action)
        self.writer.send("sendRawAction", raw, sender=self.dex.accounts[user])
        return self.receipts()

    def receipts(self) -> list[ActionReceipt]:
        """Of the last block."""
        chain = self.dex.chain
        logs = [log for it in chain.blocks.receipts(chain.head.hash) for log in it.logs]
        found = [
            ActionReceipt.decode(log.topics, log.data)
            for log in logs
            if log.address == CORE_ADDRESS
        ]
        return [it for it in found if it is not None]

    def mine(self, blocks: int = 1) -> list[ActionReceipt]:
        """Mine, and return the last block's receipts."""
        self.dex.mine(blocks)
        return self.receipts()

    def transactions(self) -> int:
        """How many the last block has."""
        chain = self.dex.chain
        return len(chain.blocks.body(chain.head.hash).transactions)

    def spot(self, user: Address, token: Address) -> int:
        """A user's spot balance."""
        return self.dex.chain.ledger.spot.balance(user, token).total


def order(asset: int, price: str, size: str, *, is_buy: bool = True, tif: int = 2) -> LimitOrder:
    """A limit order in human units."""
    scaled_price, scaled_size = (int(Fraction(value) * E8) for value in (price, size))
    return LimitOrder(asset, is_buy, scaled_price, scaled_size, False, tif, 0)
