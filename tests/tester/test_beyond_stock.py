"""What the backend offers beyond eth-tester's suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_tester import EthereumTester
from eth_tester.exceptions import BlockNotFound, SnapshotNotFound, TransactionFailed
from web3 import EthereumTesterProvider, Web3
from web3._utils.contract_sources.contract_data._custom_contract_data import EMITTER_ENUM
from web3._utils.contract_sources.contract_data.emitter_contract import EMITTER_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.revert_contract import REVERT_CONTRACT_DATA

import evm_dex
from evm_dex.abi.artifact import load_artifact
from evm_dex.tester import Backend, Failed, IndexedTester, Refused
from tests.tester.connecting import connected, deployed

ETHER = 10**18


def test_web3_trades_on_the_exchange_and_reads_its_errors() -> None:
    backend = Backend()
    w3, dex = connected(backend), backend.dex
    spot = w3.eth.contract(address=w3.to_checksum_address(dex.spot.address), abi=spot_abi())
    trader = w3.eth.accounts[0]
    dex.cheats.deal_on_spot("USDC", trader, 10_000 * 10**6)
    weth = w3.to_checksum_address(dex.tokens["WETH"].address)
    order = spot.functions.placeOrder(weth, ETHER, 2_000 * 10**6, True)
    receipt = w3.eth.wait_for_transaction_receipt(order.transact({"from": trader}))
    (placed,) = spot.events.OrderPlaced().process_receipt(receipt)
    assert placed["args"]["user"] == trader
    assert dex.spot.call("getBestPrices", weth)[0] == 2_000 * 10**6
    with pytest.raises(TransactionFailed, match=r"InsufficientBalance\(.*needed="):
        spot.functions.placeOrder(weth, 10**27, 2_000 * 10**6, True).call({"from": trader})


def test_events_of_the_exchange_are_found_as_those_of_a_contract() -> None:
    backend = Backend()
    w3, dex = connected(backend), backend.dex
    spot = w3.eth.contract(address=w3.to_checksum_address(dex.spot.address), abi=spot_abi())
    watching = spot.events.OrderPlaced.create_filter(from_block="latest")
    trader, weth = w3.eth.accounts[0], w3.to_checksum_address(dex.tokens["WETH"].address)
    dex.cheats.deal_on_spot("USDC", trader, 10_000 * 10**6)
    for _ in range(2):
        spot.functions.placeOrder(weth, ETHER, 2_000 * 10**6, True).transact({"from": trader})
    seen = watching.get_new_entries()
    assert [event["args"]["user"] for event in seen] == [trader, trader]
    placed = spot.events.OrderPlaced.get_logs(from_block=0, argument_filters={"user": trader})
    assert placed == seen


def test_a_failed_call_brings_its_revert_data() -> None:
    backend = Backend()
    w3 = connected(backend)
    contract = deployed(w3, REVERT_CONTRACT_DATA)
    asked = {"from": w3.eth.accounts[0], "to": contract.address}
    data = contract.encode_abi("customErrorWithMessage")
    for action in ("call", "estimate_gas"):
        with pytest.raises(Failed) as failed:
            getattr(w3.provider.ethereum_tester, action)({**asked, "data": data})
        assert failed.value.output[:4] == w3.keccak(text="UnauthorizedWithMessage(string)")[:4]
        with pytest.raises(TransactionFailed) as told:
            getattr(w3.eth, action)({**asked, "data": data})
        assert isinstance(told.value.__context__, Failed)


def test_a_snapshot_that_an_earlier_one_took_back_is_named() -> None:
    tester = EthereumTester(backend=Backend())
    earlier = tester.take_snapshot()
    tester.mine_blocks(2)
    later = tester.take_snapshot()
    tester.revert_to_snapshot(earlier)
    with pytest.raises(SnapshotNotFound, match="taken at block 2, which is no longer"):
        tester.revert_to_snapshot(later)


def spot_abi() -> Any:
    return load_artifact("ISpot")["abi"]


def test_the_chain_id_is_a_choice() -> None:
    backend = Backend(chain_id=5)
    raw = Account.sign_transaction(
        {"nonce": 0, "gas": 21_000, "gasPrice": 10**10, "to": "0x" + "11" * 20, "chainId": 5},
        (1).to_bytes(32, "big"),
    ).raw_transaction
    backend.send_raw_transaction(bytes(raw))
    assert len(backend.chain.mine().transaction_hashes) == 1


def test_a_chain_that_is_there_already_is_taken_as_it_is(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "chain", genesis=Backend().genesis) as dex:
        tester = EthereumTester(backend=Backend(dex=dex))
        account = tester.get_accounts()[0]
        sent = {"from": account, "to": "0x" + "22" * 20, "value": 7, "gas": 21_000}
        tester.send_transaction(sent)
        assert dex.balance("0x" + "22" * 20) == 7
        tester.backend.reset_to_genesis()
        assert dex.head.number == 0


def test_a_chain_at_a_path_goes_on_in_the_next_process(tmp_path: Path) -> None:
    sent = {"to": "0x" + "22" * 20, "value": 7, "gas": 21_000}
    hashes = []
    for _ in range(2):
        tester = EthereumTester(backend=Backend(path=tmp_path / "chain"))
        hashes.append(tester.send_transaction({**sent, "from": tester.get_accounts()[0]}))
        tester.backend.dex.close()
    tester = EthereumTester(backend=Backend(path=tmp_path / "chain"))
    assert [tester.get_transaction_by_hash(sent)["block_number"] for sent in hashes] == [1, 2]
    assert tester.get_balance("0x" + "22" * 20) == 14
    tester.backend.reset_to_genesis()
    assert tester.get_balance("0x" + "22" * 20) == 0
    tester.backend.dex.close()


def test_logs_are_those_of_the_stock_tester_found_by_bloom() -> None:
    backend = Backend()
    w3 = connected(backend, IndexedTester)
    indexed, stock = w3.provider.ethereum_tester, EthereumTester(backend=backend)
    emitters = [deployed(w3, EMITTER_CONTRACT_DATA) for _ in range(2)]
    event = EMITTER_ENUM["LogDoubleWithIndex"]
    for number in range(6):
        call = emitters[number % 2].functions.logDouble(event, number, 7)
        call.transact({"from": w3.eth.accounts[0]})
        backend.mine_blocks(number)
    one, two = (emitter.address for emitter in emitters)
    everything = indexed.get_logs(from_block=0)
    assert len(everything) == 6
    topic = everything[3]["topics"][1]
    asked: list[dict[str, Any]] = [
        {"from_block": 0},
        {"from_block": 4, "to_block": 12},
        {"from_block": 0, "address": one},
        {"from_block": 0, "address": [one, two]},
        {"from_block": 0, "topics": [None, topic]},
        {"from_block": 0, "topics": [None, [topic, everything[0]["topics"][1]]]},
        {},
    ]
    for filters in asked:
        assert indexed.get_logs(**filters) == stock.get_logs(**filters), filters
    assert indexed.get_logs(from_block="earliest", to_block="pending") == everything
    assert indexed.get_logs(from_block="pending") == ()
    with pytest.raises(BlockNotFound):
        indexed.get_logs(from_block=0, to_block=backend.chain.head.block_number + 1)


def test_an_impersonated_account_sends_through_web3() -> None:
    backend = Backend()
    w3 = connected(backend)
    whale = w3.to_checksum_address("0x" + "57" * 20)
    with backend.dex.cheats.acting_as(whale):
        for fees in ({}, {"gasPrice": 10**9}):
            sent = w3.eth.send_transaction({"from": whale, "to": w3.eth.accounts[1], **fees})
            assert w3.eth.get_transaction(sent)["from"] == whale
    assert w3.eth.get_transaction_count(whale) == 2


def test_a_pending_receipt_tells_what_would_become_of_it() -> None:
    backend = Backend()
    tester = EthereumTester(backend=backend)
    log_filter = tester.create_log_filter()
    w3: Any = Web3(EthereumTesterProvider(tester))
    emitter = deployed(w3, EMITTER_CONTRACT_DATA)
    root = backend.chain.head.state_root
    backend.send_transaction(
        {
            "from": backend.get_accounts()[0],
            "to": bytes.fromhex(emitter.address[2:]),
            "gas": 100_000,
            "data": bytes.fromhex(emitter.encode_abi("logNoArgs", args=[0])[2:]),
        }
    )
    (waiting,) = backend.chain.mempool
    pending = backend.get_transaction_receipt(waiting.hash)
    assert (pending["status"], pending["block_hash"]) == (1, None)
    assert backend.chain.head.state_root == root
    backend.mine_blocks()
    mined = backend.get_transaction_receipt(waiting.hash)
    assert mined["gas_used"] == pending["gas_used"]
    assert [log["data"] for log in mined["logs"]] == [log["data"] for log in pending["logs"]]
    tester.mine_block()
    assert tester.get_only_filter_changes(log_filter) == ()


def test_it_is_chosen_by_eth_testers_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETHEREUM_TESTER_CHAIN_BACKEND", "evm_dex.tester.Backend")
    assert isinstance(EthereumTester().backend, Backend)


def test_a_nonce_ahead_waits_and_a_dearer_one_takes_the_place_of_another() -> None:
    """Of the backend; the tester before it keeps a list of its own where it does not mine."""
    backend = Backend()
    sender, receiver = backend.get_accounts()[:2]

    def send(nonce: int, tip: int, value: int = 1) -> bytes:
        fees = {"max_priority_fee_per_gas": tip * 10**9, "max_fee_per_gas": (tip + 10) * 10**9}
        payment = {"from": sender, "to": receiver, "value": value, "gas": 21_000}
        return backend.send_transaction({**payment, "nonce": nonce, **fees})

    late = send(1, 1)
    assert backend.get_nonce(sender, "pending") == 0
    send(0, 1)
    with pytest.raises(Refused, match="replacement transaction underpriced"):
        send(0, 1, value=2)
    first = send(0, 3)
    assert backend.get_nonce(sender, "pending") == 2
    assert backend.get_balance(receiver, "pending") == backend.get_balance(receiver) + 2
    pending = backend.get_block_by_number("pending", full_transaction=False)
    assert list(pending["transactions"]) == [first, late]
    backend.mine_blocks()
    made = backend.get_block_by_number("latest", full_transaction=False)
    assert list(made["transactions"]) == [first, late]


def test_its_accounts_trade_at_once() -> None:
    tester = EthereumTester(backend=Backend())
    dex, (first, *_) = tester.backend.dex, tester.get_accounts()
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    order = dex.spot.encode("placeOrder", weth, 10**18, 2_000 * 10**6, False)
    request = {"from": first, "to": dex.spot.address, "gas": 500_000, "data": "0x" + order.hex()}
    receipt = tester.get_transaction_receipt(tester.send_transaction(request))
    assert receipt["status"] == 1
    assert dex.spot.call("getBestPrices", weth).ask == 2_000 * 10**6
    assert usdc.call("balanceOf", first) == 100_000_000 * 10**6
    assert dex.perp.call("getAccount", first).cash > 0


def test_what_its_dex_sends_is_in_a_block_at_once() -> None:
    tester = EthereumTester(backend=Backend())
    dex, (first, second, *_) = tester.backend.dex, tester.get_accounts()
    tester.disable_auto_mine_transactions()
    waiting = tester.send_transaction({"from": first, "to": second, "gas": 21_000, "value": 1})
    height = dex.head.number
    dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, 2_000 * 10**6, False)
    assert dex.head.number == height + 1
    assert len(dex.head.transactions) == 1
    tester.mine_block()
    assert tester.get_transaction_receipt(waiting)["status"] == 1
