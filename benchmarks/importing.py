"""A block of 200 transactions of mixed contracts, executed again by a chain that imports it."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import evm_dex
from benchmarks.harness import Result
from evm_dex.client.dex import Dex
from evm_dex.evm.compiler.program import program_of

_TRANSACTIONS = 200
_WEI = 10**18
_GAS = 140_000
_ROOT = Path(__file__).parent.parent
_MODES = {"interpreted": "0", "compiled": "1"}


def run(*, quick: bool) -> Iterator[Result]:
    """Milliseconds of processor time, each mode in processes of its own, which take turns."""
    first: dict[str, list[float]] = {mode: [] for mode in _MODES}
    later: dict[str, list[float]] = {mode: [] for mode in _MODES}
    for _ in range(3 if quick else 7):
        for mode, switch in _MODES.items():
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.importing"],
                cwd=_ROOT, env={**os.environ, "EVM_DEX_COMPILE": switch}, check=True,
                capture_output=True, text=True,
            )  # fmt: skip
            found = list(map(float, done.stdout.split()))
            first[mode].append(found[0])
            later[mode].append(statistics.median(found[1:]))
    for case, samples in (("first", first), ("later", later)):
        floor = statistics.median(samples["interpreted"])
        for mode, values in samples.items():
            value = statistics.median(values)
            label = f"block of {_TRANSACTIONS}, {case} in its process, {mode}"
            if mode == "compiled":
                yield Result("import", label, value, "ms", "interpreted", value / floor, "≤ 0.5 x")
            else:
                yield Result("import", label, value, "ms")


def _made() -> list[bytes]:
    """Return the blocks of a chain, the last of them with the transactions."""
    with evm_dex.open() as dex:
        submit = _prepared(dex)
        dex.chain.settings.set_automine(False)
        for number in range(_TRANSACTIONS):
            submit[number % len(submit)](number)
        (block,) = dex.mine()
        assert len(block.transaction_hashes) == _TRANSACTIONS, block.dropped
        assert all(dex.receipt(it).succeeded for it in block.transaction_hashes)
        return list(dex.chain.export_blocks(1))


def _prepared(dex: Dex) -> list[Callable[[int], object]]:
    me, other = dex.accounts[0], dex.accounts[1]
    base, quote = (dex.deploy("TestToken", name, name, 18) for name in ("Base", "Quote"))
    pair, vault = dex.deploy("Pair", base, quote), dex.deploy("ShareVault", base)
    for token in (base, quote):
        token.send("mint", me, 10**30)
        for spender in (pair, vault):
            token.send("approve", spender, 2**255)
    pair.send("provide", 10**24, 3 * 10**27)
    return [
        lambda number: base.submit("transfer", other, _WEI + number, gas=_GAS),
        lambda number: pair.submit("swap", _WEI + number, 0, number % 2 == 0, gas=_GAS),
        lambda number: vault.submit("deposit", _WEI + number, me, gas=_GAS),
        lambda number: quote.submit("approve", other, number, gas=_GAS),
    ]


def _main() -> None:
    """Print the milliseconds of each import in this process."""
    blocks = _made()
    program_of.cache_clear()
    for _ in range(4):
        with evm_dex.open() as dex:
            dex.chain.import_blocks(blocks[:-1])
            gc.collect()
            began = time.process_time()
            dex.chain.import_blocks(blocks[-1:])
            print((time.process_time() - began) * 1_000)


if __name__ == "__main__":
    _main()
