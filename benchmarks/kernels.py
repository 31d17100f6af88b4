"""Contracts that calculate: compiled against interpreted, eth-tester's stock backend, and anvil.

All of one case take turns in one run. Anvil is asked over HTTP, and so are we beside it; all else
is processor time of this process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path as FilePath
from statistics import median
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend

import evm_dex
from benchmarks.harness import Result, measure
from benchmarks.nodes import OURS, Node, own, peers, running
from evm_dex.abi.artifact import code_of, load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.addresses import to_address
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.evm.calls import Call, CallTransaction
from evm_dex.evm.compiler.builder import Builder, Handler
from evm_dex.evm.compiler.handlers import HANDLERS
from evm_dex.evm.compiler.path import Path
from evm_dex.evm.compiler.program import program_of
from evm_dex.evm.config import ExecutionConfig

_KERNELS = {"loop": 5_000, "hashes": 2_000, "products": 500, "sort": 80}
_GAS = 30_000_000
_WEI = 10**18
_ANVIL_SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
_MODES = {"interpreted": ExecutionConfig(is_compiled=False), "compiled": ExecutionConfig()}
_INTERFACE = Interface(load_artifact("Kernels")["abi"])


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds per call, per transaction's execution, per block and per kilobyte compiled."""
    rounds = 3 if quick else 9
    with evm_dex.open() as dex:
        yield from _kernels(dex, rounds)
        contracts: list[Contract] = []
        yield from _transactions(dex, rounds, contracts)
        yield from _compiling(dex, contracts)
        yield from _full_block(dex)
    yield from _over_http(rounds)


def _calldata(kernel: str) -> bytes:
    return _INTERFACE.encode_call(_INTERFACE.function(kernel, 1), (_KERNELS[kernel],))


def _kernels(dex: Dex, rounds: int) -> Iterator[Result]:
    contract, stock = dex.deploy("Kernels"), _stock()
    for kernel in _KERNELS:
        data = _calldata(kernel)

        def call(config: ExecutionConfig, data: bytes = data) -> int:
            call = Call(to=contract.raw_address, data=data, gas=_GAS, config=config)
            assert dex.chain.attempt(call).problem is None
            return 1

        cases: dict[str, Callable[[], int]] = {
            name: lambda config=config: call(config)  # type: ignore[misc] # has a default
            for name, config in _MODES.items()
        }
        found = measure({**cases, "stock": lambda data=data: stock(data)}, rounds)  # type: ignore[misc] # has a default
        for floor in ("interpreted", "stock"):
            yield Result("kernels", f"{kernel}, {floor}", found[floor] / 1_000, "ms")
            ratio = found["compiled"] / found[floor]
            yield Result(
                *("kernels", f"{kernel}, compiled", found["compiled"] / 1_000, "ms"),
                *(floor, ratio, "≤ 0.04 x"),
            )


def _stock() -> Callable[[bytes], int]:
    tester = EthereumTester(backend=PyEVMBackend())
    account = tester.get_accounts()[0]
    code = "0x" + code_of(load_artifact("Kernels")).hex()
    sent = tester.send_transaction({"from": account, "data": code, "gas": 3_000_000})
    address = tester.get_transaction_receipt(sent)["contract_address"]

    def call(data: bytes) -> int:
        request = {"from": account, "to": address, "data": "0x" + data.hex(), "gas": _GAS // 2}
        tester.call(request)
        return 1

    return call


def _transactions(dex: Dex, rounds: int, contracts: list[Contract]) -> Iterator[Result]:
    """Measure transactions on a state that lives on, as in mining."""
    for case, contract, function, arguments in _scenes(dex):
        contracts.append(contract)
        found = measure(
            {name: _executions(dex, config, contract, function, arguments)
             for name, config in _MODES.items()},
            rounds,
        )  # fmt: skip
        for name, value in found.items():
            ratio = value / found["interpreted"] if name == "compiled" else None
            floor, target = ("interpreted", "≤ 0.5 x") if ratio else ("", "")
            yield Result("kernels", f"{case}, {name}", value, "µs", floor, ratio, target)


def _scenes(dex: Dex) -> Iterator[tuple[str, Contract, str, tuple[Any, ...]]]:
    me, other = dex.accounts[0], dex.accounts[1]
    base, quote = (dex.deploy("TestToken", name, name, 18) for name in ("Base", "Quote"))
    pair, vault = dex.deploy("Pair", base, quote), dex.deploy("ShareVault", base)
    for token in (base, quote):
        token.send("mint", me, 10**30)
        for spender in (pair, vault):
            token.send("approve", spender, 2**255)
    pair.send("provide", 10**24, 3 * 10**27)
    yield "ERC-20 transfer", base, "transfer", (other, _WEI)
    yield "swap of a pair", pair, "swap", (_WEI, 0, True)
    yield "deposit in a vault", vault, "deposit", (_WEI, me)
    trader, weth, price = dex.deploy("Trader"), dex.tokens["WETH"], 3_000 * 10**6
    for symbol in ("WETH", "USDC"):
        dex.cheats.deal_on_spot(symbol, trader, 10**24)
        dex.cheats.deal_on_spot(symbol, other, 10**24)
    dex.spot.send("placeOrder", weth, 10**4 * _WEI, price, False, sender=other)
    yield "Trader.trade on spot", trader, "trade", (weth, _WEI, price, True)


def _executions(
    dex: Dex, config: ExecutionConfig, contract: Contract, function: str, arguments: tuple[Any, ...]
) -> Callable[[], int]:
    chain = dex.chain
    machine, state = chain.call_runner.machine, chain.call_runner.state_at(chain.head)
    under: Any = state
    tried = CallTransaction(
        sender=to_address(dex.accounts[0]), to=contract.raw_address,
        data=contract.encode(function, *arguments), value=0, gas=1_000_000, access_list=(),
        intrinsic_gas=21_000, type_id=2, max_fee_per_gas=0, max_priority_fee_per_gas=0,
        blob_versioned_hashes=(), authorization_list=(),
    )  # fmt: skip

    def work() -> int:
        for _ in range(30):
            mark = state.snapshot()
            computation, _ = machine.run(under.under(config), tried)
            assert computation.is_success
            state.revert(mark)
        return 30

    return work


def _full_block(dex: Dex) -> Iterator[Result]:
    """Measure a block of nothing but arithmetic."""
    contract = dex.deploy("Kernels")
    rounds = 29_000_000 * _KERNELS["loop"] // 1_400_000
    computed, passed = time.process_time(), time.perf_counter()
    receipt = contract.send("loop", rounds, gas=_GAS)
    seconds = time.perf_counter() - passed, time.process_time() - computed
    assert receipt.gas_used > 28_000_000
    yield Result("kernels", "30 M gas of arithmetic, block", seconds[0], "s", target="≤ 1.5 s")
    yield Result("kernels", "30 M gas of arithmetic, processor", seconds[1], "s")


def _compiling(dex: Dex, contracts: Iterable[Contract]) -> Iterator[Result]:
    """Compile the traces that came of what was run above once more, by the code they go through."""
    seconds, places = 0.0, 0
    for contract in contracts:
        hot = program_of(dex.chain.state.get_code(contract.raw_address))
        seen: set[int] = set()

        def noting(handler: Handler, seen: set[int] = seen) -> Handler:
            def write(builder: Builder, path: Path) -> bool:
                seen.add(path.position)
                return handler(builder, path)

            return write

        noted = {number: noting(handler) for number, handler in HANDLERS.items()}
        for start in hot.traces:
            Builder(hot, start, noted).build()
            began = time.process_time()
            hot.function_of(Builder(hot, start, HANDLERS))
            seconds += time.process_time() - began
        sizes = (max(0, hot.code[place] - 0x5F) * (0x5F < hot.code[place] < 0x80) for place in seen)
        places += len(seen) + sum(sizes)
    yield Result("kernels", "compiling", seconds * 1e6 / places, "ms/kB", target="≤ 10 ms/kB")


def _over_http(rounds: int) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        commands = {OURS: own(FilePath(directory)), **peers(FilePath(directory))}
        nodes = {name: stack.enter_context(running(it))[0] for name, it in commands.items()}
        places = {name: _deployed(node) for name, node in nodes.items()}
        for kernel in _KERNELS:
            request = {"data": "0x" + _calldata(kernel).hex(), "gas": hex(16_000_000)}
            samples: dict[str, list[float]] = {name: [] for name in nodes}
            for _ in range(rounds + 3):
                for name, node in nodes.items():
                    began = time.perf_counter()
                    node.ask("eth_call", {**request, "to": places[name]}, "latest")
                    samples[name].append((time.perf_counter() - began) * 1_000)
            found = {name: median(times[3:]) for name, times in samples.items()}
            for name, value in found.items():
                yield Result("kernels", f"{kernel} by eth_call, {name}", value, "ms")
            if "anvil" in found:
                ratio = found[OURS] / found["anvil"]
                yield Result(
                    *("kernels", f"{kernel} by eth_call", found[OURS], "ms"),
                    *("anvil", ratio, "≤ 5 x"),
                )


def _deployed(node: Node) -> str:
    code = "0x" + code_of(load_artifact("Kernels")).hex()
    request = {"from": _ANVIL_SENDER, "data": code, "gas": hex(3_000_000)}
    place: str = node.receipt(node.ask("eth_sendTransaction", request))["contractAddress"]
    return place
