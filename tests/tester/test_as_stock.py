"""What users of eth-tester and web3.py do comes to the same on the stock backend and on ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3._utils.contract_sources.contract_data._custom_contract_data import EMITTER_ENUM
from web3._utils.contract_sources.contract_data.emitter_contract import EMITTER_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.math_contract import MATH_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.revert_contract import REVERT_CONTRACT_DATA

from evm_dex.tester import Backend
from tests.tester.connecting import connected, deployed

ETHER = 10**18
LIBRARIES = ("eth_tester.", "eth_utils.", "eth.", "web3.")
Program = Callable[[Any], list[Any]]


def ends(action: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What an action returns, or which of the libraries' errors it raises."""
    try:
        return action(*args, **named)
    except Exception as error:
        kinds = type(error).__mro__
        return next((kind for kind in kinds if kind.__module__.startswith(LIBRARIES)), kinds[0])


def time_travel(w3: Any) -> list[Any]:
    tester, seen = w3.provider.ethereum_tester, []

    def look() -> None:
        blocks = [w3.eth.get_block(tag) for tag in (0, "latest", "pending")]
        seen.append([block["timestamp"] - blocks[0]["timestamp"] for block in blocks])

    w3.testing.mine()
    start = w3.eth.get_block("latest")["timestamp"]
    for seconds in (1_000, 1_001, 5_000, 4_000, -1):
        seen.append(ends(tester.time_travel, start + seconds))
        look()
        w3.testing.mine(2)
        look()
    return seen


def snapshots(w3: Any) -> list[Any]:
    counter, account = deployed(w3, MATH_CONTRACT_DATA), w3.eth.accounts[0]
    seen: list[Any] = []

    def look() -> None:
        balances = [w3.eth.get_balance(one) for one in w3.eth.accounts[1:3]]
        seen.append((w3.eth.block_number, counter.functions.counter().call(), balances))

    outer = w3.testing.snapshot()
    counter.functions.incrementCounter().transact({"from": account})
    look()
    inner = w3.testing.snapshot()
    for back in (inner, inner, outer, outer):
        w3.eth.send_transaction({"from": account, "to": w3.eth.accounts[1], "value": ETHER})
        w3.testing.mine(2)
        look()
        w3.testing.revert(back)
        look()
    return [*seen, ends(w3.testing.revert, 99)]


def log_twice(contract: Any, account: Any, number: int) -> Any:
    call = contract.functions.logDouble(EMITTER_ENUM["LogDoubleWithIndex"], number, 7)
    return call.transact({"from": account})


def filters(w3: Any) -> list[Any]:
    emitter, account = deployed(w3, EMITTER_CONTRACT_DATA), w3.eth.accounts[0]
    event = emitter.events.LogDoubleWithIndex
    log_twice(emitter, account, 1)
    watching = [
        *(w3.eth.filter(of) for of in ("latest", "pending", {"address": emitter.address})),
        event.create_filter(from_block="latest"),
        event.create_filter(from_block=0, argument_filters={"arg0": [2, 3]}),
    ]
    seen: list[Any] = []

    def look() -> None:
        seen.append([len(one.get_new_entries()) for one in watching])
        seen.append([len(one.get_all_entries()) for one in watching])

    look()
    for number in (2, 3, 4):
        log_twice(emitter, account, number)
    look()
    snapshot = w3.testing.snapshot()
    log_twice(emitter, account, 2)
    w3.testing.revert(snapshot)
    look()
    w3.eth.uninstall_filter(watching[0].filter_id)
    return [*seen, ends(watching[0].get_new_entries)]


def event_logs(w3: Any) -> list[Any]:
    emitter = deployed(w3, EMITTER_CONTRACT_DATA)
    event = emitter.events.LogDoubleWithIndex
    for number in range(4):
        log_twice(emitter, w3.eth.accounts[0], number)
        w3.testing.mine()
    head = w3.eth.block_number
    ranges = ((None, None), (0, None), (2, 4), (head, head - 1), (0, head + 1), (head + 1, None))

    def found(**asked: Any) -> list[Any]:
        logs = event.get_logs(**asked)
        return [(log["args"]["arg0"], log["blockNumber"], log["logIndex"]) for log in logs]

    by_range = [ends(found, from_block=first, to_block=last) for first, last in ranges]
    return [*by_range, found(from_block=0, argument_filters={"arg0": 2})]


def why(action: Callable[[], Any]) -> str:
    with pytest.raises(TransactionFailed) as failed:
        action()
    return str(failed.value)


def failing_calls(w3: Any) -> list[Any]:
    contract, account = deployed(w3, REVERT_CONTRACT_DATA), w3.eth.accounts[0]
    calls = [
        getattr(contract.functions, name)()
        for name in ("normalFunction", "revertWithMessage", "revertWithoutMessage")
    ]
    seen = []
    for call in calls:
        seen += [ends(call.call), type(ends(call.estimate_gas))]
        sent = call.transact({"from": account, "gas": 200_000})
        receipt = w3.eth.wait_for_transaction_receipt(sent)
        seen.append((receipt["status"], receipt["gasUsed"], len(receipt["logs"])))
    functions = contract.functions
    plain, custom = functions.revertWithMessage(), functions.customErrorWithoutMessage()
    refusing = (plain.call, plain.transact, custom.call, custom.transact)
    return [*seen, *map(why, refusing), why(functions.customErrorWithMessage().call)]


def refused_transactions(w3: Any) -> list[Any]:
    key = (5).to_bytes(32, "big")
    good = {"to": w3.eth.accounts[1], "value": 1, "gas": 21_000}
    wrong: list[dict[str, Any]] = [
        *({"value": 10**30}, {"gas": 20_000}, {"gas": 10**9}, {"gasPrice": 1}),
        {"maxFeePerGas": 1, "maxPriorityFeePerGas": 1},
    ]
    seen = []
    for fields in wrong:
        asked = {**good, "from": w3.eth.accounts[4], **fields}
        seen.append(ends(w3.eth.send_transaction, asked))
        signed = {"nonce": 0, "chainId": w3.eth.chain_id, **good, **fields}
        if "maxFeePerGas" not in fields:
            signed.setdefault("gasPrice", 10**10)
        raw = Account.sign_transaction(signed, key).raw_transaction
        seen.append(ends(w3.eth.send_raw_transaction, raw))
    too_much = {"from": w3.eth.accounts[4], "to": w3.eth.accounts[1], "value": 10**30}
    for action in (w3.eth.call, w3.eth.estimate_gas, w3.eth.send_transaction):
        seen.append(ends(action, too_much))
    unknown = {**good, "from": "0x" + "77" * 20}
    return [*seen, ends(w3.eth.send_transaction, unknown), w3.eth.block_number]


def what_is_not_there(w3: Any) -> list[Any]:
    contract, nothing = deployed(w3, MATH_CONTRACT_DATA), "0x" + "11" * 32
    eth, account = w3.eth, w3.eth.accounts[0]
    return [
        *(ends(eth.get_block, one) for one in (99, nothing)),
        *(ends(one, nothing) for one in (eth.get_transaction, eth.get_transaction_receipt)),
        *(ends(one, account, 99) for one in (eth.get_balance, eth.get_code)),
        ends(contract.functions.counter().call, block_identifier=99),
    ]


def waiting_transactions(w3: Any) -> list[Any]:
    tester, (one, two, to) = w3.provider.ethereum_tester, w3.eth.accounts[:3]
    tester.disable_auto_mine_transactions()
    sent = [w3.eth.send_transaction({"from": sender, "to": to}) for sender in (one, two)]
    seen = [w3.eth.get_transaction(item)["blockNumber"] for item in sent]
    seen += [ends(w3.eth.get_transaction_receipt, item) for item in sent]
    seen += [w3.eth.get_transaction_count(one, tag) for tag in ("latest", "pending")]
    w3.testing.mine()
    seen += [w3.eth.get_transaction_receipt(item)["transactionIndex"] for item in sent]
    w3.eth.send_transaction({"from": one, "to": to})
    tester.enable_auto_mine_transactions()
    return [*seen, len(w3.eth.get_block("latest")["transactions"])]


def beginning_again(w3: Any) -> list[Any]:
    tester, key = w3.provider.ethereum_tester, "0x" + "58" * 32
    seen = [tester.add_account(key), ends(tester.add_account, key)]
    w3.eth.send_transaction({"from": w3.eth.accounts[0], "to": seen[0], "value": ETHER})
    tester.reset_to_genesis()
    seen += [w3.eth.block_number, len(w3.eth.accounts), w3.eth.get_balance(seen[0])]
    return [*seen, tester.add_account(key, "secret"), len(w3.eth.accounts)]


PROGRAMS: tuple[Program, ...] = (
    *(time_travel, snapshots, filters, event_logs, failing_calls, refused_transactions),
    *(what_is_not_there, waiting_transactions, beginning_again),
)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_it_comes_to_the_same(program: Program) -> None:
    stock, ours = (program(connected(backend)) for backend in (PyEVMBackend(), Backend()))
    assert ours == stock
    assert stock


def test_accounts_of_a_mnemonic_are_those_of_the_stock_backend() -> None:
    words = "test test test test test test test test test test test junk"
    choices: list[dict[str, Any]] = [{}, {"num_accounts": 3, "hd_path": "m/44'/60'/0'/0"}]
    for more in choices:
        stock = EthereumTester(PyEVMBackend.from_mnemonic(words, **more))
        ours = EthereumTester(Backend.from_mnemonic(words, **more))
        assert ours.get_accounts() == stock.get_accounts()
        assert ours.get_balance(ours.get_accounts()[-1]) == 1_000_000 * ETHER
