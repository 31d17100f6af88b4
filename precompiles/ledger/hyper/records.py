"""The records of HyperCore that neither exchange has: tokens, pairs, users, and what waits.

Balances, orders and positions are the exchanges' own. `wei` are smallest units of a token there.
"""

from __future__ import annotations

from precompiles.ledger.record import Amount, Record
from precompiles.types import ZERO_ADDRESS, Address


class CoreSettings(Record, frozen=True):
    """Facts about HyperCore as a whole; where there is no such row, there is no HyperCore."""

    order_delay: int
    """Seconds that orders and vault transfers wait."""
    l1_block: int
    """Number of HyperCore's block at `l1_time`."""
    l1_time: int
    """Block time in seconds."""
    hype: int
    """Index of the token that gas is paid in on the EVM."""


class CoreRules(Record, frozen=True):
    """Rules that are settled nowhere, or that a test may want otherwise."""

    default_leverage: int = 20
    """Of an account that never chose, where the market allows so much."""
    sends_activate: bool = True
    """True: a contract's send to an unknown account creates it, for a fee."""
    staking_rate: int = 0
    """Yearly reward for delegated HYPE, in hundredths of a percent."""
    small_block_gas: int = 0
    """Gas limit of the EVM's small blocks, beside which there are big ones; 0 for one kind."""


class CoreToken(Record, frozen=True):
    """A token of the spot wallet."""

    index: int
    name: str
    size_decimals: int
    wei_decimals: int
    evm_extra_decimals: int
    """Decimals on the EVM less `wei_decimals`."""
    evm_contract: Address
    """The zero address where none is linked."""
    deployer: Address
    deployer_fee_share: int
    max_supply: Amount

    @property
    def is_linked(self) -> bool:
        """Whether it has an ERC-20 on the EVM."""
        return self.evm_contract != ZERO_ADDRESS


class CorePair(Record, frozen=True):
    """A spot pair, by the indexes of its tokens."""

    index: int
    name: str
    base: int
    quote: int
    is_halted: bool = False


class LastPrice(Record, frozen=True):
    """The last price of a spot pair."""

    price: Amount
    """Quote for one whole base."""


class CorePerp(Record, frozen=True):
    """A perpetual, beside the rules of its market."""

    perp_id: int
    """dex * 10,000 + index."""
    coin: str
    size_decimals: int
    margin_table: int
    only_isolated: bool
    is_halted: bool = False

    @property
    def dex(self) -> int:
        """Index of the dex that it is traded on."""
        return self.perp_id // 10_000


class CoreUser(Record, frozen=True):
    """An account that exists on HyperCore."""

    is_activated: bool
    """Whether the fee of a new account was paid for it."""
    uses_big_blocks: bool


class DelayedAction(Record, frozen=True):
    """An action that waits for its time; its key is when, then its sequence number."""

    sequence: int
    user: Address
    data: bytes
    """As it was sent."""
    source: bytes
    """Hash of the EVM transaction that sent it."""


class Outgoing(Record, frozen=True):
    """A transfer to the EVM that waits for the next block."""

    token: int
    user: Address
    amount: Amount
    """In the EVM's smallest units."""


class OutgoingCall(Record, frozen=True):
    """A call of a token's contract with a transfer to the EVM, under the transfer's key."""

    recipient: bytes
    """32 bytes, of whatever chain."""
    chain: int
    """The contract's own number for it."""
    gas: int
    core_nonce: int
    data: bytes


class Vault(Record, frozen=True):
    """An account on the perpetuals dex that belongs to those who paid into it."""

    name: str
    leader: Address
    shares: Amount
    """Of all depositors together."""
    lock: int
    """Seconds that a deposit stays at least."""


class VaultShare(Record, frozen=True):
    """An account's share of a vault."""

    shares: Amount
    locked_until: int
    """Block time in seconds."""


class Validator(Record, frozen=True):
    """An account that stake can be delegated to."""

    name: str


class Stake(Record, frozen=True):
    """HYPE of an account that is staked with nobody, in wei."""

    undelegated: Amount


class Delegation(Record, frozen=True):
    """HYPE that an account has staked with a validator."""

    amount: Amount
    locked_until: int
    """Block time in seconds."""


class Unstaking(Record, frozen=True):
    """HYPE on its way back to the spot wallet; its key is when it is there, then a number."""

    user: Address
    amount: Amount


class ApiWallet(Record, frozen=True):
    """An account that may sign for another."""

    name: bytes
    """Empty for the unnamed one."""


class BuilderFee(Record, frozen=True):
    """The most that a builder may charge an account."""

    max_rate: int
    """In tenths of a basis point."""


class TradingVolume(Record, frozen=True):
    """The volume of an account of late, for its fees."""

    days: tuple[tuple[bytes, int], ...]
    """(Volume in USD with six decimals as minimal bytes, day since 1970), the latest last."""


class EntryNotional(Record, frozen=True):
    """The cost of an account's spot balance of a token."""

    usd: Amount
    """In six decimals."""


class CoreProgress(Record, frozen=True):
    """The last day for which HyperCore did what it does once a day."""

    rewarded_day: int
    """Day since 1970 up to which stakes have their rewards."""


class DelegatedTotal(Record, frozen=True):
    """HYPE that an account has staked with all validators together, in wei."""

    wei: Amount


class Delisted(Record, frozen=True):
    """A market that is traded no more."""

    since: int
    """Block time in seconds."""


class MarketBase(Record, frozen=True):
    """The token that a spot market trades which goes by another address than that token's."""

    token: Address


class CoreDex(Record, frozen=True):
    """A perpetuals dex of a builder's; the first dex has no row."""

    index: int
    """From 1."""
    name: str
    collateral: int
    """Index of the token that it is settled in."""
    total: Amount
    """Collateral that is on it, with six decimals."""


class DexFund(Record, frozen=True):
    """What stands behind the liquidations of a builder's dex; the first dex has the exchange's."""

    backstop: Address
    """Account that takes over positions there, as the exchange knows it; zero for none."""
    insurance: Amount
    deficit: Amount
    """Losses that no account bears, as of `PerpFund`."""


class AccountMode(Record, frozen=True):
    """How an account keeps its balances, once it has chosen."""

    is_unified: bool
    """True: one balance of each collateral for all that the account does; False: standard."""


class DexAccount(Record, frozen=True):
    """The user whom an account of the exchange stands for on a builder's dex."""

    dex: int
    user: Address
