"""Code that prints by `console.log`."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_hash.auto import keccak

from evm_dex.evm.console_calls import CONSOLE
from tests.bytecode import assemble


def prints(text: str, *numbers: int, to: bytes = CONSOLE) -> bytes:
    """Code that prints a string and numbers, as a compiler writes it."""
    signature = f"log(string{',uint256' * len(numbers)})".encode()
    kinds = ["string", *("uint256" for _ in numbers)]
    data = keccak(signature)[:4] + encode(kinds, [text, *numbers])
    return calling(to, data)


def calling(to: bytes, data: bytes) -> bytes:
    """Code that makes a static call and forgets what came of it."""
    words = range(0, len(data), 32)
    stored = " ".join(
        f"0x{data[at : at + 32].ljust(32, bytes(1)).hex()} 0x{at:04x} MSTORE" for at in words
    )
    call = f"PUSH0 PUSH0 0x{len(data):04x} PUSH0 0x{to.hex()} GAS STATICCALL POP"
    return assemble(f"{stored} {call}")
