"""Receipts of actions as logs, held against the compiled interface and eth-abi."""

from __future__ import annotations

from eth_abi.abi import decode
from hypothesis import given
from hypothesis import strategies as st

from precompiles.hyper.receipts import ActionReceipt, Outcome
from precompiles.types import Address
from tests.precompiles.client import abi_of, topic

EVENT = next(entry for entry in abi_of("ICore") if entry["name"] == "ActionReceipt")


@given(
    st.builds(
        ActionReceipt,
        st.binary(min_size=20, max_size=20).map(Address),
        st.integers(0, 2**64 - 1),
        st.binary(min_size=32, max_size=32),
        st.integers(0, 2**24 - 1),
        st.sampled_from(Outcome),
        st.integers(0, 2**64 - 1),
        st.binary(max_size=100),
    )
)
def test_a_log_is_what_the_interface_says(receipt: ActionReceipt) -> None:
    numbers, data = receipt.encode()
    topics = tuple(number.to_bytes(32, "big") for number in numbers)
    assert topics[0] == topic(EVENT)
    assert topics[1] == receipt.user.rjust(32, b"\0")
    assert int.from_bytes(topics[2], "big") == receipt.sequence
    assert topics[3] == receipt.source
    fields = [it["type"] for it in EVENT["inputs"] if not it["indexed"]]
    assert decode(fields, data) == (
        receipt.action, receipt.outcome, receipt.order_id, receipt.reason,
    )  # fmt: skip
    assert ActionReceipt.decode(topics, data) == receipt


def test_other_logs_are_none() -> None:
    assert ActionReceipt.decode((), b"") is None
    assert ActionReceipt.decode((bytes(32),) * 4, bytes(160)) is None
