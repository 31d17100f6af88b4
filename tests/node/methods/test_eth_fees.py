"""Fee history of no blocks, and the percentiles that it takes."""

from __future__ import annotations

import pytest

from tests.node.served import Served


def test_no_blocks_have_no_fees(shared_node: Served) -> None:
    found = shared_node.result("eth_feeHistory", "0x0", "latest", [50])
    assert found.pop("oldestBlock") == "0x0"
    assert set(found) == {
        "baseFeePerGas",
        "gasUsedRatio",
        "baseFeePerBlobGas",
        "blobGasUsedRatio",
    }
    assert all(fees == [] for fees in found.values())


@pytest.mark.parametrize("percentiles", [[50, 50], [20, 10], [0, 100, 100]])
def test_percentiles_grow_from_one_to_the_next(
    shared_node: Served, percentiles: list[float]
) -> None:
    error = shared_node.error("eth_feeHistory", "0x1", "latest", percentiles)
    assert error["code"] == -32602
    assert error["message"].startswith("invalid reward percentile: #")
