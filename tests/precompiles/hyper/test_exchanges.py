"""The exchanges beside HyperCore: they show what there is, and change through CoreWriter alone."""

from __future__ import annotations

import pytest

from precompiles.errors import ActsThroughCoreWriter, ContractError
from precompiles.perp.interface import Perp
from precompiles.precompile import Precompile, ReentrancyGuard
from precompiles.spot.interface import Spot
from precompiles.standalone import StandaloneContext
from tests.precompiles.hyper.world import ALICE, new_ledger


@pytest.mark.parametrize("exchange", [Spot, Perp])
def test_only_views_are_answered(exchange: type[Precompile]) -> None:
    precompile = exchange(new_ledger(), ReentrancyGuard())
    refused = set()
    for selector, declared in exchange.methods.items():
        try:
            precompile.run(StandaloneContext(ALICE), selector + bytes(32 * 12))
        except ActsThroughCoreWriter as error:
            refused.add((declared.signature.name, *error.values))
        except ContractError:
            pass
    signatures = [declared.signature for declared in exchange.methods.values()]
    assert refused == {(it.name, it.selector) for it in signatures if not it.is_view}
