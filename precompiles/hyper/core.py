"""HyperCore at one moment: the ledger, the user who acts, and what happens on each exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from precompiles.engine.amounts import ceil_divide
from precompiles.execution import Execution
from precompiles.hyper.errors import UnknownToken
from precompiles.hyper.prices import pair_market, pair_price
from precompiles.hyper.system_addresses import token_address
from precompiles.hyper.units import CORE_GAS_DECIMALS, power_of_ten
from precompiles.ledger.hyper.records import CorePair, CoreSettings, CoreToken
from precompiles.ledger.hyper.tables import CoreTables
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

TRANSFER_GAS = 200_000
"""Gas that a transfer to the EVM is charged for, at the next small block's base fee."""

EvmBalance = Callable[[CoreToken], int]
"""Amount that the EVM's side of a token can pay out, in its smallest units there."""


class BlockMoment(NamedTuple):
    """When and at what prices actions are carried out."""

    block_number: int
    now: int
    """Block time in seconds."""
    base_fee: int
    """Wei per gas of the next small block."""
    evm_balance: EvmBalance


class Core:
    """One user's action on HyperCore."""

    def __init__(self, ledger: Ledger, user: Address, moment: BlockMoment) -> None:
        settings = ledger.core.settings
        assert settings is not None, "HyperCore has begun"
        self.ledger = ledger
        self.settings: CoreSettings = settings
        self.user = user
        self.moment = moment
        self.spot = Execution(ledger, user, moment.block_number, moment.now)
        self.perp = Execution(ledger, user, moment.block_number, moment.now)

    def acting_for(self, user: Address) -> Core:
        """Return the same for another user, with the same events."""
        other = Core(self.ledger, user, self.moment)
        other.spot.events, other.perp.events = self.spot.events, self.perp.events
        return other

    @property
    def tables(self) -> CoreTables:
        """Tokens, pairs, perpetuals, users, and what waits."""
        return self.ledger.core

    def token(self, index: int) -> CoreToken:
        """Return a token. Raises UnknownToken."""
        token = self.tables.token(index)
        if token is None:
            raise UnknownToken(index)
        return token

    def address_of(self, token: CoreToken) -> Address:
        """Return what the ledger knows a token by."""
        return token_address(self.settings, token.index)

    def market_of(self, pair: CorePair) -> Address:
        """Return what the exchange knows a pair by."""
        return pair_market(self.ledger, self.settings, pair)

    def available(self, token: CoreToken) -> int:
        """Return the user's spot balance that no order holds, in wei."""
        return self.ledger.spot.balance(self.user, self.address_of(token)).available

    def spot_price(self, pair: CorePair) -> int:
        """Return what a pair is worth, in quote for one whole base."""
        return pair_price(self.ledger, self.settings, pair)

    def transfer_fee(self, gas: int = TRANSFER_GAS) -> int:
        """Return what a transfer to the EVM costs, in wei of HYPE, rounded up."""
        return ceil_divide(gas * self.moment.base_fee, power_of_ten(CORE_GAS_DECIMALS))
