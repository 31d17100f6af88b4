"""A contract by Vyper, which uses memory from 0x40 on for its own variables.

`Sorter.hex` is what vyper 0.4 makes of `Sorter.vy` with `--evm-version prague -f bytecode_runtime`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from tests.evm.compiler.support import CONTRACT, OTHERS, SENDER, Machines, hot_after

CODE = bytes.fromhex((Path(__file__).parent / "Sorter.hex").read_text().replace("\n", "")[2:])


def calldata(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return bytes(keccak(signature.encode())[:4] + encode(types, values))


CALLS = (
    calldata("mint(address,uint256)", SENDER, 10**9),
    calldata("move(address,uint256)", OTHERS[0], 0),
    calldata("move(address,uint256)", OTHERS[0], 5),
    *(calldata("work(uint256)", rounds) for rounds in (0, 5, 33)),
    *(calldata("text(string)", "a" * size) for size in (0, 31, 33)),
    calldata("outer(uint256)", 9),
    b"\x01\x02\x03\x04",
)


@pytest.mark.parametrize("hot", [0, 1])
def test_it_does_the_same_compiled(hot: int) -> None:
    machines, succeeded = Machines(), 0
    for address in OTHERS:
        machines.put(address, b"")
    machines.put(CONTRACT, CODE)
    with hot_after(hot):
        for data in CALLS:
            for gas in (2_000_000, 100_000, 50_000, 9_000):
                succeeded += not machines.agree(data, gas=gas).total.error
    assert succeeded > len(CALLS)
