"""The application, asked by an engine in Python that decides whatever it is told to."""

from __future__ import annotations

import random
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import Transaction
from evm_dex.chain.block_builder import KEEPER
from evm_dex.chain.sealing import Sealer
from evm_dex.errors import DecidedElsewhere
from precompiles.perp.keeper import pending_work
from tests.node.trading import ask
from tests.validator.fake_engine import EngineConnection, Refused
from tests.validator.orders import WETH, call, order, transaction, transfer
from tests.validator.served import BEGAN, ServedApplication, document, served


def some_orders(seed: int, count: int, nonces: list[int]) -> list[bytes]:
    chance, made = random.Random(seed), []
    for _ in range(count):
        account = chance.randrange(len(nonces))
        price, buys = chance.randrange(1_990, 2_010), chance.random() < 0.5
        made.append(order(account, nonces[account], price=price, buys=buys))
        nonces[account] += 1
    return made


def test_its_blocks_follow_from_their_transactions(tmp_path: Path) -> None:
    """A plain chain with the same genesis takes them over, executing each."""
    nonces = [0] * 5
    with served(tmp_path) as app:
        for seed in range(5):
            for raw in some_orders(seed, 10, nonces):
                assert app.engine.check(raw).code == 0
            app_hash = app.engine.block()
            assert app_hash == app.chain.head.hash
            assert app.engine.waiting == []
        assert len(app.chain.blocks.body(app_hash).transactions) == 10
        blocks = app.alone(lambda: app.chain.export_blocks(1))
        content = dict(app.replica.genesis.chain)
        ended = app.chain.head
    with evm_dex.open(genesis=content) as plain:
        assert plain.chain.import_blocks(blocks)[-1] == ended


def test_who_only_finalizes_comes_to_the_same_hashes(tmp_path: Path) -> None:
    nonces = [0] * 5
    with served(tmp_path / "a") as proposer, served(tmp_path / "b") as follower:
        for seed in range(4):
            for raw in some_orders(seed, 8, nonces):
                proposer.engine.check(raw)
            place = proposer.engine.place()
            txs = proposer.engine.prepare(proposer.engine.waiting, place)
            assert len(txs) == 8
            for app in (proposer, follower):
                app.engine.finalize(txs, place)
            assert proposer.engine.commit() == follower.engine.commit()


def test_between_the_two_steps_readers_see_the_head_and_checks_do_not_wait(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as app:
        engine = app.engine
        first = order(0, 0, price=1_990)
        engine.check(first)
        engine.block()
        before = looked(app)
        engine.check(order(0, 1, price=1_991))
        place = engine.place()
        engine.finalize(engine.prepare(engine.waiting, place), place)

        assert looked(app) == before
        assert engine.check(order(0, 2, price=1_992)).code == 0
        assert "nonce too low" in engine.check(order(0, 0, price=1_993)).log
        assert ask(app.url, "eth_getTransactionCount", sender(0), "pending") == "0x3"
        assert ask(app.url, "eth_getTransactionCount", sender(0), "latest") == "0x1"

        engine.commit()
        after = looked(app)
        assert after["eth_blockNumber"] == "0x2"
        assert len(after["bids"]) == 2
        assert before["bids"] == after["bids"][1:]
        engine.block()
        assert len(looked(app)["bids"]) == 3


def sender(account: int) -> str:
    return f"0x{default_accounts()[account].address.hex()}"


def looked(app: ServedApplication) -> dict[str, Any]:
    found = {"eth_blockNumber": ask(app.url, "eth_blockNumber")}
    depth = ask(app.url, "dex_depth", "spot", f"0x{WETH.hex()}")
    for name in ("latest", "safe", "finalized"):
        block = ask(app.url, "eth_getBlockByNumber", name, False)
        found[name] = (block["number"], block["hash"])
        found[f"nonce at {name}"] = ask(app.url, "eth_getTransactionCount", sender(0), name)
    return found | {"bids": depth["bids"]}


def test_rounds_that_come_to_nothing_leave_nothing(tmp_path: Path) -> None:
    first, second = [order(0, 0, price=1_990)], [order(1, 0, price=2_010, buys=False)]
    with served(tmp_path / "a") as app, served(tmp_path / "b") as straight:
        for raw in (*first, *second):
            app.engine.check(raw)
        for txs in (first, second, [], [*first, *second], second):
            place = app.engine.place(BEGAN + 9 + len(txs))
            assert app.engine.blocks.ask("process_proposal", txs=txs, **place).result == 1
        place = app.engine.place()
        assert app.engine.prepare(app.engine.waiting, place) == [*first, *second]
        for each in (app, straight):
            each.engine.finalize(second, place)
        assert app.engine.commit() == straight.engine.commit()
        assert app.engine.waiting == first
        app.engine.block()
        straight.engine.block(first)
        assert app.engine.app_hash == straight.engine.app_hash


def test_what_is_not_admitted_has_a_code_and_is_not_in_the_block(tmp_path: Path) -> None:
    bad = {
        "not a transaction": b"\x02junk",
        "nonce": order(0, 5),
        "signed for chain": transaction(0, 0, bytes(20), chain_id=1).raw,
        "block gas limit": transfer(0, 0, gas=10**9),
        "insufficient funds": transfer(0, 0, wei=10**30),
        "empty": b"",
    }
    with served(tmp_path) as app:
        for raw in bad.values():
            if raw != bad["nonce"]:  # which may wait for those before it
                assert app.engine.check(raw).code == 1
        good = order(0, 0)
        app.engine.block([*bad.values(), good, good])
        results = app.engine.last.tx_results
        assert [result.code for result in results] == [1] * len(bad) + [0, 1]
        assert results[len(bad)].gas_used > 21_000
        for told, result in zip(bad, results, strict=False):
            assert told in result.log or told == "empty"
        body = app.chain.blocks.body(app.chain.head.hash)
        assert [item.raw for item in body.transactions] == [good]


def test_one_that_brings_up_a_bug_is_proposed_by_nobody_and_accepted_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, good = order(0, 0, lots=7), order(1, 0)
    apply = Sealer.apply

    def with_bug(sealer: Sealer, given: Transaction) -> None:
        apply(sealer, given)
        if given.raw == poison:
            raise ZeroDivisionError

    monkeypatch.setattr(Sealer, "apply", with_bug)
    with served(tmp_path) as app:
        for raw in (poison, good):
            app.engine.check(raw)
        place = app.engine.place()
        assert app.engine.prepare([poison, good], place) == [good]
        refused = app.engine.blocks.ask("process_proposal", txs=[poison, good], **place)
        assert refused.result == 2
        app.engine.block([good])
        assert app.engine.waiting == []
        assert app.failures == []


def test_a_proposal_is_within_gas_and_bytes_and_in_the_order_of_nonces(tmp_path: Path) -> None:
    with served(tmp_path, document(gas_limit=1_000_000)) as app:
        raws = [transfer(0, nonce, gas=400_000) for nonce in range(6)]
        for raw in reversed(raws):
            assert app.engine.check(raw).code == 0
        place = app.engine.place()
        chosen = app.engine.prepare(app.engine.waiting, place, most=4 * (len(raws[0]) + 6))
        assert chosen == raws[:4]
        wide = [transfer(1, nonce, gas=990_000) for nonce in range(2)]
        assert len(app.engine.prepare(wide, place)) == 1


def test_an_idle_proposer_waits_for_a_transaction(tmp_path: Path) -> None:
    with served(tmp_path, idle_seconds=300) as app, ThreadPoolExecutor(1) as pool:
        place = app.engine.place()
        proposing = pool.submit(app.engine.prepare, [], place)
        raw = order(0, 0)
        assert app.engine.check(order(1, 5)).code == 0, "it has to wait for earlier ones"
        assert app.engine.check(raw).code == 0
        assert proposing.result(60) == [raw]
        assert app.engine.prepare([], place) == [raw], "what waits already is not waited for"
        app.engine.block([raw])
    with served(tmp_path, idle_seconds=1) as app:
        assert app.engine.prepare([], app.engine.place()) == []


def test_the_keeper_goes_first_and_a_proposal_leaves_it_room(tmp_path: Path) -> None:
    """All that changes results is in the genesis, and so the same on all."""
    genesis = document(keep_limit=7, gas_limit=4_000_000)
    with served(tmp_path / "a", genesis) as app, served(tmp_path / "b", genesis) as follower:
        opening = [
            call(trader, 0, "IPerp", "openPosition", WETH, 10**18, 10, True) for trader in (1, 2, 3)
        ]
        crash = call(0, 0, "IPerp", "setOraclePrice", WETH, 1_820 * 10**6)
        for txs in (opening, [crash]):
            app.engine.block(txs)
            follower.engine.block(txs)
        many = [order(4, nonce) for nonce in range(80)]
        place = app.engine.place()
        chosen = app.engine.prepare(many, place)
        for each in (app, follower):
            results = each.engine.finalize(chosen, place).tx_results
            assert {result.code for result in results} == {0}
        assert app.engine.commit() == follower.engine.commit()
        kept, *others = app.chain.blocks.transactions(app.chain.head)
        assert kept.transaction.sender == KEEPER.address
        assert len(others) == len(chosen) < len(many)
        left = app.alone(lambda: pending_work(app.chain.ledger, BEGAN, 7).positions)
        assert len(left) < len(opening), "with half of a small block's gas it clears some"


def test_a_block_that_was_not_committed_is_made_again_after_a_restart(tmp_path: Path) -> None:
    raw = order(0, 0)
    with served(tmp_path) as app:
        app.engine.block([])
        place = app.engine.place()
        wanted = app.engine.finalize([raw], place).app_hash
    with served(tmp_path) as app:
        assert app.engine.height == 1
        app.engine.finalize([raw], place)
        assert app.engine.commit() == wanted
        with pytest.raises(Refused, match="asks for block 2, the chain's next is 3"):
            app.engine.finalize([], place)
        app.wait_for_failure()


def test_transactions_come_by_json_rpc_and_no_cheats_do(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        raw = order(0, 0)
        told = ask(app.url, "eth_sendRawTransaction", f"0x{raw.hex()}")
        assert app.gossip.handed_on == [raw]
        with pytest.raises(AssertionError, match="already known"):
            ask(app.url, "eth_sendRawTransaction", f"0x{raw.hex()}")
        assert app.gossip.handed_on == [raw, raw], "the engine may have had no room for it"
        assert ask(app.url, "eth_getTransactionReceipt", told) is None
        assert ask(app.url, "eth_getTransactionByHash", told)["blockHash"] is None
        assert app.engine.check(raw).code == 0, "it waits already, which is as good"
        app.engine.block()
        assert ask(app.url, "eth_getTransactionReceipt", told)["status"] == "0x1"
        for method in ("evm_mine", "anvil_setBalance", "dex_rollback"):
            with pytest.raises(AssertionError, match="does not exist"):
                ask(app.url, method)
        for refused in (app.chain.mine, lambda: app.chain.rollback(0)):
            with pytest.raises(DecidedElsewhere):
                app.alone(refused)


def test_one_that_was_replaced_or_can_pay_no_more_leaves_the_engines_pool(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        cheap = transfer(0, 1, max_fee_per_gas=2 * 10**9)
        dear = transfer(0, 1, max_fee_per_gas=3 * 10**9, max_priority_fee_per_gas=1)
        spent = transfer(0, 2, wei=6_000 * 10**18)
        for raw in (cheap, dear, spent):
            assert app.engine.check(raw).code == 0
        app.engine.block([transfer(0, 0, wei=5_000 * 10**18)])
        assert app.engine.waiting == [dear]


def test_hostile_bytes_end_their_connection_and_nothing_else(tmp_path: Path) -> None:
    chance = random.Random(1)
    with served(tmp_path) as app:
        app.engine.block([order(0, 0)])
        before = looked(app)
        for case in range(300):
            with socket.socket(socket.AF_UNIX) as hostile:
                hostile.connect(str(tmp_path / "s"))
                match case % 3:
                    case 0:
                        sent = chance.randbytes(chance.randrange(1, 60))
                    case 1:  # a sound length, and junk
                        sent = b"\x20" + chance.randbytes(32)
                    case _:  # a length beyond all bounds
                        sent = struct.pack("<Q", chance.getrandbits(64) | 1 << 63) + b"\xff" * 4
                hostile.sendall(sent)
                hostile.shutdown(socket.SHUT_WR)
        for case in range(300):
            raw = bytearray(order(1, 0))
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            app.engine.checks.ask("check_tx", tx=bytes(raw), type=chance.randrange(3))
            app.engine.checks.ask("check_tx", tx=chance.randbytes(case))
        assert looked(app) == before
        app.engine.block([order(1, 0)])


def test_an_engine_of_another_chain_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, begin=False) as app:
        app.engine.chain_id = "evm-dex-1-00000000000000000000"
        with pytest.raises(Refused, match="is of chain evm-dex-1-0"):
            app.engine.begin()
        again = EngineConnection(tmp_path / "s")
        assert again.ask("info").last_block_height == 0, "nothing was begun"
        again.close()
        assert not (tmp_path / "chain").exists()


def test_an_engine_that_lost_its_data_is_told_what_to_do(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        app.engine.block([order(0, 0)])
        with pytest.raises(Refused, match="is at block 1: move that directory away"):
            app.engine.blocks.ask("init_chain", chain_id=app.engine.chain_id, initial_height=1)
