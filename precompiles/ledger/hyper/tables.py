"""The tables of HyperCore and the indexes over them."""

from __future__ import annotations

from typing import Any

from precompiles.engine.journal import Journal
from precompiles.ledger.hyper.records import (
    ApiWallet,
    BuilderFee,
    CorePair,
    CorePerp,
    CoreSettings,
    CoreToken,
    CoreUser,
    DelayedAction,
    Delegation,
    LastPrice,
    Outgoing,
    Stake,
    Unstaking,
    Validator,
    Vault,
    VaultShare,
)
from precompiles.ledger.table import BytesKey, Table, TableNumber
from precompiles.types import Address

_ONLY = b"\x00"
_INDEX_BYTES = 8
_INDEX = BytesKey(_INDEX_BYTES)
_DUE = BytesKey(2 * _INDEX_BYTES)
_PAIR = BytesKey(40)


def index_key(index: int) -> bytes:
    """Return the key of a numbered row."""
    return index.to_bytes(_INDEX_BYTES, "big")


def due_key(due: int, sequence: int) -> bytes:
    """Return the key of a row that waits: by time, then in the order in which it came."""
    return index_key(due) + index_key(sequence)


class CoreTables:
    """The part of a ledger that HyperCore has beside the exchanges."""

    def __init__(self, journal: Journal) -> None:
        self._settings = Table(TableNumber.CORE_SETTINGS, BytesKey(1), CoreSettings, journal)
        self._users = Table(TableNumber.CORE_USERS, BytesKey(20), CoreUser, journal)
        self._tokens = Table(TableNumber.CORE_TOKENS, _INDEX, CoreToken, journal)
        self._pairs = Table(TableNumber.CORE_PAIRS, _INDEX, CorePair, journal)
        self._last_prices = Table(TableNumber.CORE_LAST_PRICES, _INDEX, LastPrice, journal)
        self._perps = Table(TableNumber.CORE_PERPS, _INDEX, CorePerp, journal)
        self.delayed = Table(TableNumber.CORE_DELAYED, _DUE, DelayedAction, journal)
        self.outgoing = Table(TableNumber.CORE_OUTGOING, _INDEX, Outgoing, journal)
        self.vaults = Table(TableNumber.CORE_VAULTS, BytesKey(20), Vault, journal)
        self.vault_shares = Table(TableNumber.CORE_VAULT_SHARES, _PAIR, VaultShare, journal)
        """By vault, then account."""
        self.validators = Table(TableNumber.CORE_VALIDATORS, BytesKey(20), Validator, journal)
        self.stakes = Table(TableNumber.CORE_STAKES, BytesKey(20), Stake, journal)
        self.delegations = Table(TableNumber.CORE_DELEGATIONS, _PAIR, Delegation, journal)
        """By account, then validator."""
        self.unstaking = Table(TableNumber.CORE_UNSTAKING, _DUE, Unstaking, journal)
        self.api_wallets = Table(TableNumber.CORE_API_WALLETS, _PAIR, ApiWallet, journal)
        """By account, then wallet."""
        self.builder_fees = Table(TableNumber.CORE_BUILDER_FEES, _PAIR, BuilderFee, journal)
        """By account, then builder."""
        self.tables: tuple[Table[Any, Any], ...] = (
            self._settings,
            self._users,
            self._tokens,
            self._pairs,
            self._perps,
            self.delayed,
            self.outgoing,
            self._last_prices,
            self.vaults,
            self.vault_shares,
            self.validators,
            self.stakes,
            self.delegations,
            self.unstaking,
            self.api_wallets,
            self.builder_fees,
        )

    @property
    def settings(self) -> CoreSettings | None:
        """None where the chain has no HyperCore."""
        return self._settings.get(_ONLY)

    @settings.setter
    def settings(self, settings: CoreSettings) -> None:
        self._settings.put(_ONLY, settings)

    def user(self, user: Address) -> CoreUser | None:
        """Return an account of HyperCore; None for one that never received anything."""
        return self._users.get(user)

    def put_user(self, user: Address, record: CoreUser) -> None:
        """Make an account exist, or change it."""
        self._users.put(user, record)

    def token(self, index: int) -> CoreToken | None:
        """Return a token by index."""
        return self._tokens.get(index_key(index)) if index >> 64 == 0 else None

    def put_token(self, token: CoreToken) -> None:
        """List a token, or change it."""
        self._tokens.put(index_key(token.index), token)

    @property
    def tokens(self) -> list[CoreToken]:
        """All tokens by index."""
        return [record for _, record in sorted(self._tokens.rows.items())]

    def pair(self, index: int) -> CorePair | None:
        """Return a spot pair by index."""
        return self._pairs.get(index_key(index))

    def put_pair(self, pair: CorePair) -> None:
        """List a spot pair."""
        self._pairs.put(index_key(pair.index), pair)

    @property
    def pairs(self) -> list[CorePair]:
        """All spot pairs by index."""
        return [record for _, record in sorted(self._pairs.rows.items())]

    def last_price(self, pair: int) -> int:
        """Return the last trade's price of a pair, in quote for one whole base; 0 before one."""
        record = self._last_prices.get(index_key(pair))
        return record.price if record else 0

    def put_last_price(self, pair: int, price: int) -> None:
        """Record the price of a pair's last trade."""
        self._last_prices.put(index_key(pair), LastPrice(price))

    def perp(self, perp_id: int) -> CorePerp | None:
        """Return a perpetual by the number that reads take."""
        return self._perps.get(index_key(perp_id))

    def put_perp(self, perp: CorePerp) -> None:
        """List a perpetual."""
        self._perps.put(index_key(perp.perp_id), perp)

    @property
    def perps(self) -> list[CorePerp]:
        """All perpetuals by number."""
        return [record for _, record in sorted(self._perps.rows.items())]
