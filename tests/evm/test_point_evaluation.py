"""Point evaluation: what it says, and that calling it again costs next to nothing."""

from __future__ import annotations

from hashlib import sha256
from unittest.mock import patch

import pytest
from eth.vm.forks.cancun.constants import BLS_MODULUS

from evm_dex.errors import CallFailed
from evm_dex.evm import ethereum_precompiles
from evm_dex.evm.calls import Call
from precompiles.types import Address
from tests.chain.support import World, word

POINT_EVALUATION = Address(bytes(19) + b"\x0a")
ZERO_POLYNOMIAL = b"\xc0" + bytes(47)
"""Commitment to the polynomial that is 0 everywhere, and the proof of each of its values."""


def asked(value: int) -> Call:
    versioned_hash = b"\x01" + sha256(ZERO_POLYNOMIAL).digest()[1:]
    data = versioned_hash + word(7) + word(value) + ZERO_POLYNOMIAL + ZERO_POLYNOMIAL
    return Call(to=POINT_EVALUATION, data=data)


@pytest.mark.slow
def test_a_true_proof_is_accepted_and_a_false_one_fails() -> None:
    world = World()
    assert world.chain.call(asked(0)) == word(4096) + word(BLS_MODULUS)
    with pytest.raises(CallFailed, match="proof does not hold"):
        world.chain.call(asked(1))


@pytest.mark.slow
def test_the_setup_is_read_once() -> None:
    world = World()
    with patch.object(ethereum_precompiles, "verify_kzg_proof", return_value=True) as verify:
        for _ in range(2):
            world.chain.call(asked(0))
    first, second = (call.args[-1] for call in verify.call_args_list)
    assert first is second
