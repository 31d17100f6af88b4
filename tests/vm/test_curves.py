"""The precompiles on elliptic curves are py-evm's own, loaded when they are first called."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from evm_dex.chain.execution import Call
from precompiles.types import Address
from tests.chain.support import World, word

_BN128_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583
_BN128_G1 = word(1) + word(2)
_BN128_MINUS_G1 = word(1) + word(_BN128_PRIME - 2)
# EIP-197's encoding: the imaginary part first.
_BN128_G2 = bytes.fromhex(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
)
_PAIRED = _BN128_G1 + _BN128_G2 + _BN128_MINUS_G1 + _BN128_G2
"""Two pairings that cancel out."""
_G1_COORDINATES = (
    "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1",
)
_G2_COORDINATES = (
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
    "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
    "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801",
    "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be",
)
_G1 = b"".join(bytes(16) + bytes.fromhex(number) for number in _G1_COORDINATES)
_G2 = b"".join(bytes(16) + bytes.fromhex(number) for number in _G2_COORDINATES)

CASES: list[tuple[int, bytes]] = [
    (0x06, _BN128_G1 + _BN128_G1),
    (0x06, word(1) + word(1)),
    (0x07, _BN128_G1 + word(5)),
    (0x07, word(3)),
    (0x08, _PAIRED),
    (0x08, _BN128_G1 + _BN128_G2),
    (0x08, bytes(191)),
    (0x0B, _G1 + _G1),
    (0x0B, _G1),
    (0x0C, _G1 + word(5) + _G1 + word(9)),
    (0x0D, _G2 + _G2),
    (0x0E, _G2 + word(5)),
    (0x0F, _G1 + _G2),
    (0x0F, b""),
    (0x10, (7).to_bytes(64, "big")),
    (0x11, (7).to_bytes(64, "big") + (8).to_bytes(64, "big")),
]

_PROGRAM = """
import json, sys
{first}
from eth.vm.forks.prague.computation import PragueComputation

class Computation:
    def __init__(self, data):
        self.msg, self.output, self.gas = self, b"", []
        self.data = self.data_as_bytes = data
    def consume_gas(self, amount, reason):
        self.gas.append(amount)

def run(address, data):
    computation = Computation(bytes.fromhex(data))
    try:
        PragueComputation.get_precompiles()[address.to_bytes(20, "big")](computation)
    except Exception as error:
        return [computation.gas, type(error).__name__, str(error)]
    return [computation.gas, computation.output.hex(), ""]

loaded = "py_ecc.bls" in sys.modules
print(json.dumps([loaded, [run(*case) for case in json.load(sys.stdin)]]))
"""


def _results(first: str) -> tuple[bool, list[Any]]:
    """Whether the curves were there before a call, and what the calls came to."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(first=first)],
        input=json.dumps([(address, data.hex()) for address, data in CASES]),
        capture_output=True,
        check=True,
        text=True,
    )
    loaded, results = json.loads(done.stdout)
    return loaded, results


def test_results_gas_and_errors_are_those_of_py_evm_alone() -> None:
    loaded, expected = _results("import eth")
    deferred, found = _results("import evm_dex.vm")
    assert (loaded, deferred) == (True, False)
    assert found == expected
    assert sum(not error for _, _, error in found) > len(CASES) / 2


def test_a_chain_calls_them() -> None:
    chain = World().chain
    pairing = Call(to=Address(word(0x08)[12:]), data=_PAIRED)
    assert chain.call(pairing) == word(1)
    assert len(chain.call(Call(to=Address(word(0x0B)[12:]), data=_G1 + _G1))) == 128


def test_what_else_the_modules_have_is_there() -> None:
    program = (
        "import evm_dex.vm, eth.precompiles, sys;"
        "from eth.precompiles.bls12_381 import bls12_381_g1;"
        "from eth.precompiles.ecadd import _ecadd;"
        "print(_ecadd(b'')[0].n, bls12_381_g1.MSM_LEN_PER_PAIR, sys.getrecursionlimit() >= 100_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == ["0", "160", "True"]


def test_unknown_names_are_refused_without_loading() -> None:
    program = (
        "import evm_dex.vm, eth.precompiles, sys; module = sys.modules['eth.precompiles.ecadd'];"
        "print(hasattr(module, '__nothing__'), 'py_ecc.optimized_bn128' in sys.modules,"
        "hasattr(module, 'nothing'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == ["False"] * 3
