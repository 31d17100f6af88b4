"""A small exchange to test on: two markets, three traders, plenty of funds."""

from __future__ import annotations

from typing import NamedTuple

from precompiles.execution import Execution
from precompiles.factory import get_precompiles_with_storage
from precompiles.ledger.ledger import Ledger
from precompiles.precompile import Precompile
from precompiles.spot.funds import credit
from precompiles.types import NATIVE_COIN, SPOT_ADDRESS, Address
from tests.precompiles.client import send
from tests.precompiles.dict_storage import DictStorage

OWNER, ALICE, BOB, CAROL, RECIPIENT = (Address(bytes([n]) * 20) for n in range(1, 6))
GOLD, SILVER, COIN = Address(b"\xa1" * 20), Address(b"\xa2" * 20), NATIVE_COIN
GOLD_TERMS = (GOLD, COIN, 10, 5, 2, 15, 70, 0, RECIPIENT)
"""Base unit 10, tick 5, lot 2, fees 15 and 70 hundred-thousandths."""
SILVER_TERMS = (SILVER, GOLD, 1, 1, 1, 0, 0, 0, RECIPIENT)
FUNDS = 1_000_000


class World(NamedTuple):
    """An exchange, with the storage behind it."""

    spot: Precompile
    ledger: Ledger
    storage: DictStorage

    def end_block(self) -> None:
        """Put everything since the last block into storage."""
        changes = self.ledger.seal()
        self.storage.apply(changes)
        self.ledger.accept(changes)


def open_world(storage: DictStorage) -> World:
    """The exchange that a storage holds."""
    opened = get_precompiles_with_storage(storage)
    return World(opened.by_address[SPOT_ADDRESS], opened.ledger, storage)


def fund(ledger: Ledger, user: Address, token: Address, amount: int) -> None:
    """Give tokens to a user."""
    credit(Execution(ledger, user, 0), user, token, amount)


def new_world(*markets: tuple[object, ...]) -> World:
    """The small exchange, in its first block; `markets` stand for the usual two."""
    world = open_world(DictStorage())
    world.ledger.set_owner(OWNER)
    for terms in markets or (GOLD_TERMS, SILVER_TERMS):
        assert send(world.spot, OWNER, "listMarket", *terms).error is None
    for user in (ALICE, BOB, CAROL):
        for token in (GOLD, SILVER, COIN):
            fund(world.ledger, user, token, FUNDS)
    return world
