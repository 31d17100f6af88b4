"""Our backend for eth-tester against the one it comes with, in one process, a block each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend

from benchmarks.harness import Result, measure
from evm_dex.abi.artifact import code_of, load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.tester import Backend, IndexedTester

_BATCH = 20
_GAS = 200_000
_LONG = 1_200
_FOUND = 10

Request = dict[str, Any]


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds per transaction with its block, and of a search for logs."""
    rounds = 3 if quick else 9
    for door in ("backend", "EthereumTester"):
        cases = {
            f"{case}, {name}": _sender(backend, door, case)
            for case in ("transfer", "SSTORE and event")
            for name, backend in (("stock", PyEVMBackend()), ("ours", Backend()))
        }
        found = measure(cases, rounds)
        for case in ("transfer", "SSTORE and event"):
            ours, stock = found[f"{case}, ours"], found[f"{case}, stock"]
            yield Result("tester", f"{door}: {case}, stock", stock / 1_000, "ms")
            yield Result(
                *("tester", f"{door}: {case}", ours / 1_000, "ms"),
                *("stock", ours / stock, "≤ 0.5 x"),
            )
    yield from _logs(rounds)


def _sender(backend: Any, door: str, case: str) -> Callable[[], int]:
    tester = EthereumTester(backend=backend)
    request = _request(tester, case)
    if door == "EthereumTester":

        def send() -> None:
            tester.send_transaction(request)
    else:
        raw = tester.normalizer.normalize_inbound_transaction(request)

        def send() -> None:
            backend.send_transaction(raw)
            backend.mine_blocks()

    def work() -> int:
        for _ in range(_BATCH):
            send()
        return _BATCH

    return work


def _request(tester: EthereumTester, case: str) -> Request:
    account, other = tester.get_accounts()[:2]
    if case == "transfer":
        return {"from": account, "to": other, "value": 1, "gas": 21_000}
    interface = Interface(load_artifact("StorageAndEvent")["abi"])
    data = interface.encode_call(interface.function("store", 2), (7, 8))
    return {"from": account, "to": _deployed(tester), "data": "0x" + data.hex(), "gas": _GAS}


def _deployed(tester: EthereumTester) -> Any:
    code = code_of(load_artifact("StorageAndEvent"))
    request = {"from": tester.get_accounts()[0], "data": "0x" + code.hex(), "gas": 1_000_000}
    return tester.get_transaction_receipt(tester.send_transaction(request))["contract_address"]


def _logs(rounds: int) -> Iterator[Result]:
    """Ten logs, at the end of a short chain and of a long one."""
    for blocks in (_LONG // 4, _LONG):
        tester = IndexedTester(backend=Backend())
        request = _request(tester, "SSTORE and event")
        tester.backend.mine_blocks(blocks)
        for _ in range(_FOUND):
            tester.send_transaction(request)
        stock = EthereumTester(backend=tester.backend)

        def search(door: EthereumTester) -> int:
            assert len(door.get_logs(from_block=0)) == _FOUND
            return 1

        doors = {"IndexedTester": tester, "EthereumTester": stock}
        cases = {name: lambda door=door: search(door) for name, door in doors.items()}
        for name, value in measure(cases, min(rounds, 3)).items():
            yield Result("tester", f"ten logs in {blocks} blocks, {name}", value / 1_000, "ms")
