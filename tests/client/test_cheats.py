"""Cheatcodes: what they change is in a block, lasts, goes away by a revert, and adds up."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evm_dex
from checkpoint.archive import export_archive, import_archive
from checkpoint.verify import verify_store
from evm_dex.blocks.addresses import to_address
from evm_dex.blocks.transaction import Transaction, decode, unsigned
from evm_dex.chain.block_proof import inspect_block
from evm_dex.chain.chain_settings import CHOSEN_HEADER, WRITTEN_STATE
from evm_dex.errors import CheatRefused, InvalidBlock, TransactionRejected
from evm_dex.evm.machine import State
from precompiles.types import NATIVE_COIN, PERP_ADDRESS, SPOT_ADDRESS, Address
from tests.bytecode import COPY_CALLDATA, assemble

ETHER = 10**18
STRANGER = Address(b"\x57" * 20)
CONTRACT = Address(b"\xc0" * 20)
RETURNS_SLOT_1 = bytes.fromhex("60015460005260206000f3")


@pytest.fixture
def dex() -> Iterator[evm_dex.Dex]:
    with evm_dex.open() as opened:
        yield opened


def change_everything(dex: evm_dex.Dex) -> None:
    dex.cheats.set_balance(STRANGER, 3 * ETHER)
    dex.cheats.set_nonce(STRANGER, 7)
    dex.cheats.set_code(CONTRACT, RETURNS_SLOT_1)
    dex.cheats.set_storage(CONTRACT, 1, 42)
    dex.cheats.deal("WETH", STRANGER, 5 * ETHER)
    dex.cheats.deal_on_spot("WETH", STRANGER, 6 * ETHER)
    dex.cheats.deal_on_perp(STRANGER, 7_000_000)


def everything(dex: evm_dex.Dex) -> list[object]:
    weth = dex.tokens["WETH"]
    return [
        dex.balance(STRANGER),
        dex.nonce(STRANGER),
        dex.code(CONTRACT),
        int.from_bytes(dex.call(to=CONTRACT), "big"),
        weth.call("balanceOf", STRANGER),
        dex.spot.call("getBalance", STRANGER, weth).available,
        dex.chain.ledger.perp.cash(STRANGER),
    ]


CHANGED = [3 * ETHER, 7, RETURNS_SLOT_1, 42, 5 * ETHER, 6 * ETHER, 7_000_000]
UNCHANGED = [0, 0, b"", 0, 0, 0, 0]


def test_what_is_set_is_in_the_state_of_a_block_that_says_so(dex: evm_dex.Dex) -> None:
    before = dex.head
    change_everything(dex)
    assert everything(dex) == CHANGED
    for number in range(before.number + 1, dex.head.number + 1):
        block = dex.block(number)
        assert block.header.extra_data == WRITTEN_STATE
        assert (block.transactions, block.timestamp) == ((), before.timestamp)
    # The state is read back from the root in the header, not from memory.
    stored = dex.chain.call_runner.state_at(dex.chain.head)
    assert stored.get_balance(STRANGER) == 3 * ETHER
    assert dex.balance(STRANGER, before.number) == 0


def test_a_revert_takes_it_back_and_the_same_again_gives_the_same_hashes(dex: evm_dex.Dex) -> None:
    place = dex.snapshot("clean")
    change_everything(dex)
    first = dex.head.hash
    dex.revert(place)
    assert everything(dex) == UNCHANGED
    change_everything(dex)
    assert dex.head.hash == first


@pytest.mark.slow
def test_it_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, evm_dex\n"
        "from tests.client.test_cheats import change_everything\n"
        f"dex = evm_dex.open({str(tmp_path / 'chain')!r})\n"
        "change_everything(dex)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], env=os.environ, check=False)
    assert killed.returncode == -9
    with evm_dex.open(tmp_path / "chain") as dex:
        assert everything(dex) == CHANGED
        assert dex.self_check() == []


def test_a_block_with_a_cheat_is_refused_by_another_node_by_name(dex: evm_dex.Dex) -> None:
    dex.cheats.set_balance(STRANGER, 1)
    with evm_dex.open() as other, pytest.raises(InvalidBlock, match="state set by hand"):
        other.chain.import_blocks(dex.chain.export_blocks(1))
    dex.cheats.reset()
    dex.cheats.set_next_base_fee(77)
    dex.mine()
    with evm_dex.open() as other, pytest.raises(InvalidBlock, match="header set by hand"):
        other.chain.import_blocks(dex.chain.export_blocks(1))


def test_a_change_that_fails_leaves_state_and_ledger_as_they_were(dex: evm_dex.Dex) -> None:
    user, weth = to_address(dex.accounts[0]), dex.tokens["WETH"].raw_address
    before = dex.head.hash, dex.chain.ledger.spot.balance(user, weth)

    def change(state: State) -> None:
        state.set_balance(STRANGER, 5)
        dex.chain.ledger.spot.change_balance(user, weth, total=5)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        dex.chain.write_state(change)
    assert (dex.head.hash, dex.chain.ledger.spot.balance(user, weth)) == before
    assert dex.balance(STRANGER) == 0
    dex.cheats.set_balance(STRANGER, 1)
    assert dex.self_check() == []


def test_an_account_that_is_emptied_leaves_no_trace() -> None:
    with evm_dex.open(genesis={"system_contracts": False}) as dex:  # which leave one of each block
        root = dex.head.state_root
        dex.cheats.set_balance(STRANGER, 1)
        assert dex.head.state_root != root
        dex.cheats.set_balance(STRANGER, 0)
        assert dex.head.state_root == root


@pytest.mark.parametrize("change", ["balance", "nonce", "code", "storage"])
@pytest.mark.parametrize("exchange", [SPOT_ADDRESS, PERP_ADDRESS])
def test_the_account_of_an_exchange_is_left_alone(
    dex: evm_dex.Dex, change: str, exchange: bytes
) -> None:
    calls: dict[str, Callable[[], object]] = {
        "balance": lambda: dex.cheats.set_balance(exchange, 1),
        "nonce": lambda: dex.cheats.set_nonce(exchange, 9),
        "code": lambda: dex.cheats.set_code(exchange, b"\x00"),
        "storage": lambda: dex.cheats.set_storage(exchange, 0, 1),
    }
    head = dex.head.hash
    with pytest.raises(CheatRefused, match="is an exchange"):
        calls[change]()
    assert dex.head.hash == head


def test_what_no_chain_can_be_is_refused_with_nothing_changed(dex: evm_dex.Dex) -> None:
    dex.send(to=STRANGER, value=1)
    head, cheats = dex.head.hash, dex.cheats
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: cheats.set_balance(STRANGER, 2**256), "must be from"),
        (lambda: cheats.set_balance(STRANGER, -1), "must be from"),
        (lambda: cheats.set_nonce(dex.accounts[0], 0), "can't go down to 0"),
        (lambda: cheats.set_next_timestamp(dex.head.timestamp), "only moves forward"),
        (lambda: cheats.increase_time(-1), "must be at least 0, got -1"),
        (lambda: cheats.set_interval(0), "at least 1 second apart"),
        (lambda: cheats.set_gas_limit(1), "must be from"),
        (lambda: cheats.set_prevrandao(b"\x01"), "32 bytes"),
        (lambda: cheats.deal("DOGE", STRANGER, 1), "no token 'DOGE'; there are WETH, USDC, ETH"),
        (lambda: cheats.deal(STRANGER, STRANGER, 1), "keeps no balance"),
        (lambda: cheats.deal_on_spot("WETH", STRANGER, 2**128), "must be from"),
        (lambda: cheats.deal_on_spot("WETH", STRANGER, 0), "must be from"),
        (lambda: cheats.deal_on_perp(STRANGER, 2**128), "must be from"),
        (lambda: cheats.set_oracle_price("DOGE", 1), "no perpetual market 'DOGE'; there are WETH"),
    ]
    for call, message in refused:
        with pytest.raises(CheatRefused, match=message):
            call()
    assert dex.head.hash == head


def test_an_impersonated_account_or_contract_sends_without_a_key(dex: evm_dex.Dex) -> None:
    dex.cheats.set_code(CONTRACT, RETURNS_SLOT_1)
    with dex.cheats.acting_as(CONTRACT):
        receipt = dex.send(to=STRANGER, value=5, sender=CONTRACT)
    assert receipt.succeeded
    assert receipt.sender.lower() == "0x" + CONTRACT.hex()
    assert (dex.balance(STRANGER), dex.nonce(CONTRACT)) == (5, 1)
    transaction = dex.transaction(receipt.transaction_hash)
    assert not transaction.is_signed
    assert decode(transaction.raw) == transaction
    with pytest.raises(TransactionRejected, match="no key at hand"):
        dex.send(to=STRANGER, value=5, sender=CONTRACT)


def test_the_same_transaction_of_two_impersonated_accounts_has_two_hashes(
    dex: evm_dex.Dex,
) -> None:
    dex.cheats.auto_impersonate()
    hashes = set()
    for sender in (STRANGER, CONTRACT):
        dex.cheats.set_balance(sender, ETHER)
        hashes.add(
            dex.submit(to=b"\x01" * 20, value=1, sender=sender, gas=21_000, gas_price=10**10)
        )
    assert len(hashes) == 2


def test_an_unsigned_transaction_is_refused_at_the_door_and_in_a_branch(dex: evm_dex.Dex) -> None:
    dex.cheats.impersonate(dex.accounts[5])
    raw_address = to_address(dex.accounts[5])
    receipt = dex.receipt(dex.chain.send(forged(dex, raw_address)).hash)
    assert receipt.succeeded
    raw = dex.transaction(receipt.transaction_hash).raw
    with evm_dex.open() as other:
        with pytest.raises(TransactionRejected, match="is not impersonated"):
            other.send_raw(raw)
        blocks = dex.chain.export_blocks(1)
        with pytest.raises(InvalidBlock, match="is not impersonated"):
            other.chain.import_blocks(blocks)
        other.cheats.impersonate(raw_address)
        assert other.chain.import_blocks(blocks)[-1].hash == dex.head.hash
        other.cheats.stop_impersonating(raw_address)
        with pytest.raises(TransactionRejected, match="is not impersonated"):
            other.chain.send(forged(other, raw_address))


def forged(dex: evm_dex.Dex, sender: bytes) -> Transaction:
    fields = {
        "chain_id": dex.chain.chain_id,
        "nonce": dex.nonce(sender),
        "gas": 21_000,
        "to": STRANGER,
        "value": 1,
        "data": b"",
        "gas_price": 10**10,
    }
    return unsigned(Address(sender), 0, fields)


def test_time_is_chosen_for_one_block_and_then_goes_on_from_there(dex: evm_dex.Dex) -> None:
    start = dex.head.timestamp
    assert dex.cheats.increase_time(0) == start + 1
    assert dex.cheats.increase_time(100) == start + 100
    assert dex.cheats.increase_time(0) == start + 100
    assert dex.cheats.increase_time(20) == start + 120
    dex.cheats.set_balance(STRANGER, 1)
    assert dex.head.timestamp == start
    dex.send(to=STRANGER, value=1)
    assert dex.head.timestamp == start + 120
    dex.mine()
    assert dex.head.timestamp == start + 121
    dex.cheats.set_next_timestamp(start + 1_000)
    dex.cheats.set_interval(60)
    dex.mine(3)
    assert dex.head.timestamp == start + 1_120
    dex.cheats.set_interval(None)
    dex.mine()
    assert dex.head.timestamp == start + 1_121


def test_header_fields_are_chosen_for_the_next_block_or_from_it_on(dex: evm_dex.Dex) -> None:
    dex.cheats.set_coinbase(STRANGER)
    dex.cheats.set_next_base_fee(9 * 10**9)
    dex.cheats.set_gas_limit(40_000_000)
    dex.cheats.set_prevrandao(5)
    dex.send(to=CONTRACT, value=1, max_priority_fee_per_gas=3)
    header = dex.head.header
    assert (header.base_fee_per_gas, header.gas_limit) == (9 * 10**9, 40_000_000)
    assert (header.coinbase, int.from_bytes(header.mix_hash, "big")) == (STRANGER, 5)
    assert header.extra_data == CHOSEN_HEADER
    assert dex.balance(STRANGER) == 3 * 21_000
    dex.mine()
    after = dex.head.header
    assert (after.coinbase, after.gas_limit, after.extra_data) == (STRANGER, 40_000_000, b"")
    assert (after.base_fee_per_gas, after.mix_hash) != (9 * 10**9, header.mix_hash)


def test_what_was_chosen_for_the_next_block_comes_back_with_a_snapshot(dex: evm_dex.Dex) -> None:
    wanted = dex.cheats.increase_time(500)
    number = dex.snapshot()
    dex.mine()
    dex.cheats.set_next_base_fee(1)
    dex.revert(number)
    dex.mine()
    assert dex.head.timestamp == wanted
    assert dex.head.base_fee_per_gas != 1


def test_a_waiting_transaction_is_dropped_and_those_that_follow_it_wait_on(
    dex: evm_dex.Dex,
) -> None:
    dex.cheats.automine(on=False)
    first, second = (dex.submit(to=STRANGER, value=1, gas=21_000) for _ in range(2))
    other = dex.submit(to=STRANGER, value=2, gas=21_000, sender=dex.accounts[1])
    assert dex.cheats.drop_transaction(first)
    assert not dex.cheats.drop_transaction(first)
    assert dex.mine()[0].transaction_hashes == (other,)
    instead = dex.submit(to=STRANGER, value=3, gas=21_000)
    assert dex.mine()[0].transaction_hashes == (instead, second)
    dex.submit(to=STRANGER, value=1, gas=21_000)
    dex.cheats.drop_all_transactions()
    assert dex.mine()[0].transaction_hashes == ()


def test_a_raised_nonce_takes_out_what_waited_with_the_old_one(dex: evm_dex.Dex) -> None:
    dex.cheats.automine(on=False)
    dex.submit(to=STRANGER, value=1, gas=21_000)
    dex.cheats.set_nonce(dex.accounts[0], 5)
    assert dex.mine()[0].transaction_hashes == ()
    assert dex.chain.next_nonce(to_address(dex.accounts[0])) == 5


def test_reset_goes_back_to_the_genesis(dex: evm_dex.Dex) -> None:
    genesis = dex.head.hash
    change_everything(dex)
    dex.cheats.auto_impersonate()
    dex.cheats.increase_time(5)
    dex.cheats.reset()
    assert dex.head.hash == genesis
    assert everything(dex) == UNCHANGED
    assert STRANGER not in dex.chain.settings.impersonation
    assert dex.chain.next_header().timestamp == dex.head.timestamp + 1


def test_a_balance_is_found_behind_another_layout_and_the_supply_moves_with_it(
    dex: evm_dex.Dex,
) -> None:
    """A token whose balances are in a contract of their own, keyed the other way round (Vyper)."""
    store = b"\x5a" * 20
    # keccak(slot . key) of the calldata's first argument, as Vyper lays mappings out.
    mapping = assemble(
        "0x07 PUSH0 MSTORE 0x04 CALLDATALOAD 0x20 MSTORE 0x40 PUSH0 SHA3 SLOAD "
        "PUSH0 MSTORE 0x20 PUSH0 RETURN"
    )
    proxy = assemble(
        f"{COPY_CALLDATA} 0x20 PUSH0 CALLDATASIZE PUSH0 0x{store.hex()} GAS STATICCALL POP "
        "0x20 PUSH0 RETURN"
    )
    dex.cheats.set_code(store, mapping)
    dex.cheats.set_code(CONTRACT, proxy)
    dex.cheats.deal(CONTRACT, STRANGER, 1234)
    assert dex.contract(CONTRACT, "TestToken").call("balanceOf", STRANGER) == 1234
    word = dex.cheats.find_balance(CONTRACT, STRANGER)
    assert word is not None
    assert word.address == store
    weth = dex.tokens["WETH"]
    supply = weth.call("totalSupply")
    dex.cheats.deal("WETH", STRANGER, 99)
    dex.cheats.deal("WETH", STRANGER, 90)
    assert weth.call("totalSupply") == supply + 90


def test_markets_are_listed_and_priced_in_the_names_of_owner_and_feeder(dex: evm_dex.Dex) -> None:
    dex.cheats.deploy_token("DOGE", 8)
    dex.cheats.list_market("DOGE", maker_fee=1)
    market = dex.spot.call("getMarket", dex.tokens["DOGE"])
    assert (market.baseUnit, market.tick, market.lot, market.makerFee) == (10**8, 10**4, 10**4, 1)
    dex.cheats.list_perp_market("GOLD", 4_000 * 10**6, feeder=STRANGER)
    dex.cheats.set_oracle_price("GOLD", 4_100 * 10**6)
    assert dex.perp.call("getOracle", dex.perp_markets["GOLD"]).price == 4_100 * 10**6
    assert dex.perp.call("getRisk", dex.perp_markets["GOLD"]).maxPriceAge == 365 * 24 * 3600
    assert dex.self_check() == []


def test_cheats_do_not_wait_and_leave_what_waits(dex: evm_dex.Dex) -> None:
    dex.cheats.automine(on=False)
    waiting = dex.submit(to=STRANGER, value=1, gas=21_000, sender=dex.accounts[3])
    price = 2_100 * 10**6
    assert dex.cheats.set_oracle_price("WETH", price).succeeded
    assert dex.perp.call("getOracle", dex.perp_markets["WETH"]).price == price
    assert not dex.chain.automine
    assert dex.mine()[0].transaction_hashes == (waiting,)


FUNDS = st.tuples(
    st.sampled_from(["spot", "perp", "wallet", "withdraw"]),
    st.sampled_from(["WETH", "USDC", "ETH"]),
    st.integers(0, 3),
    st.integers(1, 10**24),
)


@settings(max_examples=15)
@given(st.lists(FUNDS, max_size=8))
def test_whatever_is_dealt_the_exchanges_hold_what_they_owe_and_it_can_be_taken_out(
    steps: list[tuple[str, str, int, int]],
) -> None:
    with evm_dex.open() as dex:
        for kind, symbol, index, amount in steps:
            user = dex.accounts[index]
            if kind == "spot":
                dex.cheats.deal_on_spot(symbol, user, amount)
            elif kind == "perp":
                dex.cheats.deal_on_perp(user, amount)
            elif kind == "wallet":
                dex.cheats.deal(symbol, user, amount + ETHER)
            elif symbol != "ETH":
                token = dex.tokens[symbol]
                free = dex.spot.call("getBalance", user, token).available
                if free:
                    assert dex.spot.send("withdraw", token, free, sender=user).succeeded
        ledger = dex.chain.ledger
        assert dex.balance(SPOT_ADDRESS) == ledger.spot.token_total(NATIVE_COIN)
        for token in dex.tokens.values():
            held = token.call("balanceOf", SPOT_ADDRESS)
            assert held == ledger.spot.token_total(token.raw_address)
        held = dex.tokens["USDC"].call("balanceOf", PERP_ADDRESS)
        assert held == ledger.perp.fund.collateral_total
        assert dex.self_check() == []


def test_checkpoints_and_archives_prove_a_chain_with_cheats(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "chain") as dex:
        change_everything(dex)
        dex.cheats.set_next_base_fee(5)
        with dex.cheats.acting_as(CONTRACT):
            sent = dex.send(to=STRANGER, value=1, sender=CONTRACT)
        dex.create_checkpoint()
        assert verify_store(dex.store, deep=True).difference is None
        export_archive(dex.store, tmp_path / "archive", inspect=inspect_block)
        head, dump = dex.head, everything(dex)
    import_archive(tmp_path / "archive", tmp_path / "copy", inspect=inspect_block)
    with evm_dex.open(tmp_path / "copy") as other:
        assert (other.head, everything(other)) == (head, dump)
        assert other.receipt(sent.transaction_hash) == sent
        other.mine()
        assert other.rollback(-2) == head


HOLDERS = st.integers(1, 4).map(lambda number: Address(bytes([number] * 20)))
STEPS = st.one_of(
    st.tuples(st.just("balance"), HOLDERS, st.integers(0, 3)),
    st.tuples(st.just("nonce"), HOLDERS, st.integers(0, 3)),
    st.tuples(st.just("code"), HOLDERS, st.integers(0, 3)),
    st.tuples(st.just("storage"), HOLDERS, st.integers(0, 3)),
    st.tuples(st.just("snapshot"), HOLDERS, st.just(0)),
    st.tuples(st.just("revert"), HOLDERS, st.just(0)),
    st.tuples(st.just("mine"), HOLDERS, st.just(0)),
)
Model = dict[Address, dict[str, int]]


def apply(dex: evm_dex.Dex, model: Model, step: tuple[str, Address, int]) -> None:
    """One step on chain and model; what the model says can't be done must be refused."""
    kind, holder, value = step
    account = model.setdefault(holder, dict.fromkeys(("balance", "nonce", "code", "storage"), 0))
    refused = kind == "nonce" and value < account["nonce"]
    changes = {
        "balance": lambda: dex.cheats.set_balance(holder, value),
        "nonce": lambda: dex.cheats.set_nonce(holder, value),
        "code": lambda: dex.cheats.set_code(holder, bytes(value)),
        "storage": lambda: dex.cheats.set_storage(holder, 0, value),
    }
    if refused:
        with pytest.raises(CheatRefused):
            changes[kind]()
    else:
        changes[kind]()
        account[kind] = value
        is_empty = not any(account[name] for name in ("balance", "nonce", "code"))
        if is_empty and kind in ("balance", "code"):
            account["storage"] = 0


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=25))
def test_random_cheats_snapshots_and_reverts_leave_what_a_model_says(
    steps: list[tuple[str, Address, int]],
) -> None:
    model: Model = {}
    kept: list[tuple[int | str, Model]] = []
    with evm_dex.open(genesis={}) as dex:
        for step in steps:
            if step[0] == "snapshot":
                kept.append((dex.snapshot(), copy.deepcopy(model)))
            elif step[0] == "revert":
                if kept:
                    number, model = kept.pop()
                    dex.revert(number)
            elif step[0] == "mine":
                dex.mine()
            else:
                apply(dex, model, step)
        stored = dex.chain.call_runner.state_at(dex.chain.head)
        for holder, account in model.items():
            found = (
                stored.get_balance(holder),
                stored.get_nonce(holder),
                len(stored.get_code(holder)),
                stored.get_storage(holder, 0),
            )
            assert found == tuple(account.values())
