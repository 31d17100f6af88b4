"""Records of tokens, balances, and the spot exchange."""

from __future__ import annotations

from precompiles.ledger.record import Amount, OrderRecord, Record
from precompiles.types import Address, SelfTradePrevention


class TokenTotal(Record, frozen=True):
    """Sum of all accounts' balances of a token; the precompile holds at least as much."""

    total: Amount


class Balance(Record, frozen=True):
    """Balance of one account in one token, in the token's smallest units."""

    total: Amount
    hold: Amount
    """The part locked by live orders."""

    @property
    def available(self) -> int:
        """The part that may be spent or withdrawn."""
        return self.total - self.hold


class Market(Record, frozen=True):
    """Trading rules of one asset."""

    asset: Address
    number: int
    """Place in the order of listing, from 0."""
    quote: Address
    base_unit: Amount
    """Smallest units of the asset that a price is quoted for."""
    tick: Amount
    """Prices are multiples of this."""
    lot: Amount
    """Amounts are multiples of this."""
    maker_fee: int
    """In hundred-thousandths of what the maker receives."""
    taker_fee: int
    self_trade_prevention: SelfTradePrevention
    fee_recipient: Address


class Order(OrderRecord, frozen=True):
    """One order on the spot exchange."""

    client_order_id: Amount
    """0 where the owner gave none."""
    block_number: int
    """Block in which the order was placed."""
