"""Signing for accounts whose keys are at hand."""

from __future__ import annotations

import pytest

from tests.node.served import OWNER, Served

PERSON = {"name": "Ann"}
TYPES = {
    "EIP712Domain": [{"name": "name", "type": "string"}],
    "Person": [{"name": "name", "type": "string"}],
    "Group": [{"name": "members", "type": "Person[2]"}, {"name": "grid", "type": "uint8[][2]"}],
}


def typed(members: int, rows: int = 2) -> dict[str, object]:
    return {
        "types": TYPES,
        "primaryType": "Group",
        "domain": {"name": "test"},
        "message": {"members": [PERSON] * members, "grid": [[1, 2, 3]] * rows},
    }


@pytest.mark.parametrize(("members", "rows"), [(1, 2), (3, 2), (0, 2), (2, 1), (2, 3)])
def test_an_array_of_a_fixed_length_has_that_length(
    shared_node: Served, members: int, rows: int
) -> None:
    refused = shared_node.error("eth_signTypedData_v4", OWNER, typed(members, rows))
    assert refused["code"] == -32602
    assert "must have 2 items" in refused["message"]


def test_arrays_of_the_right_length_are_signed(shared_node: Served) -> None:
    assert len(shared_node.result("eth_signTypedData_v4", OWNER, typed(2))) == 2 + 65 * 2
