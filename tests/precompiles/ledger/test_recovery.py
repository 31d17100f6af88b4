"""Opening a ledger: everything is there again, or it says which rows can't be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from precompiles.factory import get_precompile_with_storage
from precompiles.ledger.checks import check
from precompiles.ledger.commitment import EMPTY_COMMITMENT
from precompiles.ledger.hyper.deploy_records import (
    DexDeployment,
    DexMarginTable,
    Frozen,
    GenesisBalance,
    GenesisExcluded,
    Hyperliquidity,
    TokenDeployment,
    ValidatorProfile,
)
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
    MarketBase,
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
from precompiles.ledger.hyper.tables import due_key, index_key
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.records import (
    Leverage,
    PerpAccount,
    PerpFund,
    PerpMarket,
    PerpOrder,
    PerpPrices,
    PerpSettings,
    Position,
    Trigger,
)
from precompiles.ledger.record import Counter, Settings
from precompiles.ledger.recovery import open_ledger
from precompiles.ledger.spot import Balance, Market, Order, TokenTotal
from precompiles.ledger.storage import RowChange, UntrustedStorage
from precompiles.ledger.table import TableNumber
from precompiles.types import (
    PERP_ADDRESS,
    SPOT_ADDRESS,
    CloseReason,
    OrderStatus,
    SelfTradePrevention,
    TimeInForce,
)
from tests.precompiles.client import PERP, send
from tests.precompiles.dict_storage import DictStorage
from tests.precompiles.hyper.world import new_ledger
from tests.precompiles.perp.scenarios import exchange, play
from tests.precompiles.perp.world import GOLD as PERP_GOLD
from tests.precompiles.perp.world import PerpWorld
from tests.precompiles.world import ALICE, BOB, CAROL, COIN, GOLD, World, new_world, open_world

NAMES = {table: table.name.lower() for table in TableNumber}


def traded() -> World:
    """Orders live, filled and cancelled, in storage; order 4 took over client id 7 from 3."""
    world = new_world()
    send(world.spot, ALICE, "placeOrder", GOLD, 20, 50, True)
    send(world.spot, BOB, "placeOrder", GOLD, 10, 50, False)
    send(world.spot, BOB, "placeOrderWithOptions", GOLD, 20, 100, False, 0, 7)
    send(world.spot, BOB, "replaceOrder", 3, 20, 105)
    send(world.spot, BOB, "placeOrder", GOLD, 30, 105, False)
    world.end_block()
    return world


PERP_TRADED = """
    setBackstop Z                = ok
    oracle 1000                  = 1000
    oracle silver 100            = 100
    A leverage 5 isolated        = ok
    B leverage 20 cross          = ok
    C insure 50                  = ok
    B sell 20 @ 1000 gtc         = #1 new
    A buy 10 @ 1000 gtc          = #2 filled | 10 @ 1000 of #1
    C open long 4 x10            = p3 | 4 @ 1000 of #1
    A sell 5 @ 1100 gtc reduce   = #4 new
    A stop sell 5 @ 900 reduce   = #5 untriggered
    C profit sell 5 @ 1200 limit 1190 = #6 untriggered
"""


def perp_traded() -> PerpWorld:
    """Rows in every table of the perpetuals exchange, two of each but where there is only one."""
    world = exchange()
    play(world, PERP_TRADED)
    world.end_block()
    return world


def core_stored() -> DictStorage:
    """Rows in every table of HyperCore, two of each but where there is only one."""
    storage = DictStorage()
    ledger = new_ledger(storage)
    core = ledger.core
    for number, user in enumerate((ALICE, BOB)):
        core.put_user(user, CoreUser(True, False))
        core.delayed.put(due_key(9, number), DelayedAction(number, user, b"\x01", bytes(32)))
        core.outgoing.put(index_key(number), Outgoing(0, user, 5))
        core.outgoing_calls.put(index_key(number), OutgoingCall(bytes(32), 1, 9, 9, b""))
        core.put_last_price(number, 7)
        core.vaults.put(user, Vault("a vault", CAROL, 3, 9))
        core.vault_shares.put(BOB + user, VaultShare(3, 9))
        core.validators.put(user, Validator("one"))
        core.stakes.put(user, Stake(3))
        core.delegations.put(user + CAROL, Delegation(3, 9))
        core.unstaking.put(due_key(9, number), Unstaking(user, 3))
        core.api_wallets.put(user + CAROL, ApiWallet(b""))
        core.builder_fees.put(user + CAROL, BuilderFee(3))
        core.add_volume(user, 9, 5)
        core.begin_rebates()
        core.add_maker_volume(user, 9, 5)
        core.signer_nonces.put(user, SignerNonces(bytes(8)))
        core.sub_accounts.put(user + CAROL, SubAccount("one"))
        core.scheduled_cancels.put(user, ScheduledCancel(9))
        core.brackets.put(index_key(number), Bracket(user, b"\x90"))
        core.trigger_groups.put(index_key(number), TriggerGroup((1, 2), user, CAROL))
        core.twaps.put(index_key(number), Twap(user, 0, True, False, 5, 30, 9, 0, 0, 0))
        core.put_order_builder(number, OrderBuilder(user, 3))
        core.add_builder_rewards(user, 3)
        core.multi_sigs.put(user, MultiSigSigners((ALICE, BOB), 2))
        core.token_deployments.put(index_key(number), TokenDeployment("Coin", 3))
        core.genesis_balances.put(index_key(number) + user, GenesisBalance(3))
        core.genesis_excluded.put(index_key(number) + user, GenesisExcluded(is_excluded=True))
        core.frozen.put(index_key(number) + user, Frozen(9))
        core.hyperliquidity.put(index_key(number), Hyperliquidity(1, 1, 1, 9, 1, 1))
        core.dex_deployments.put(index_key(number), DexDeployment(user, user, "Dex"))
        core.dex_margin_tables.put(due_key(1, number), DexMarginTable("", ((b"", 9),)))
        profile = ValidatorProfile("1.2.3.4", "", 9, user, takes_delegations=True, is_jailed=False)
        core.validator_profiles.put(user, profile)
        core.delegated.put(user, DelegatedTotal(3))
        core.put_dex(CoreDex(1 + number, "xyz", 0, 0))
        core.dex_accounts.put(user, DexAccount(1, CAROL))
        core.modes.put(user, AccountMode(False))
        core.dex_funds.put(index_key(number), DexFund(CAROL, 0, 0))
        core.delisted.put(index_key(number), Delisted(9))
        core.entries.put(CAROL + user, EntryNotional(3))
        ledger.spot.bases.put(user, MarketBase(CAROL))
    core.rewarded_day = 3
    core.rules = CoreRules(10)
    storage.apply(ledger.seal())
    return storage


def alter(record: type[Any], **fields: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """How to change some fields of a stored row."""

    def altered(value: bytes) -> bytes:
        row = record.decode(value)
        new = {name: change(getattr(row, name)) for name, change in fields.items()}
        stored: bytes = changed(row, **new).encode()
        return stored

    return altered


def one_more(number: int) -> int:
    return number + 1


ALTERED: dict[int, Callable[[bytes], bytes]] = {
    TableNumber.SETTINGS: alter(Settings, owner=lambda _: CAROL),
    TableNumber.COUNTERS: alter(Counter, next_id=one_more),
    TableNumber.TOKENS: alter(TokenTotal, total=one_more),
    TableNumber.MARKETS: lambda v: v[:-1] + bytes([v[-1] ^ 1]),
    TableNumber.BALANCES: alter(Balance, total=one_more),
    TableNumber.ORDERS: alter(Order, price=lambda _: 45),
    TableNumber.PERP_SETTINGS: alter(PerpSettings, backstop=lambda _: CAROL),
    TableNumber.PERP_FUND: alter(PerpFund, insurance=one_more),
    TableNumber.PERP_MARKETS: alter(PerpMarket, max_price_age=one_more),
    TableNumber.PERP_PRICES: alter(PerpPrices, mark=one_more),
    TableNumber.PERP_ACCOUNTS: alter(PerpAccount, cash=one_more),
    TableNumber.PERP_LEVERAGES: alter(Leverage, leverage=one_more),
    TableNumber.POSITIONS: alter(Position, cash=one_more),
    TableNumber.PERP_ORDERS: alter(PerpOrder, price=one_more),
    TableNumber.TRIGGERS: alter(Trigger, trigger_price=one_more),
    TableNumber.CORE_SETTINGS: alter(CoreSettings, order_delay=one_more),
    TableNumber.CORE_USERS: alter(CoreUser, uses_big_blocks=lambda _: True),
    TableNumber.CORE_TOKENS: alter(CoreToken, size_decimals=one_more),
    TableNumber.CORE_PAIRS: alter(CorePair, quote=one_more),
    TableNumber.CORE_PERPS: alter(CorePerp, margin_table=one_more),
    TableNumber.CORE_DELAYED: alter(DelayedAction, sequence=one_more),
    TableNumber.CORE_OUTGOING: alter(Outgoing, amount=one_more),
    TableNumber.CORE_OUTGOING_CALLS: alter(OutgoingCall, gas=one_more),
    TableNumber.CORE_LAST_PRICES: alter(LastPrice, price=one_more),
    TableNumber.CORE_VAULTS: alter(Vault, lock=one_more),
    TableNumber.CORE_VAULT_SHARES: alter(VaultShare, shares=one_more),
    TableNumber.CORE_VALIDATORS: alter(Validator, name=lambda name: name + "s"),
    TableNumber.CORE_STAKES: alter(Stake, undelegated=one_more),
    TableNumber.CORE_DELEGATIONS: alter(Delegation, amount=one_more),
    TableNumber.CORE_UNSTAKING: alter(Unstaking, amount=one_more),
    TableNumber.CORE_API_WALLETS: alter(ApiWallet, name=lambda name: name + b"s"),
    TableNumber.CORE_BUILDER_FEES: alter(BuilderFee, max_rate=one_more),
    TableNumber.CORE_VOLUMES: alter(TradingVolume, days=lambda _: ((b"\x06", 9),)),
    TableNumber.CORE_MAKER_VOLUMES: alter(TradingVolume, days=lambda _: ((b"\x06", 9),)),
    TableNumber.CORE_ENTRIES: alter(EntryNotional, usd=one_more),
    TableNumber.CORE_PROGRESS: alter(CoreProgress, rewarded_day=one_more),
    TableNumber.CORE_RULES: alter(CoreRules, default_leverage=one_more),
    TableNumber.CORE_DELEGATED: alter(DelegatedTotal, wei=one_more),
    TableNumber.CORE_DEXS: alter(CoreDex, collateral=one_more),
    TableNumber.CORE_DEX_ACCOUNTS: alter(DexAccount, dex=one_more),
    TableNumber.CORE_DEX_FUNDS: alter(DexFund, insurance=one_more),
    TableNumber.CORE_MODES: alter(AccountMode, is_unified=lambda _: True),
    TableNumber.CORE_DELISTED: alter(Delisted, since=one_more),
    TableNumber.CORE_SIGNER_NONCES: alter(SignerNonces, nonces=lambda _: bytes(7) + b"\x01"),
    TableNumber.CORE_SUB_ACCOUNTS: alter(SubAccount, name=lambda name: name + "s"),
    TableNumber.CORE_SCHEDULED_CANCELS: alter(ScheduledCancel, due=one_more),
    TableNumber.CORE_BRACKETS: alter(Bracket, children=lambda _: b"\x91\x01"),
    TableNumber.CORE_TRIGGER_GROUPS: alter(TriggerGroup, triggers=lambda _: (1, 3)),
    TableNumber.CORE_TWAPS: alter(Twap, minutes=one_more),
    TableNumber.CORE_ORDER_BUILDERS: alter(OrderBuilder, rate=one_more),
    TableNumber.CORE_BUILDER_REWARDS: alter(BuilderRewards, usd=one_more),
    TableNumber.CORE_MULTI_SIGS: alter(MultiSigSigners, threshold=one_more),
    TableNumber.CORE_TOKEN_DEPLOYMENTS: alter(TokenDeployment, requested=one_more),
    TableNumber.CORE_GENESIS_BALANCES: alter(GenesisBalance, wei=one_more),
    TableNumber.CORE_GENESIS_EXCLUDED: alter(GenesisExcluded, is_excluded=lambda _: False),
    TableNumber.CORE_FROZEN: alter(Frozen, since=one_more),
    TableNumber.CORE_HYPERLIQUIDITY: alter(Hyperliquidity, updated=one_more),
    TableNumber.CORE_DEX_DEPLOYMENTS: alter(DexDeployment, oracle_time=one_more),
    TableNumber.CORE_DEX_MARGIN_TABLES: alter(DexMarginTable, description=lambda _: "x"),
    TableNumber.CORE_VALIDATOR_PROFILES: alter(ValidatorProfile, commission=one_more),
    TableNumber.MARKET_BASES: alter(MarketBase, token=lambda _: BOB),
}


def stored(table: int) -> tuple[DictStorage, list[tuple[int, bytes]]]:
    """A storage, and where the rows of one of its tables are."""
    if table >= TableNumber.CORE_SETTINGS:
        storage = core_stored()
    else:
        storage = traded().storage if table <= TableNumber.ORDERS else perp_traded().storage
    return storage, sorted(place for place in storage.values if place[0] == table)


def test_every_table_is_tried() -> None:
    """A new table needs a row here."""
    assert set(ALTERED) == set(TableNumber) == set(Ledger(DictStorage()).tables)
    assert all(stored(table)[1] for table in TableNumber)


def test_reopening_finds_everything() -> None:
    """Rows, books in time order, indexes and commitment; ended orders are read from storage."""
    world = traded()
    again = open_world(world.storage)
    assert {n: t.rows for n, t in again.ledger.tables.items()} == {
        n: t.rows for n, t in world.ledger.tables.items()
    }
    assert again.ledger.commitment == world.ledger.commitment
    assert again.ledger.spot.book(GOLD).depth(9) == world.ledger.spot.book(GOLD).depth(9)
    assert again.ledger.spot.live.by_client_id.ids == {(BOB, 7): 4}
    assert set(again.ledger.spot.orders.rows) == {1, 4, 5}
    assert send(again.spot, CAROL, "getOrderStatus", 2).values == (3, 0, 0)
    assert check(again.ledger) == []
    assert send(again.spot, CAROL, "placeOrder", GOLD, 20, 105, True).events[1][5:7] == (4, 6)


def test_an_empty_storage_is_an_empty_ledger() -> None:
    ledger, report = open_ledger(DictStorage())
    assert (ledger.commitment, report.active_orders, report.repairs) == (EMPTY_COMMITMENT, 0, {})


def test_the_factory_restores_and_knows_its_addresses() -> None:
    spot = get_precompile_with_storage(SPOT_ADDRESS, traded().storage)
    assert send(spot, ALICE, "getBestPrices", GOLD).values == (50, 105)
    perp = get_precompile_with_storage(PERP_ADDRESS, perp_traded().storage)
    assert send(perp, ALICE, "getBestPrices", PERP_GOLD, interface=PERP).values == (0, 1000)
    known = r"address must be one of 0x0+d01 \(Spot\), 0x0+d02 \(Perp\)"
    with pytest.raises(KeyError, match=f"no precompile at 0x04.*: {known}"):
        get_precompile_with_storage(CAROL, DictStorage())


@pytest.mark.parametrize("table", ALTERED)
def test_a_missing_row_is_refused(table: int) -> None:
    storage, places = stored(table)
    del storage.values[places[0]]
    claim = f"table {NAMES[TableNumber(table)]} has {len(places) - 1} rows, .* {len(places)}"
    with pytest.raises(UntrustedStorage, match=claim):
        open_ledger(storage)


@pytest.mark.parametrize("table", ALTERED)
def test_a_surplus_row_is_refused(table: int) -> None:
    storage, places = stored(table)
    value = storage.values[places[-1]]
    storage.values[table, bytes(len(places[-1][1]) - 1) + b"\x63"] = value
    with pytest.raises(UntrustedStorage, match=f"table {NAMES[TableNumber(table)]} has"):
        open_ledger(storage)


@pytest.mark.parametrize("table", ALTERED)
def test_an_altered_row_is_refused(table: int) -> None:
    """One that decodes and counts as before; only the hash over all rows tells."""
    storage, places = stored(table)
    storage.values[places[0]] = ALTERED[table](storage.values[places[0]])
    with pytest.raises(UntrustedStorage, match="at least one was altered; restore a checkpoint"):
        open_ledger(storage)


def different(table: int) -> tuple[DictStorage, list[tuple[int, bytes]]]:
    """A storage, and where rows of a table are that differ from each other."""
    storage, places = stored(table)
    return storage, list({storage.values[place]: place for place in places}.values())


@pytest.mark.parametrize("table", [table for table in ALTERED if len(different(table)[1]) > 1])
def test_swapped_rows_are_refused(table: int) -> None:
    """The same rows under each other's keys."""
    storage, (one, other, *_) = different(table)
    values = storage.values
    values[one], values[other] = values[other], values[one]
    with pytest.raises(UntrustedStorage):
        open_ledger(storage)


@pytest.mark.slow
@pytest.mark.parametrize("table", ALTERED)
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda value: b"\x02" + value[1:], "row of version 2, this program reads version 1"),
        (lambda _: b"", "row of version none"),
        (lambda value: value[:-1], "row does not decode"),
        (lambda value: value + b"\0", "row does not decode"),
        (lambda value: value[:1] + b"\xc1" + value[2:], "row does not decode"),
        (lambda value: value[:1] + b"\x90", "row does not decode"),
    ],
)
def test_a_row_that_does_not_decode_is_named(
    table: int, damage: Callable[[bytes], bytes], reason: str
) -> None:
    """With its table and key."""
    storage, places = stored(table)
    storage.values[places[-1]] = damage(storage.values[places[-1]])
    claim = f"table {NAMES[TableNumber(table)]}, key {places[-1][1].hex()}: {reason}"
    with pytest.raises(UntrustedStorage, match=claim):
        open_ledger(storage)


def test_an_unknown_table_is_refused() -> None:
    storage = traded().storage
    storage.values[9, b"k"] = b"v"
    with pytest.raises(UntrustedStorage, match=r"unknown tables \[9\]"):
        open_ledger(storage)


def test_another_commitment_is_refused() -> None:
    """A head record of other rows, or none at all."""
    storage = traded().storage
    assert storage.claim is not None
    for claim in (None, replace(storage.claim, accumulator=bytes(2048))):
        storage.claim = claim
        with pytest.raises(UntrustedStorage):
            open_ledger(storage)


def test_the_active_order_index_is_repaired_and_reported() -> None:
    """Exactly what is wrong with it, and what each entry should be; the orders decide."""
    storage = traded().storage
    storage.active = {key(1), key(2), key(77)}
    _, report = open_ledger(storage)
    assert report.repairs == {key(2): False, key(4): True, key(5): True, key(77): False}
    assert report.active_orders == 3
    assert report.repair_lines()[:2] == [
        "order 2 has ended, the active-order index said otherwise",
        "order 4 is active, the active-order index said otherwise",
    ]
    assert report.rows == {
        "settings": 1,
        "counters": 2,
        "tokens": 3,
        "markets": 2,
        "balances": 11,
        "orders": 5,
    }


def key(order_id: int) -> bytes:
    return order_id.to_bytes(8, "big")


# Looking back


def picture(ledger: Ledger) -> list[Any]:
    """Everything in memory."""
    rows: list[Any] = [dict(table.rows) for table in ledger.tables.values()]
    opened = {owner: list(ids) for owner, ids in ledger.spot.live.by_owner.owners.items()}
    books = [book.depth(99) for book in ledger.spot.live.books.values()]
    queues = [[n.order for n in book.nodes.values()] for book in ledger.spot.live.books.values()]
    named = dict(ledger.spot.live.by_client_id.ids)
    return [*rows, opened, books, [sorted(q, key=lambda o: o.id) for q in queues], named]


def a_block_that_changes_everything(world: World) -> tuple[RowChange, ...]:
    send(world.spot, CAROL, "placeOrder", GOLD, 30, 105, True)
    send(world.spot, BOB, "replaceOrder", 5, 30, 110)
    send(world.spot, ALICE, "cancelAllOrders", bytes(20))
    changes = world.ledger.seal()
    world.storage.apply(changes)
    world.ledger.accept(changes)
    return changes.rows


def test_looking_back_shows_the_earlier_state() -> None:
    world = traded()
    before = picture(world.ledger)
    undo = a_block_that_changes_everything(world)
    after = picture(world.ledger)
    with world.ledger.at([undo]):
        assert picture(world.ledger) == before
        assert send(world.spot, ALICE, "getBestPrices", GOLD).values == (50, 105)
        assert send(world.spot, ALICE, "getOrderStatus", 4).values == (1, 20, 0)
        assert send(world.spot, ALICE, "getOrder", 6).error == "OrderNotFound"
        assert check(world.ledger) == []
    assert picture(world.ledger) == after


def test_looking_back_leaves_no_trace() -> None:
    """Not of what the body changes, nor when it raises."""
    world = traded()
    undo = a_block_that_changes_everything(world)
    after = picture(world.ledger)

    def trade_then_fail() -> None:
        with world.ledger.at([undo]):
            send(world.spot, CAROL, "placeOrder", GOLD, 20, 105, True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trade_then_fail()
    assert picture(world.ledger) == after
    assert world.ledger.seal().rows == ()


def test_a_client_id_handed_on_within_a_block_names_the_older_order_before_it() -> None:
    """Replacing keeps the client id, so one block takes it from one order and gives it another."""
    world = traded()
    assert send(world.spot, BOB, "replaceOrder", 4, 20, 120).values == (6,)
    undo = world.ledger.seal().rows
    with world.ledger.at([undo]):
        assert send(world.spot, CAROL, "getOrderIdByClientId", BOB, 7).values == (4,)
        assert check(world.ledger) == []
    assert send(world.spot, CAROL, "getOrderIdByClientId", BOB, 7).values == (6,)


# Stored rows of version 1, which every later program must read

SAMPLES: list[tuple[Any, str]] = [
    (Settings(ALICE), "0191c4140202020202020202020202020202020202020202"),
    (Counter(2**40), "0191cf0000010000000000"),
    (TokenTotal(2**128 - 1), "0191c410ffffffffffffffffffffffffffffffff"),
    (Balance(300, 0), "0192c402012cc400"),
    (
        Market(GOLD, 3, COIN, 10**18, 5, 2, 15, 70, SelfTradePrevention.DECREMENT, BOB),
        (
            "019ac414a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a103c414eeeeeeeeeeeeeeeeeeeeeeeeee"
            "eeeeeeeeeeeeeec4080de0b6b3a7640000c40105c401020f4603c414030303030303030303030303"
            "0303030303030303"
        ),
    ),
    (
        Order(
            7,
            ALICE,
            GOLD,
            True,
            50,
            2**100,
            6,
            300,
            OrderStatus(2),
            CloseReason(0),
            TimeInForce(3),
            2**127,
            9,
        ),
        (
            "019d07c4140202020202020202020202020202020202020202c414a1a1a1a1a1a1a1a1a1a1a1a1a1"
            "a1a1a1a1a1a1a1c3c40132c40d10000000000000000000000000c40106c402012c020003c4108000"
            "000000000000000000000000000009"
        ),
    ),
]


@pytest.mark.parametrize(("record", "sample"), SAMPLES, ids=lambda v: type(v).__name__)
def test_rows_of_version_1_are_read_and_written_the_same(record: Any, sample: str) -> None:
    """A change of format must come with a new version byte."""
    assert type(record).decode(bytes.fromhex(sample)) == record
    assert record.encode().hex() == sample
