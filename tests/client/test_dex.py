"""The facade over the real exchange: what a Python developer does first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.errors import StoreLocked
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore
from checkpoint.verify import verify_store
from evm_dex.abi.artifact import ArtifactError, load_artifact
from evm_dex.blocks.addresses import to_address
from evm_dex.client.dex import Dex
from evm_dex.errors import (
    CallFailed,
    GenesisMismatch,
    TransactionRejected,
    UnknownTransaction,
)
from precompiles.types import COMMITMENT_SLOT

ETHER = 10**18
PRICE = 2_000 * 10**6


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open() as dex:
        yield dex


def test_two_orders_trade(dex: Dex) -> None:
    maker, taker = dex.accounts[:2]
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    dex.spot.send("placeOrder", weth, ETHER, PRICE, False, sender=maker)
    assert dex.spot.call("getBestPrices", weth) == (0, PRICE)
    before = dex.spot.call("getBalance", taker, usdc).available
    receipt = dex.spot.send("placeOrder", weth, ETHER, PRICE + 10_000, True, sender=taker)
    placed, trade = dex.spot.events(receipt)
    assert (placed.name, trade.name) == ("OrderPlaced", "Trade")
    assert trade.args["maker"] == maker.address
    assert trade.args["quoteAmount"] == PRICE
    assert dex.spot.call("getBalance", taker, usdc) == (before - PRICE, 0)
    assert dex.self_check() == []
    assert dex.counts()["orders"] == 2


def test_deposit_and_withdraw_move_real_tokens(dex: Dex) -> None:
    account, weth = dex.accounts[0], dex.tokens["WETH"]
    held, inside = weth.call("balanceOf", account), weth.call("balanceOf", dex.spot)
    weth.send("approve", dex.spot, 5 * ETHER)
    dex.spot.send("deposit", weth, 5 * ETHER)
    assert weth.call("balanceOf", dex.spot) == inside + 5 * ETHER
    dex.spot.send("withdraw", weth, 5 * ETHER)
    assert weth.call("balanceOf", account) == held
    dex.spot.send("depositNative", value=7)
    assert dex.balance(dex.spot) == 7


def test_a_refusal_is_an_error_by_name_with_its_fields(dex: Dex) -> None:
    weth = dex.tokens["WETH"]
    available = dex.spot.call("getBalance", dex.accounts[0], weth).available
    with pytest.raises(evm_dex.Reverted) as refused:
        dex.spot.send("withdraw", weth, 10**30)
    assert refused.value.error is not None
    assert refused.value.error.name == "InsufficientBalance"
    assert str(refused.value) == (
        f"InsufficientBalance(token={weth.address}, available={available}, needed={10**30})"
    )


def test_a_transaction_sent_with_gas_may_fail_and_tells_why(dex: Dex) -> None:
    receipt = dex.spot.send("cancelOrder", 99, gas=100_000)
    assert (receipt.status, receipt.error, receipt.logs) == (0, "Revert", ())
    assert str(dex.spot.error(receipt)) == "OrderNotFound(orderId=99)"


def test_a_contract_that_reverts_after_trading_leaves_book_and_balances_as_they_were(
    dex: Dex,
) -> None:
    """The order would fill half of a resting one; its place in time priority is kept too."""
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    for amount in (2, 3):
        dex.spot.send("placeOrder", weth, amount * ETHER, PRICE, False, sender=dex.accounts[1])
    contract = dex.deploy("RevertAfterTrade")
    usdc.send("transfer", contract, 10_000 * 10**6)
    contract.send("deposit", usdc, 10_000 * 10**6)
    slot = dex.storage(dex.spot, COMMITMENT_SLOT)
    receipt = contract.send("tradeAndRevert", weth, ETHER, PRICE, True, gas=1_000_000)
    assert str(contract.error(receipt)) == "Regretted(orderId=3)"
    assert dex.storage(dex.spot, COMMITMENT_SLOT) == slot
    assert dex.spot.call("getDepth", weth, 5).askAmounts == (5 * ETHER,)
    dex.spot.send("placeOrder", weth, ETHER, PRICE, True, sender=dex.accounts[2])
    assert dex.spot.call("getOrder", 1).filled == ETHER
    assert dex.self_check() == []


def test_only_the_frames_that_revert_lose_their_trades(dex: Dex) -> None:
    """Two orders per frame, four frames; frames 1 and 0 are inside a reverting frame 1."""
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    dex.spot.send("placeOrder", weth, 100 * ETHER, PRICE, False, sender=dex.accounts[1])
    contract = dex.deploy("RevertAfterTrade")
    usdc.send("transfer", contract, 100_000 * 10**6)
    contract.send("deposit", usdc, 100_000 * 10**6)
    receipt = contract.send("tradeNested", weth, ETHER, PRICE, True, 3, 0b0010, gas=5_000_000)
    assert receipt.succeeded
    assert dex.spot.call("getDepth", weth, 5).askAmounts == (96 * ETHER,)
    trades = [event for event in dex.spot.events(receipt) if event.name == "Trade"]
    assert [trade.args["tradeId"] for trade in trades] == [1, 2, 3, 4]
    assert dex.self_check() == []


def test_calls_see_the_exchange_at_past_blocks(dex: Dex) -> None:
    weth = dex.tokens["WETH"]
    for step in range(3):
        dex.spot.send("placeOrder", weth, ETHER, PRICE + step * 10_000, True)
    best = [dex.spot.call("getBestPrices", weth, block=height).bid for height in range(4)]
    assert best == [0, PRICE, PRICE + 10_000, PRICE + 20_000]


def test_mining_on_demand(dex: Dex) -> None:
    dex.chain.automine = False
    hashes = [dex.submit(to=dex.accounts[1], value=1) for _ in range(3)]
    with pytest.raises(TransactionRejected, match="automine is off"):
        dex.send(to=dex.accounts[1])
    first, second = dex.mine(2, timestamp=1_900_000_000)
    assert first.transaction_hashes == tuple(hashes)
    assert second.header.timestamp == 1_900_000_001
    assert dex.block(1).transactions == tuple(hashes)
    assert dex.receipt(hashes[2]).transaction_index == 2
    assert dex.transaction(hashes[0]).value == 1
    assert dex.nonce(dex.accounts[0]) == 3
    assert dex.nonce(dex.accounts[0], block=0) == 0


def test_raw_and_legacy_transactions(dex: Dex) -> None:
    other = evm_dex.open()
    raw = dex.transaction(dex.submit(to=dex.accounts[1], value=3, gas_price=10**10)).raw
    assert raw[0] >= 0xC0, "a gas price makes a legacy transaction"
    receipt = other.receipt(other.send_raw(raw))
    assert receipt.succeeded
    assert receipt.effective_gas_price == 10**10
    other.close()


def test_logs_are_found_and_carry_their_place(dex: Dex) -> None:
    weth = dex.tokens["WETH"]
    dex.spot.send("placeOrder", weth, ETHER, PRICE, True)
    weth.send("transfer", dex.accounts[1], 1)
    assert [log.address for log in dex.logs()] == [dex.spot.address, weth.address]
    (log,) = dex.logs(address=dex.spot)
    assert (log.block_number, log.log_index) == (1, 0)
    assert log.transaction_hash == dex.block(1).transactions[0]
    assert dex.logs(from_block=2, address=[dex.spot]) == []


def test_transactions_and_topics_go_by_bytes_or_hex(dex: Dex) -> None:
    dex.tokens["WETH"].send("transfer", dex.accounts[1], 1)
    (log,) = dex.logs()
    told = "0x" + log.transaction_hash.hex()
    assert dex.receipt(told) == dex.receipt(log.transaction_hash)
    assert dex.transaction(told).hash == log.transaction_hash
    first = "0x" + log.topics[0].hex()
    choices: list[list[Any]] = [[first], [[first, bytes(32)]], [None, log.topics[1]]]
    for topics in choices:
        assert dex.logs(topics=topics) == [log]
    assert dex.logs(topics=[bytes(32)]) == []
    for wrong in ("0x12", b"short", "Transfer"):
        with pytest.raises(ValueError, match="is not a hash: "):
            dex.logs(topics=[wrong])
        with pytest.raises(ValueError, match="is not a hash: "):
            dex.receipt(wrong)


def test_structs_go_in_and_come_out(dex: Dex) -> None:
    weth = dex.tokens["WETH"]
    good = {"asset": weth, "amount": ETHER, "price": PRICE, "isBuy": True}
    good |= {"timeInForce": 0, "clientOrderId": 0}
    results = dex.spot.call("placeOrders", [good, good | {"amount": 1}])
    assert [(result[0], result[1]) for result in results] == [(1, 1), (0, 5)]


def test_a_chain_at_a_path_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "chain"
    with evm_dex.open(path, checkpoint_interval=2) as dex:
        weth = dex.tokens["WETH"].address
        for step in range(4):
            dex.spot.send("placeOrder", weth, ETHER, PRICE + step * 10_000, True)
        head = dex.head
        assert [info.manifest.height for info in dex.checkpoints() if info.manifest] == [2, 4]
        with pytest.raises(StoreLocked):
            evm_dex.open(path)
    with evm_dex.open(path) as dex:
        assert dex.head == head
        assert dex.spot.call("getBestPrices", weth).bid == PRICE + 30_000
        assert dex.spot.call("getBestPrices", weth, block=2).bid == PRICE + 10_000
        dex.spot.send("cancelOrder", 4)
    with pytest.raises(GenesisMismatch):
        evm_dex.open(path, genesis={"chain_id": 9})
    with evm_dex.open(path) as dex:
        assert dex.head.number == 5


def test_a_failed_opening_holds_no_lock(tmp_path: Path) -> None:
    with pytest.raises(evm_dex.ChainError):
        evm_dex.open(tmp_path / "chain", genesis={"chain_id": 0})
    evm_dex.open(tmp_path / "chain").close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nothing",), LookupError, "no single function 'nothing'"),
        (("cancelOrder",), LookupError, "cancelOrder"),
        (("placeOrder", 1), LookupError, "placeOrder"),
    ],
)
def test_wrong_names_and_counts_are_told_what_there_is(
    dex: Dex, arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        dex.spot.call(*arguments)


def test_artifacts_that_are_not_there_are_told_what_is(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"there are .*TestToken"):
        load_artifact("Nope")
    with pytest.raises(ArtifactError, match="no artifact at"):
        load_artifact(tmp_path / "nope.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ArtifactError, match="no `abi`"):
        load_artifact(tmp_path / "list.json")


def test_an_interface_can_not_be_deployed_and_a_constructor_can_fail(dex: Dex) -> None:
    with pytest.raises(ArtifactError, match="is it an interface"):
        dex.deploy("ISpot")
    broken = {"contractName": "Broken", "abi": [], "bytecode": "0x60006000fd"}
    with pytest.raises(CallFailed, match="reverted"):
        dex.deploy(broken)
    with pytest.raises(evm_dex.Reverted, match="reverted") as failed:
        dex.deploy(broken, gas=100_000)
    assert failed.value.receipt is not None
    assert "create Broken.constructor" in failed.value.tree


@pytest.mark.parametrize("address", ["0x12", "zz", b"\x01" * 19])
def test_what_is_no_address_is_refused(address: bytes | str) -> None:
    with pytest.raises(ValueError, match="address"):
        to_address(address)


def test_a_sender_may_be_given_by_address_if_its_key_is_at_hand(dex: Dex) -> None:
    assert dex.send(to=dex.accounts[0], sender=dex.accounts[3].address).sender == (
        dex.accounts[3].address
    )
    with pytest.raises(TransactionRejected, match="no key at hand for 0x1111"):
        dex.send(to=dex.accounts[0], sender="0x" + "11" * 20)


def _run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_importing_loads_nothing_heavy() -> None:
    program = (
        "import evm_dex, sys; print([m for m in ('eth', 'numpy', 'rocksdict') if m in sys.modules])"
    )
    assert _run(program).strip() == "[]"


@pytest.mark.slow
def test_without_coincurve_it_refuses_and_says_so() -> None:
    program = "import sys; sys.modules['coincurve'] = None; import evm_dex; evm_dex.open()"
    assert "evm_dex needs coincurve" in _run(program)


@pytest.mark.slow
def test_the_fast_hash_is_chosen() -> None:
    program = (
        "import evm_dex; evm_dex.open().close(); from eth_hash.auto import keccak;"
        "print(keccak.hasher.__module__)"
    )
    assert _run(program).strip() == "eth_hash.backends.pysha3"


def test_a_checkpoint_is_proven_and_brought_back(tmp_path: Path) -> None:
    """After the restore the chain goes on to the same block as before."""
    path = tmp_path / "chain"

    def trade(dex: Dex, step: int) -> None:
        price = PRICE + step * 10_000
        dex.spot.send("placeOrder", dex.tokens["WETH"], ETHER, price, bool(step % 2))

    with evm_dex.open(path, checkpoint_interval=3) as dex:
        for step in range(5):
            trade(dex, step)
        head = dex.head
    restore(path, 3)
    store = RocksStore(path)
    assert verify_store(store).difference is None
    store.close()
    with evm_dex.open(path) as dex:
        assert dex.head.number == 3
        for step in (3, 4):
            trade(dex, step)
        assert dex.head == head


@pytest.mark.parametrize("wrong", [5, [], "0x12", "vitalik.eth", b"short"])
def test_what_is_no_address_is_named(wrong: Any) -> None:
    with evm_dex.open() as dex:
        for asking in (
            lambda: dex.balance(wrong),
            lambda: dex.send(to=wrong, value=1),
            lambda: dex.send(to=dex.accounts[1], value=1, sender=wrong),
        ):
            with pytest.raises(ValueError, match="is not an address: "):
                asking()


def test_events_are_decoded_from_logs_of_many_blocks_too(dex: Dex) -> None:
    weth = dex.tokens["WETH"]
    receipts = [
        dex.spot.send("placeOrder", weth, ETHER, PRICE, is_buy, sender=dex.accounts[at])
        for at, is_buy in enumerate((False, True))
    ]
    weth.send("transfer", dex.accounts[1], 5)
    found = dex.spot.events(dex.logs(1))
    assert found == [event for receipt in receipts for event in dex.spot.events(receipt)]
    assert [event.name for event in found] == ["OrderPlaced", "OrderPlaced", "Trade"]
    assert weth.events(dex.logs(1))[0].args["value"] == 5


def test_what_a_failing_test_shows_of_a_transaction_is_a_line(dex: Dex) -> None:
    done = dex.spot.send("placeOrder", dex.tokens["WETH"], ETHER, PRICE, False)
    failed = dex.spot.send("cancelOrder", 77, gas=100_000)
    hash_ = done.transaction_hash.hex()
    assert (
        repr(done) == f"<Receipt of 0x{hash_} in block 1: succeeded, {done.gas_used} gas, logs: 1>"
    )
    assert "in block 2: failed with Revert, " in repr(failed)
    assert repr(done.logs[0]).startswith(f"<Log of {dex.spot.address} in block 1: [0x")
    assert repr(dex.block(1)) == f"<Block 1 0x{dex.block(1).hash.hex()}, transactions: 1>"


def test_an_order_at_a_price_that_goes_stale_before_its_block_is_refused(dex: Dex) -> None:
    trader = dex.accounts[1]
    dex.cheats.list_perp_market("GOLD", PRICE, max_price_age=100)
    gold, order = dex.perp_markets["GOLD"], (10**18, PRICE, True)
    dex.perp.send("placeOrder", gold, *order, sender=trader)
    dex.cheats.increase_time(500)
    height = dex.head.number
    with pytest.raises(evm_dex.Reverted) as refused:
        dex.perp.send("placeOrder", gold, *order, sender=trader)
    assert (refused.value.name, refused.value.receipt) == ("StalePrice", None)
    assert dex.head.number == height


def test_an_order_whose_price_is_fresh_in_its_block_is_taken(dex: Dex) -> None:
    """At the head's time it would be refused: the new price waits for the same block."""
    trader, owner = dex.accounts[1], dex.spot.call("owner")
    dex.cheats.list_perp_market("GOLD", PRICE, max_price_age=100)
    gold = dex.perp_markets["GOLD"]
    dex.mine(timestamp=dex.head.timestamp + 500)
    dex.cheats.automine(on=False)
    with dex.cheats.acting_as(owner):
        dex.perp.submit("setOraclePrice", gold, PRICE + 10**6, sender=owner)
    order = dex.perp.submit("placeOrder", gold, 10**18, PRICE, True, sender=trader)
    dex.mine()
    assert dex.receipt(order).succeeded


def test_a_transaction_that_fails_after_its_estimate_raises_with_its_receipt(dex: Dex) -> None:
    """What it relies on waits, and pays less: it is executed before it."""
    rich, poor = dex.accounts[0], dex.accounts[8]
    token = dex.cheats.deploy_token("T")
    dex.cheats.deal(token, rich, 5)
    dex.cheats.automine(on=False)
    token.submit("transfer", poor, 5, sender=rich)
    dex.cheats.automine()
    tips: dict[str, Any] = {"max_priority_fee_per_gas": 10**10, "max_fee_per_gas": 10**11}
    with pytest.raises(evm_dex.Reverted) as failed:
        token.send("transfer", rich, 5, sender=poor, **tips)
    assert failed.value.receipt is not None
    assert not failed.value.receipt.succeeded
    receipt = token.send("transfer", rich, 50, sender=poor, gas=100_000)
    assert not receipt.succeeded


def test_a_nonce_ahead_waits_but_nobody_waits_for_it(dex: Dex) -> None:
    payment: dict[str, Any] = {"to": dex.accounts[1], "value": 1, "gas": 21_000}
    with pytest.raises(TransactionRejected, match=r"nonce too high: the next is 0; submit\(\)"):
        dex.send(**payment, nonce=1)
    late = dex.submit(**payment, nonce=1)
    assert dex.head.number == 0
    first = dex.send(**payment)
    assert (first.block_number, dex.receipt(late).block_number) == (1, 2)


def test_the_pending_block_is_read_as_any_other(dex: Dex) -> None:
    giver, taker = dex.accounts[:2]
    usdc, before = dex.tokens["USDC"], dex.balance(dex.accounts[1])
    dex.cheats.automine(on=False)
    moved = usdc.submit("transfer", taker, 5, sender=giver)
    paid = dex.submit(to=taker, value=7)
    assert usdc.call("balanceOf", taker, block="pending") == usdc.call("balanceOf", taker) + 5
    assert dex.balance(taker, "pending") == before + 7
    assert dex.nonce(giver, "pending") == dex.nonce(giver) + 2
    block = dex.block("pending")
    assert (block.number, block.transactions) == (dex.head.number + 1, (moved, paid))
    assert dex.logs(to_block="pending") == dex.logs()
    dex.mine()
    assert dex.head.hash == block.hash


def test_a_receipt_of_one_that_waits_says_what_it_waits_for(dex: Dex) -> None:
    dex.cheats.automine(on=False)
    waits = dex.submit(to=dex.accounts[1], value=1)
    for asked in (dex.receipt, dex.transaction):
        with pytest.raises(UnknownTransaction, match=r"waits for a block: mine\(\) makes one"):
            asked(waits)
    dex.mine()
    assert dex.receipt(waits).succeeded


@pytest.mark.parametrize("field", ["nonce", "gas", "value", "max_fee_per_gas"])
def test_a_number_below_nothing_is_refused_by_its_name(dex: Dex, field: str) -> None:
    fields: dict[str, Any] = {"to": dex.accounts[1], "gas": 21_000, field: -1}
    with pytest.raises(TransactionRejected, match=f"{field} must be 0 or more, got -1"):
        dex.submit(**fields)


def test_the_exchanges_take_markets_and_tokens_by_symbol(dex: Dex) -> None:
    dex.spot.send("placeOrder", "WETH", 10**18, 2_500 * 10**6, False)
    assert dex.spot.call("getBestPrices", "WETH") == (0, 2_500 * 10**6)
    dex.spot.send("withdraw", "USDC", 10**6)
    assert dex.perp.call("getMarkPrice", "WETH") == 2_000 * 10**6
    silver = dex.cheats.deploy_token("SILVER")
    assert dex.spot.encode("deposit", "SILVER", 5) == dex.spot.encode("deposit", silver, 5)
    with pytest.raises(ValueError, match="GOLD"):
        dex.spot.call("getBestPrices", "GOLD")


def test_no_number_of_blocks_is_below_zero(dex: Dex) -> None:
    head = dex.head.hash
    assert dex.mine(0) == []
    with pytest.raises(ValueError, match="count must be at least 0, got -1"):
        dex.mine(-1)
    assert dex.head.hash == head


@pytest.mark.parametrize("slot", [-1, 2**256, "0x0", 1.5])
def test_only_words_are_slots(dex: Dex, slot: Any) -> None:
    with pytest.raises(ValueError, match="a slot must be an integer"):
        dex.storage(dex.spot, slot)
