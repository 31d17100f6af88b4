"""Parts of py-evm that are loaded at their first call compute what they do otherwise."""

from __future__ import annotations

import sys
from functools import partial
from types import SimpleNamespace
from typing import Any

from eth import precompiles
from eth.vm.forks.istanbul.computation import ISTANBUL_PRECOMPILES

from evm_dex.blocks.deferred import Deferred, DeferredModule, defer

stock: Any = precompiles  # it exports nothing by name
ADDRESS_OF_ADD = (6).to_bytes(20, "big")
POINT = b"".join(number.to_bytes(32, "big") for number in (1, 2))
TWICE = (
    "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"
    "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4"
)
"""The generator of BN254 added to itself, as in EIP-196's tests."""


def computation(data: bytes) -> tuple[Any, list[int]]:
    """What a precompile asks of a computation, and the gas it takes."""
    taken: list[int] = []
    return SimpleNamespace(
        msg=SimpleNamespace(data_as_bytes=data, data=data),
        consume_gas=lambda gas, reason: taken.append(gas),  # noqa: ARG005 - py-evm names it
        output=b"",
    ), taken


def test_a_deferred_precompile_is_py_evm_s_own_once_it_is_called() -> None:
    for add, gas in ((stock.ecadd, 500), (ISTANBUL_PRECOMPILES[ADDRESS_OF_ADD], 150)):
        asked, taken = computation(2 * POINT)
        add(asked)
        assert asked.output.hex() == TWICE
        assert taken == [gas]
    asked, _ = computation(bytes(64))
    stock.bls12_map_fp_to_g1(asked)
    assert len(asked.output) == 128
    assert "py_ecc" in sys.modules


def test_only_what_is_not_loaded_yet_is_deferred() -> None:
    Deferred("eth.precompiles.ecmul", "ecmul")(computation(bytes(96))[0])
    real = sys.modules["eth.precompiles.ecmul"]
    assert not isinstance(real, DeferredModule)
    defer()
    assert sys.modules["eth.precompiles.ecmul"] is real
    assert isinstance(Deferred("eth.precompiles.ecadd", "ecadd")(gas_cost=150), partial)
