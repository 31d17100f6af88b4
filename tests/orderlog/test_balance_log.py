"""The log of balances, folded up, is what the rows say; versions go up by one, whatever happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from typer.testing import CliRunner

import evm_dex
from checkpoint.errors import StoreDamaged, StoreFailed
from checkpoint.families import Family
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.addresses import to_address
from evm_dex.cli.app import app
from evm_dex.client.dex import Dex
from evm_dex.orderlog.balance_update import BalanceUpdate, from_json
from evm_dex.orderlog.cursors import cursors, set_cursor
from evm_dex.orderlog.order_update import Exchange, UnknownUpdate
from precompiles.types import Address
from tests.chain.test_ended_orders import trade
from tests.chain.trading import open_on

WETH, USDC = 10**18, 10**6
Key = tuple[Exchange, Address, Address]


def folded(dex: Dex) -> dict[Key, tuple[int, int]]:
    """Every balance that is not zero by its last update; ids and versions have no gap."""
    found: dict[Key, tuple[int, int]] = {}
    versions: dict[Key, int] = {}
    for number, update in enumerate(dex.chain.outbox.balances.read(), 1):
        key = (update.exchange, update.user, update.token)
        assert update.event_id == number
        assert update.version == versions.get(key, 0) + 1
        assert from_json(json.loads(json.dumps(update.as_json()))) == update
        versions[key], found[key] = update.version, (update.total, update.hold)
    for key, version in versions.items():
        assert dex.chain.outbox.balances.last_version(*key) == version
    return {key: amounts for key, amounts in found.items() if amounts != (0, 0)}


def balances(dex: Dex) -> dict[Key, tuple[int, int]]:
    """The same from the ledger's rows."""
    spot, perp = dex.chain.ledger.spot, dex.chain.ledger.perp
    collateral = perp.settings.collateral
    found = {
        (Exchange.SPOT, Address(key[20:]), Address(key[:20])): (row.total, row.hold)
        for key, row in spot.balances.rows.items()
    }
    cash = {
        (Exchange.PERP, Address(key), collateral): (row.cash, 0)
        for key, row in perp.accounts.rows.items()
    }
    return found | cash


def test_the_log_begins_with_what_there_is_and_follows_trading() -> None:
    with evm_dex.open(balance_log=True) as dex:
        assert folded(dex) == balances(dex)
        assert {update.version for update in dex.chain.outbox.balances.read()} == {1}
        trade(dex)
        assert folded(dex) == balances(dex)
        last = dex.head
        update = [*dex.chain.outbox.balances.read()][-1]
        changed = dex.block(update.block_number)
        assert update.timestamp == changed.timestamp
        assert last.number - changed.number <= 1, "the last order took no balance"
        before = [*dex.chain.outbox.balances.read()]
        dex.rollback(last.number - 6)
        after = [*dex.chain.outbox.balances.read()]
        assert after[: len(before)] == before
        assert {update.block_number for update in after[len(before) :]} == {last.number - 6}
        assert folded(dex) == balances(dex)


def test_collateral_below_zero_is_logged_as_it_is() -> None:
    with evm_dex.open(balance_log=True, history=False) as dex:
        user = to_address(dex.accounts[5])
        dex.chain.write_rows(lambda _, ledger: ledger.perp.change_cash(user, -(2**90)))
        update = [*dex.chain.outbox.balances.read()][-1]
        assert update.total < -(2**89)
        assert folded(dex) == balances(dex)


def test_it_is_off_unless_asked_for() -> None:
    with evm_dex.open() as dex:
        trade(dex)
        assert list(dex.chain.outbox.balances.read()) == []
        assert all(key[:1] == b"\0" for key, _ in dex.store.iterate(Family.EVENTS))


def test_what_changed_while_it_was_off_is_made_up_for(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, balance_log=True) as dex:
        trade(dex)
        spent = dex.accounts[9]
    with evm_dex.open(tmp_path) as dex:
        assert dex.chain.outbox.balances.is_on, "as last time"
    with evm_dex.open(tmp_path, balance_log=False) as dex:
        count = len([*dex.chain.outbox.balances.read()])
        trade(dex)
        for token in dex.tokens.values():
            total = dex.spot.call("getBalance", spent, token).available
            dex.spot.send("withdraw", token, total, sender=spent)
        assert len([*dex.chain.outbox.balances.read()]) == count
        assert folded(dex) != balances(dex)
    with evm_dex.open(tmp_path, balance_log=True) as dex:
        assert folded(dex) == balances(dex)
        assert len([*dex.chain.outbox.balances.read()]) < count + len(balances(dex)) + 9


def test_a_block_that_the_disk_refuses_leaves_nothing_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise StoreFailed("disk full")

    with evm_dex.open(tmp_path, balance_log=True) as dex:
        before = [*dex.chain.outbox.balances.read()]
        with monkeypatch.context() as patched:
            patched.setattr(dex.store, "write", refuse)
            with pytest.raises(evm_dex.ChainError):
                dex.spot.send("placeOrder", dex.tokens["WETH"], WETH, 3_000 * USDC, False)
    with evm_dex.open_beside(tmp_path) as dex:
        assert [*dex.chain.outbox.balances.read()] == before
        assert folded(dex) == balances(dex)


def test_consumers_of_orders_and_the_log_keep_out_of_each_others_way(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, balance_log=True) as dex:
        trade(dex)
        set_cursor(dex.store, "history", 3)
        assert cursors(dex.store) == {"history": 3}
        with pytest.raises(ValueError, match="must begin with a letter"):
            set_cursor(dex.store, "\0", 3)


def test_old_updates_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("KEEP", 50), ("_PRUNE_EVERY", 10)):
        monkeypatch.setattr(f"evm_dex.orderlog.balance_log.{name}", value)
    with evm_dex.open(balance_log=True) as dex:
        trade(dex, 2)
        kept = [*dex.chain.outbox.balances.read()]
        assert 50 <= len(kept) < 65
        assert [*dex.chain.outbox.balances.read(kept[3].event_id)] == kept[4:]
        stored = sum(key[:1] == b"b" for key, _ in dex.store.iterate(Family.EVENTS))
        assert stored == len(kept)


def test_the_command_prints_it(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path, balance_log=True) as dex:
        trade(dex)
        updates = [*dex.chain.outbox.balances.read()]
        user = dex.accounts[2].address
    command = ["history", "balances", "--chain", str(tmp_path)]

    def printed(*more: str) -> list[BalanceUpdate]:
        result = CliRunner().invoke(app, [*command, *more])
        assert result.exit_code == 0, result.output
        return [from_json(json.loads(line)) for line in result.output.splitlines()]

    assert printed() == updates
    assert printed("--after", "30") == updates[30:]
    mine = [update for update in updates if f"0x{update.user.hex()}" == user.lower()]
    assert printed("--user", user) == mine


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", 2), ("exchange", "x"), ("user", "0x"), ("total", "a"), ("version", "1")],
)
def test_what_is_no_update_is_refused(field: str, value: object) -> None:
    with evm_dex.open(balance_log=True) as dex:
        document = next(dex.chain.outbox.balances.read()).as_json()
    with pytest.raises(UnknownUpdate):
        from_json({**document, field: value})


def test_a_damaged_update_is_named() -> None:
    with evm_dex.open(balance_log=True) as dex:
        key = b"b" + (2).to_bytes(8, "big")
        batch = BlockBatch()
        batch.put(Family.EVENTS, key, b"\x01\xc1")
        dex.store.write(batch)
        with pytest.raises(StoreDamaged, match="balance update 2"):
            list(dex.chain.outbox.balances.read())


class Balances(RuleBasedStateMachine):
    """Trading, going back, and reopening, with the log sometimes off."""

    @initialize()
    def begin(self) -> None:
        self.dex = open_on()
        self.switch_to(True)

    @rule(maker=st.integers(0, 3), price=st.integers(2_995, 3_005), is_buy=st.booleans())
    def place(self, maker: int, price: int, is_buy: bool) -> None:
        order = (self.dex.tokens["WETH"], WETH, price * USDC, is_buy)
        self.dex.spot.send("placeOrder", *order, sender=self.dex.accounts[maker])
        self.compare()

    @rule(trader=st.integers(1, 4), is_long=st.booleans())
    def open_position(self, trader: int, is_long: bool) -> None:
        market = self.dex.perp_markets["WETH"]
        sender = self.dex.accounts[trader]
        self.dex.perp.send("openPosition", market, WETH, 10, is_long, sender=sender)
        self.compare()

    @rule(back=st.integers(1, 5))
    def rollback(self, back: int) -> None:
        self.dex.rollback(max(0, self.dex.head.number - back))
        self.compare()

    @rule()
    def reopen(self) -> None:
        was_on = self.dex.chain.outbox.balances.is_on
        self.dex = open_on(self.dex.store)
        self.switch_to(None)
        assert self.dex.chain.outbox.balances.is_on == was_on

    @rule()
    def switch(self) -> None:
        self.switch_to(not self.dex.chain.outbox.balances.is_on)
        self.compare()

    def switch_to(self, on: bool | None) -> None:
        self.dex.chain.outbox.balances.switch(on, self.dex.chain.head)

    def compare(self) -> None:
        found = folded(self.dex)
        if self.dex.chain.outbox.balances.is_on:
            assert found == balances(self.dex)


TestBalances = pytest.mark.slow(Balances.TestCase)
TestBalances.settings = settings(max_examples=8, stateful_step_count=20)
