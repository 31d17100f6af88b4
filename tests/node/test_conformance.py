"""The request/response tests of ethereum/execution-apis, answered by this node's methods.

Not part of this repository; skipped where they are not beside it. An answer must be equal; of an
error its code and data count, not its words. Of tests that say `speconly` only the shape counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.past_chain import TESTS, PastChain
from tests.node.served import answer

pytestmark = pytest.mark.skipif(not TESTS.is_dir(), reason="execution-apis is not beside")
NOT_SERVED = {
    "eth_capabilities": "routes requests among nodes of a network",
    "testing_buildBlockV1": "its gas limit is what geth's miner strives for, which no rule gives",
}
EARLIER_FORKS = {
    "debug_getRawBlock-get-block-n": "of a fork whose blocks have other fields",
    "debug_getRawBlock-get-genesis": "of a fork whose blocks have other fields",
    "debug_getRawReceipts-get-block-n": "of a fork whose receipts have other fields",
    "eth_simulateV1-ethSimulate-empty-with-block-num-set-firstblock": "on a block sealed by work",
}
"""What is asked of blocks that no chain of this node has; see docs/rpc.md."""
_FILES = sorted(TESTS.rglob("*.io")) if TESTS.is_dir() else []


@pytest.fixture(scope="module")
def past() -> PastChain:
    return PastChain()


@pytest.fixture(scope="module")
def past_with_pool() -> PastChain:
    """One on which every transaction waits that any of the tests sends."""
    chain = PastChain()
    for path in _FILES:
        for asked, _ in exchanges(path.read_text()):
            if json.loads(asked)["method"] == "eth_sendRawTransaction":
                assert "result" in json.loads(answer(chain.node, asked.encode()))
    return chain


@pytest.mark.slow
@pytest.mark.parametrize("path", _FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_answer_is_the_one_specified(request: pytest.FixtureRequest, path: Path) -> None:
    name = f"{path.parent.name}-{path.stem}"
    is_of_pool = path.parent.name.startswith("txpool_")
    past: PastChain = request.getfixturevalue("past_with_pool" if is_of_pool else "past")
    if name in EARLIER_FORKS:
        pytest.skip(EARLIER_FORKS[name])
    text, compared = path.read_text(), 0
    for asked, expected in exchanges(text):
        method = json.loads(asked)["method"]
        assert (method in past.node.methods) != (method in NOT_SERVED)
        if method in NOT_SERVED:
            continue
        answered = json.loads(answer(past.node, asked.encode()))
        if "result" in answered:
            answered["result"] = past.as_of_fork(answered["result"])
        if "// speconly" in text:
            assert shape(answered) == shape(expected)
        else:
            assert told(answered) == told(expected)
        compared += 1
    if not compared:
        pytest.skip(NOT_SERVED[path.parent.name])


def exchanges(text: str) -> Iterator[tuple[str, Any]]:
    lines = [line for line in text.splitlines() if line[:3] in (">> ", "<< ")]
    assert lines
    for request, response in zip(lines[::2], lines[1::2], strict=True):
        yield request[3:], json.loads(response[3:])


def told(response: Any) -> Any:
    """A response without the words of its error."""
    if "error" not in response:
        return response
    error = {name: value for name, value in response["error"].items() if name != "message"}
    return {**response, "error": error}


def shape(value: Any) -> Any:
    """Names, and what kind of value each has; lists by the kinds of what is in them."""
    match value:
        case {"error": {"code": code, **rest}}:
            return ("error", code, "data" in rest)
        case dict() if value and all(re.fullmatch("0x[0-9a-fA-F]{40}", it) for it in value):
            # By sender and nonce; the answers are geth's, which keeps blobs in a pool apart.
            return shape([it for it in leaves(value) if it.get("type") != "0x3"])
        case dict():
            return {name: shape(item) for name, item in value.items()}
        case list():
            return sorted({json.dumps(shape(item), sort_keys=True) for item in value})
        case str() if re.fullmatch("0x[0-9a-f]{40}", value, re.IGNORECASE):
            return "an address"
        case str() if re.fullmatch("0x[0-9a-f]{64}", value):
            return "a word"
        case str() if re.fullmatch("0x([1-9a-f][0-9a-f]{0,31}|0)", value):
            return "a quantity"
        case str() if re.fullmatch("0x([0-9a-f]{2})*", value):
            return "data"
        case bool() | None:
            return value
        case int() | float():
            return "a number"
        case _:
            return value


def leaves(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, item in value.items():
        yield from leaves(item) if name.startswith("0x") else (item,)


def test_the_comparison_sees_differences() -> None:
    """It would be of no use if everything had the same shape."""
    assert shape({"a": "0x1"}) != shape({"a": "0x01" + "00" * 31})
    assert shape({"a": "0x1"}) != shape({"b": "0x1"})
    assert shape({"error": {"code": 3}}) != shape({"error": {"code": 3, "data": "0x"}})
    assert told({"error": {"code": 3, "message": "a"}}) == told({"error": {"code": 3}})
    assert told({"error": {"code": 3}}) != told({"error": {"code": -32000}})
