"""Functions are found by reading, whatever stands around them."""

from __future__ import annotations

from pathlib import Path

from evm_dex.sources.outline import Outline
from evm_dex.sources.source_file import SourceFile
from evm_dex.sources.source_map import Piece, decode_source_map

SOLIDITY = b"""
function free(uint256 x) pure returns (uint256) { return x; }
interface I { function declared() external; }
contract A is I {
    // function inAComment() {
    string public text = "contract B { function inAString() {";
    struct S { uint256 x; }
    modifier only() { if (true) { _; } }
    constructor() only {}
    function (uint256) external pure returns (uint256) pointer;
    function declared() external { assembly { function yul() {} } { receive(); } }
    function receive() internal {}
    receive() external payable {}
}
library L { function inside() internal {} }
"""
VYPER = b"""
x: uint256

@external
def bid(
    amount: uint256
) -> bool:
    assert amount > 0

    return True

@internal
def _pay(): pass
y: uint256
"""


def named(text: bytes, *, is_vyper: bool = False) -> list[tuple[str, str]]:
    outline = Outline(text, is_vyper=is_vyper, stem="Auction")
    return [(scope.name, text[scope.start : scope.end].decode()) for scope in outline.scopes]


def test_solidity() -> None:
    scopes = named(SOLIDITY)
    assert [name for name, _ in scopes] == [
        "free", "A.only", "A.constructor", "A.declared", "A.receive", "A.receive", "L.inside",
    ]  # fmt: skip
    found = dict(scopes)
    assert found["free"].endswith("return x; }")
    assert found["A.only"] == "modifier only() { if (true) { _; } }"
    assert found["A.declared"].endswith("{ receive(); } }")


def test_vyper() -> None:
    found = dict(named(VYPER, is_vyper=True))
    assert list(found) == ["Auction.bid", "Auction._pay"]
    assert found["Auction.bid"].endswith("return True\n\n")
    assert found["Auction._pay"] == "def _pay(): pass\n"


def test_places_are_bytes() -> None:
    text = 'contract A { string s = "Ü"; // ä\n  function f() { revert("ö"); } }'
    file = SourceFile("a.sol", text.encode())
    place = text.encode().index(b"revert")
    assert file.line(place) == 2
    scope = file.outline.at(place)
    assert scope is not None
    assert scope.name.endswith(".f")
    assert [file.line(file.place(line, 0)) for line in (1, 2)] == [1, 2]
    assert file.place(2, 2) == text.encode().index(b"function f")


def test_a_source_map_keeps_what_an_entry_leaves_out() -> None:
    code = bytes.fromhex("6001600201")
    assert decode_source_map("1:2:3:i;;4::-1:-", code) == {
        0: Piece(1, 2, 3, "i"), 2: Piece(1, 2, 3, "i"), 4: Piece(4, 2, -1, "-"),
    }  # fmt: skip


def test_what_is_not_in_a_function_is_in_none() -> None:
    file = SourceFile(str(Path("x.sol")), SOLIDITY)
    assert file.outline.at(SOLIDITY.index(b"string public")) is None
    assert file.outline.at(SOLIDITY.index(b"assembly")) is not None
