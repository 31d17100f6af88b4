"""The tables of HyperCore and the indexes over them."""

from __future__ import annotations

from typing import Any

from precompiles.engine.journal import Journal
from precompiles.ledger.hyper.deploy_tables import DeployTables
from precompiles.ledger.hyper.records import (
    AccountMode,
    ApiWallet,
    BuilderFee,
    CoreDex,
    CorePair,
    CorePerp,
    CoreProgress,
    CoreRules,
    CoreSettings,
    CoreToken,
    CoreUser,
    DelayedAction,
    DelegatedTotal,
    Delegation,
    Delisted,
    DexAccount,
    DexFund,
    EntryNotional,
    LastPrice,
    Outgoing,
    OutgoingCall,
    Stake,
    TradingVolume,
    Unstaking,
    Validator,
    Vault,
    VaultShare,
)
from precompiles.ledger.hyper.signed_records import (
    Bracket,
    BuilderRewards,
    MultiSigSigners,
    OrderBuilder,
    ScheduledCancel,
    SignerNonces,
    SubAccount,
    TriggerGroup,
    Twap,
)
from precompiles.ledger.record import grow, shrink
from precompiles.ledger.table import BytesKey, Table, TableNumber
from precompiles.types import ZERO_ADDRESS, Address

_ONLY = b"\x00"
_USUAL_RULES = CoreRules()
VOLUME_DAYS = 14
"""Days whose volume counts for fees, today not among them."""
_INDEX_BYTES = 8
_PERPS_PER_DEX = 10_000
_INDEX = BytesKey(_INDEX_BYTES)
_DUE = BytesKey(2 * _INDEX_BYTES)
_PAIR = BytesKey(40)


def index_key(index: int) -> bytes:
    """Return the key of a numbered row."""
    return index.to_bytes(_INDEX_BYTES, "big")


def due_key(due: int, sequence: int) -> bytes:
    """Return the key of a row that waits: by time, then in the order in which it came."""
    return index_key(due) + index_key(sequence)


class CoreTables(DeployTables):
    """The part of a ledger that HyperCore has beside the exchanges."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._settings = Table(TableNumber.CORE_SETTINGS, BytesKey(1), CoreSettings, journal)
        self._users = Table(TableNumber.CORE_USERS, BytesKey(20), CoreUser, journal)
        self._tokens = Table(TableNumber.CORE_TOKENS, _INDEX, CoreToken, journal)
        self._pairs = Table(TableNumber.CORE_PAIRS, _INDEX, CorePair, journal)
        self._last_prices = Table(TableNumber.CORE_LAST_PRICES, _INDEX, LastPrice, journal)
        self._perps = Table(TableNumber.CORE_PERPS, _INDEX, CorePerp, journal)
        self.delayed = Table(TableNumber.CORE_DELAYED, _DUE, DelayedAction, journal)
        self.outgoing = Table(TableNumber.CORE_OUTGOING, _INDEX, Outgoing, journal)
        self.outgoing_calls = Table(TableNumber.CORE_OUTGOING_CALLS, _INDEX, OutgoingCall, journal)
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
        self.volumes = Table(TableNumber.CORE_VOLUMES, BytesKey(20), TradingVolume, journal)
        self._maker_volumes = Table(
            TableNumber.CORE_MAKER_VOLUMES, BytesKey(20), TradingVolume, journal
        )
        """By account; with a row for all of them where makers have rebates."""
        self.entries = Table(TableNumber.CORE_ENTRIES, _PAIR, EntryNotional, journal)
        """By token, then account."""
        self.delegated = Table(TableNumber.CORE_DELEGATED, BytesKey(20), DelegatedTotal, journal)
        self.delisted = Table(TableNumber.CORE_DELISTED, _INDEX, Delisted, journal)
        """By asset id."""
        self._dexs = Table(TableNumber.CORE_DEXS, _INDEX, CoreDex, journal)
        self.dex_accounts = Table(TableNumber.CORE_DEX_ACCOUNTS, BytesKey(20), DexAccount, journal)
        self.dex_funds = Table(TableNumber.CORE_DEX_FUNDS, _INDEX, DexFund, journal)
        self.modes = Table(TableNumber.CORE_MODES, BytesKey(20), AccountMode, journal)
        self._rules = Table(TableNumber.CORE_RULES, BytesKey(1), CoreRules, journal)
        self._progress = Table(TableNumber.CORE_PROGRESS, BytesKey(1), CoreProgress, journal)
        self.signer_nonces = Table(
            TableNumber.CORE_SIGNER_NONCES, BytesKey(20), SignerNonces, journal
        )
        self.sub_accounts = Table(TableNumber.CORE_SUB_ACCOUNTS, _PAIR, SubAccount, journal)
        """By master, then sub-account."""
        self.scheduled_cancels = Table(
            TableNumber.CORE_SCHEDULED_CANCELS, BytesKey(20), ScheduledCancel, journal
        )
        self.brackets = Table(TableNumber.CORE_BRACKETS, _INDEX, Bracket, journal)
        self.trigger_groups = Table(TableNumber.CORE_TRIGGER_GROUPS, _INDEX, TriggerGroup, journal)
        self.twaps = Table(TableNumber.CORE_TWAPS, _INDEX, Twap, journal)
        self.order_builders = Table(TableNumber.CORE_ORDER_BUILDERS, _INDEX, OrderBuilder, journal)
        self.builder_rewards = Table(
            TableNumber.CORE_BUILDER_REWARDS, BytesKey(20), BuilderRewards, journal
        )
        self.multi_sigs = Table(TableNumber.CORE_MULTI_SIGS, BytesKey(20), MultiSigSigners, journal)
        self.tables: tuple[Table[Any, Any], ...] = (
            self._settings,
            self._users,
            self._tokens,
            self._pairs,
            self._perps,
            self.delayed,
            self.outgoing,
            self.outgoing_calls,
            self._last_prices,
            self.vaults,
            self.vault_shares,
            self.validators,
            self.stakes,
            self.delegations,
            self.unstaking,
            self.api_wallets,
            self.builder_fees,
            self.volumes,
            self._maker_volumes,
            self.entries,
            self._progress,
            self._rules,
            self._dexs,
            self.dex_accounts,
            self.modes,
            self.dex_funds,
            self.delegated,
            self.delisted,
            self.signer_nonces,
            self.sub_accounts,
            self.scheduled_cancels,
            self.brackets,
            self.trigger_groups,
            self.twaps,
            self.order_builders,
            self.builder_rewards,
            self.multi_sigs,
            *self.deploy_tables,
        )

    @property
    def settings(self) -> CoreSettings | None:
        """None where the chain has no HyperCore."""
        return self._settings.get(_ONLY)

    @settings.setter
    def settings(self, settings: CoreSettings) -> None:
        self._settings.put(_ONLY, settings)

    @property
    def rules(self) -> CoreRules:
        """Rules that a genesis may set otherwise."""
        return self._rules.get(_ONLY) or _USUAL_RULES

    @rules.setter
    def rules(self, rules: CoreRules) -> None:
        self._rules.put(_ONLY, rules)

    @property
    def rewarded_day(self) -> int:
        """Day since 1970 up to which stakes have their rewards; 0 before the first."""
        progress = self._progress.get(_ONLY)
        return progress.rewarded_day if progress else 0

    @rewarded_day.setter
    def rewarded_day(self, day: int) -> None:
        self._progress.put(_ONLY, CoreProgress(day))

    def volume(self, user: Address, day: int) -> int:
        """Return what an account traded in the two weeks before a day, in USD with six decimals."""
        return _volume(self.volumes, user, day)

    def add_volume(self, user: Address, day: int, usd: int) -> None:
        """Count a trade of an account; days before the last two weeks are forgotten."""
        _add_volume(self.volumes, user, day, usd)

    @property
    def pays_rebates(self) -> bool:
        """Whether makers have rebates."""
        return ZERO_ADDRESS in self._maker_volumes.rows

    def begin_rebates(self) -> None:
        """Let makers have rebates from now on."""
        self._maker_volumes.put(ZERO_ADDRESS, TradingVolume(()))

    def maker_volume(self, user: Address, day: int) -> int:
        """Return what an account traded as maker in the two weeks before a day."""
        return _volume(self._maker_volumes, user, day)

    def all_makers(self, day: int) -> int:
        """Return what all makers traded in the two weeks before a day."""
        return _volume(self._maker_volumes, ZERO_ADDRESS, day)

    def add_maker_volume(self, user: Address, day: int, usd: int) -> None:
        """Count a trade of a maker, where they have rebates."""
        if self.pays_rebates:
            for account in (user, ZERO_ADDRESS):
                _add_volume(self._maker_volumes, account, day, usd)

    def order_builder(self, order_id: int) -> OrderBuilder | None:
        """Return the builder whom an order pays; None for nobody."""
        rows = self.order_builders.rows
        return rows.get(index_key(order_id)) if rows else None

    def put_order_builder(self, order_id: int, builder: OrderBuilder | None) -> None:
        """Set the builder whom an order pays, or forget it."""
        if builder is not None or index_key(order_id) in self.order_builders.rows:
            self.order_builders.put(index_key(order_id), builder)

    def has_bracket(self, order_id: int) -> bool:
        """Return whether triggers wait for an order to be filled."""
        return index_key(order_id) in self.brackets.rows

    def add_builder_rewards(self, builder: Address, usd: int) -> None:
        """Count a fee that a builder was paid, in six decimals."""
        before = self.builder_rewards.get(builder)
        total = (before.usd if before else 0) + usd
        if total:
            self.builder_rewards.put(builder, BuilderRewards(total))

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

    def dex(self, index: int) -> CoreDex | None:
        """Return a builder's dex by index; None for the first too."""
        return self._dexs.get(index_key(index))

    def put_dex(self, dex: CoreDex) -> None:
        """List a builder's dex, or change it."""
        self._dexs.put(index_key(dex.index), dex)

    @property
    def has_dexs(self) -> bool:
        """Whether there are builders' dexs."""
        return bool(self._dexs.rows)

    @property
    def dexs(self) -> list[CoreDex]:
        """All builders' dexs by index."""
        return [record for _, record in sorted(self._dexs.rows.items())]

    def dex_of_market(self, market: Address) -> int:
        """Return the dex of a perpetual by its address, which ends in its number."""
        return int.from_bytes(market[-_INDEX_BYTES:]) // _PERPS_PER_DEX if self._dexs.rows else 0

    def pool_of(self, account: bytes) -> int:
        """Return the token that an account of the perpetuals exchange has as its collateral.

        All accounts with one token are one pool: what one loses another can be paid with.
        """
        found = self.dex_accounts.rows.get(account) if self.dex_accounts.rows else None
        dex = found and self.dex(found.dex)
        return dex.collateral if dex else 0

    def is_unified(self, user: Address) -> bool:
        """Return whether an account has one balance of each collateral."""
        mode = self.modes.get(user)
        return mode is not None and mode.is_unified

    def owner_of(self, account: Address) -> Address:
        """Return whose an account of the perpetuals exchange is."""
        found = self.dex_accounts.get(account)
        return found.user if found else account

    def put_perp(self, perp: CorePerp) -> None:
        """List a perpetual."""
        self._perps.put(index_key(perp.perp_id), perp)

    @property
    def perps(self) -> list[CorePerp]:
        """All perpetuals by number."""
        return [record for _, record in sorted(self._perps.rows.items())]


def _volume(table: Table[bytes, TradingVolume], user: Address, day: int) -> int:
    row = table.get(user)
    if row is None:
        return 0
    return sum(grow(usd) for usd, at in row.days if day - VOLUME_DAYS <= at < day)


def _add_volume(table: Table[bytes, TradingVolume], user: Address, day: int, usd: int) -> None:
    row = table.get(user)
    days = {at: grow(before) for before, at in row.days} if row else {}
    days[day] = days.get(day, 0) + usd
    kept = sorted(at for at in days if at >= day - VOLUME_DAYS)
    table.put(user, TradingVolume(tuple((shrink(days[at]), at) for at in kept)))
