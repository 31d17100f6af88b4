"""Lines of `console.log`: every function that the libraries have, and what format specifiers do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from evm_dex.abi.console_log import console_line

ROOT = Path(__file__).parents[2]
HARDHAT = ROOT / "tests/clients/node_modules/hardhat/console.sol"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
EXAMPLES: dict[str, tuple[Any, str]] = {
    "uint256": (7, "7"),
    "uint": (7, "7"),
    "int256": (-7, "-7"),
    "int": (-7, "-7"),
    "string": ("text", "text"),
    "bool": (True, "true"),
    "address": (ADDRESS, ADDRESS),
    "bytes": (b"\x01\x02", "0x0102"),
}


def printed(signature: str, *values: Any) -> str | None:
    kinds = signature[len("log(") : -1]
    selector = keccak(signature.encode())[:4]
    return console_line(selector + (encode(kinds.split(","), values) if kinds else b""))


@pytest.mark.skipif(not HARDHAT.exists(), reason="run `make clients-deps`")
def test_every_function_of_hardhat_s_library() -> None:
    signatures = set(re.findall(r'"(log\([a-z0-9,]*\))"', HARDHAT.read_text()))
    assert len(signatures) > 370
    for signature in signatures:
        kinds = [kind for kind in signature[len("log(") : -1].split(",") if kind]
        examples = [
            EXAMPLES.get(kind) or (bytes(int(kind.removeprefix("bytes"))), None) for kind in kinds
        ]
        line = printed(signature, *(value for value, _ in examples))
        shown = [text or f"0x{value.hex()}" for value, text in examples]
        assert line == " ".join(shown), signature


@pytest.mark.parametrize("signature", ["log(uint)", "log(string,uint,uint,bool)", "log(int)"])
def test_old_signatures_mean_the_same(signature: str) -> None:
    """Those that both libraries hashed with the short names of types."""
    kinds = signature[len("log(") : -1].split(",")
    assert printed(signature, *(EXAMPLES[kind][0] for kind in kinds)) == " ".join(
        EXAMPLES[kind][1] for kind in kinds
    )


@pytest.mark.parametrize(
    ("text", "kind", "value", "line"),
    [
        ("%s", "string", "foo", "foo"),
        ("%d", "string", "foo", "NaN"),
        ("%o", "string", "foo", "'foo'"),
        ("%s%%", "uint256", 5, "5%"),
        ("100% of %s", "uint256", 5, "100% of 5"),
        ("%d", "uint256", 2**256 - 1, str(2**256 - 1)),
        ("%i", "uint256", 5, "5"),
        ("%x", "uint256", 255, "0xff"),
        ("%e", "uint256", 1_500_000, "1.5e6"),
        ("%e", "uint256", 10**18, "1e18"),
        ("%18e", "uint256", 1_500 * 10**15, "1.5"),
        ("%6e", "uint256", 5, "0.000005"),
        ("%d", "bool", True, "1"),
        ("%s", "bool", False, "false"),
        ("%x", "bool", True, "NaN"),
        ("%s", "address", ADDRESS, ADDRESS),
        ("%o", "address", ADDRESS, f"'{ADDRESS}'"),
        ("%d", "address", ADDRESS, "NaN"),
        ("%s and %s", "uint256", 5, "5 and %s"),
        ("left", "uint256", 5, "left 5"),
        ("", "uint256", 5, "5"),
        ("%y", "uint256", 5, "%y 5"),
    ],
)
def test_specifiers(text: str, kind: str, value: Any, line: str) -> None:
    assert printed(f"log(string,{kind})", text, value) == line


def test_negative_numbers() -> None:
    assert printed("log(string,int256)", "%d of %%", -5) == "-5 of %"
    assert printed("log(string,int256)", "%18e", -(10**17)) == "-0.1"
    assert printed("log(string,int256)", "%e", -1_200) == "-1.2e3"


def test_what_is_no_line_is_none() -> None:
    assert console_line(b"") is None
    assert console_line(bytes(36)) is None
    assert console_line(keccak(b"log(string)")[:4] + b"\xff" * 32) is None
    assert printed("log()") == ""


def test_a_terminal_is_not_told_what_to_do() -> None:
    assert printed("log(string)", "\x1b[2J\x07gone\nnext") == "\\x1b[2J\\x07gone\nnext"
    selector = keccak(b"log(string)")[:4]
    assert console_line(selector + encode(["bytes"], [b"\xff\xfe"])) == "\ufffd\ufffd"
