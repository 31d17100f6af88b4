"""Random EVM programs out of snippets that touch state, each leaving the stack as it was.

Calls end: the first word of a program's calldata is halved with every level, and at 0 it stops. All
init code is kept in one contract, the library, from where creators copy it into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

from precompiles.types import Address
from tests.bytecode import assemble

LIBRARY = Address(b"\x11" * 20)
SLOTS = (0, 1, 2)
CALLS = ("CALL", "CALL", "DELEGATECALL", "STATICCALL", "CALLCODE")
CREATED = 0x80
"""Where in memory the address of the last creation is."""
_OPCODES = sorted(PRAGUE_OPCODES)
_COMMON = [
    op for op in _OPCODES if op <= 0x5F or 0x80 <= op <= 0x82 or 0x90 <= op <= 0x92 or op >= 0xF0
]
_FEWER_LEVELS = "PUSH0 CALLDATALOAD 0x01 SHR"
_JUMPDEST = b"\x5b"


@dataclass
class Grammar:
    """What programs are made of: whom they may touch, and what init code there is."""

    random: Random
    targets: Sequence[bytes]
    """Addresses that are called, paid and looked at."""
    library: bytes = b"\x00"
    inits: list[tuple[int, int]] = field(default_factory=list)
    """(offset, size) of each init code in the library."""

    def add_init(self, code: bytes) -> None:
        """Put init code into the library."""
        self.inits.append((len(self.library), len(code)))
        self.library += code

    def program(self, snippets: int) -> bytes:
        """Code of a contract, which stops at once when it may make no more calls."""
        return _unless("PUSH0 CALLDATALOAD", assemble("STOP")) + self.init(snippets)

    def init(self, snippets: int) -> bytes:
        """Code that is run without calldata: up to so many snippets."""
        return b"".join(self.snippet() for _ in range(self.random.randint(snippets // 2, snippets)))

    def snippet(self) -> bytes:
        """A few opcodes with one effect."""
        choices: list[tuple[Callable[[], bytes], int]] = [
            (self.store, 8),
            (self.store_transient, 3),
            (self.log, 4),
            (self.call, 12),
            (self.create, 2 if self.inits else 0),
            (self.create_and_call, 5 if self.inits else 0),
            (self.try_out, 5),
            (self.jump, 2),
            (self.end, 1),
        ]
        kinds, weights = zip(*choices, strict=True)
        kind: Callable[[], bytes] = self.random.choices(kinds, weights)[0]
        return kind()

    def value(self) -> str:
        """An expression for one word."""
        address, slot = self.address(), _push(self.random.choice(SLOTS))
        return self.random.choice(
            (
                *("PUSH0", "0x01", "0x02", "0x01", "PUSH0", "GAS", "CALLVALUE", "SELFBALANCE"),
                *("RETURNDATASIZE", "PC", "MSIZE", "CODESIZE", "CALLER", "ORIGIN", "ADDRESS"),
                *("PUSH0 CALLDATALOAD", f"{slot} SLOAD", f"{slot} TLOAD", f"{slot} SLOAD"),
                *(f"{address} BALANCE", f"{address} EXTCODEHASH", f"{address} EXTCODESIZE"),
                *("GASPRICE", "COINBASE BALANCE", "NUMBER", "TIMESTAMP", "BASEFEE", "GASLIMIT"),
                *("PREVRANDAO", "BLOBBASEFEE", "PUSH0 BLOBHASH", "0x01 NUMBER SUB BLOCKHASH"),
                f"0x20 PUSH0 0xa0 {address} EXTCODECOPY 0xa0 MLOAD",
            )
        )

    def address(self) -> str:
        """An expression for somebody's address."""
        named = f"0x{self.random.choice(self.targets).hex()}"
        others = ("ADDRESS", "CALLER", "ORIGIN", "COINBASE", f"0x{CREATED:02x} MLOAD")
        return self.random.choice((named, named, named, named, named, *others))

    def store(self) -> bytes:
        """Write a word."""
        return assemble(f"{self.value()} {_push(self.random.choice(SLOTS))} SSTORE")

    def store_transient(self) -> bytes:
        """Write a word that lasts for the transaction."""
        return assemble(f"{self.value()} {_push(self.random.choice(SLOTS))} TSTORE")

    def log(self) -> bytes:
        """Log a word under another."""
        return assemble(f"{self.value()} PUSH0 MSTORE {self.value()} 0x20 PUSH0 LOG1")

    def call(self) -> bytes:
        """Call somebody; whether it went well is stored, logged, or of no interest."""
        kind = self.random.choice(CALLS)
        amount = self.random.choice(("PUSH0", "PUSH0", "0x01", "0x03", "CALLVALUE", "SELFBALANCE"))
        gas = self.random.choice(("GAS", "GAS", "GAS", "PUSH0", "0x0400", "0x2710", "0x7530"))
        levels = "0x01" if self.random.random() < 0.05 else _FEWER_LEVELS
        value = amount if kind in ("CALL", "CALLCODE") else ""
        called = f"{levels} PUSH0 MSTORE 0x20 0x40 0x20 PUSH0 {value} {self.address()} {gas} {kind}"
        ending = self.random.choice(
            ("POP", "POP", "0x01 SSTORE", "0x02 TSTORE", "PUSH0 MSTORE 0x20 PUSH0 LOG0")
        )
        return assemble(f"{called} {ending}")

    def try_out(self) -> bytes:
        """Let somebody change what is one's own, likely in vain, and log what is left of it."""
        slot = _push(self.random.choice(SLOTS))
        kind, whom = self.random.choice(
            (("CALL", "ADDRESS"), ("DELEGATECALL", self.address()), ("CALLCODE", self.address()))
        )
        gas = self.random.choice(("0x1770", "0x2ee0", "0x7530", "GAS"))
        value = "" if kind == "DELEGATECALL" else "PUSH0"
        looks = "".join(
            f"{slot} {load} PUSH0 MSTORE 0x20 PUSH0 LOG0 " for load in ("SLOAD", "TLOAD")
        )
        changes = self.store_transient() + self.store()
        called = (
            f"{_FEWER_LEVELS} PUSH0 MSTORE PUSH0 PUSH0 0x20 PUSH0 {value} {whom} {gas} {kind} POP"
        )
        return changes + assemble(f"{called} {looks}")

    def create(self) -> bytes:
        """Create a contract, remember where."""
        offset, size = self.random.choice(self.inits)
        copied = f"0x{size:04x} 0x{offset:04x} 0xc0 0x{LIBRARY.hex()} EXTCODECOPY"
        amount = self.random.choice(("PUSH0", "PUSH0", "0x01", "0x02"))
        salt, kind = ("", "CREATE")
        if self.random.random() < 0.7:
            salt, kind = self.random.choice(("PUSH0", "0x01")), "CREATE2"
        ending = self.random.choice(("", "DUP1 0x02 SSTORE", "DUP1 EXTCODEHASH 0x01 SSTORE"))
        return assemble(
            f"{copied} {salt} 0x{size:04x} 0xc0 {amount} {kind} {ending} 0x{CREATED:02x} MSTORE"
        )

    def create_and_call(self) -> bytes:
        """Create a contract and call it once or twice, which may be its end."""
        call = assemble(
            f"0x01 PUSH0 MSTORE PUSH0 PUSH0 0x20 PUSH0 {self.random.choice(('PUSH0', '0x01'))} "
            f"0x{CREATED:02x} MLOAD GAS CALL POP"
        )
        return self.create() + call * self.random.choice((1, 1, 2))

    def jump(self) -> bytes:
        """Jump, or not: over another snippet, or, seldom, to where one may not."""
        if self.random.random() < 0.05:
            return assemble("0x5b POP PC 0x02 SWAP1 SUB JUMP")  # into the pushed byte
        return _unless(self.value(), self.snippet())

    def end(self) -> bytes:
        """End the program, one way or another; mostly only under a condition."""
        ending = assemble(
            self.random.choice(
                (
                    *("STOP", "0x40 PUSH0 RETURN", "0x20 PUSH0 REVERT", "PUSH0 PUSH0 REVERT"),
                    *("INVALID", "POP POP POP", "0xffffff MLOAD", "JUMPDEST GAS JUMP"),
                    *(f"{self.address()} SELFDESTRUCT",) * 3,
                )
            )
        )
        return ending if self.random.random() < 0.1 else _unless(self.value(), ending)

    def noise(self, length: int) -> bytes:
        """Random opcodes, with small numbers pushed between them."""
        code = b""
        while len(code) < length:
            match self.random.randrange(8):
                case 0:
                    code += bytes((self.random.choice(_OPCODES),))
                case 1 | 2 | 3:
                    code += bytes((self.random.choice(_COMMON),))
                case 4:
                    code += assemble(f"0x{self.random.choice(self.targets).hex()}")
                case 5:
                    code += _JUMPDEST + assemble(f"0x{self.random.randrange(length):02x}")
                case _:
                    code += assemble(f"0x{self.random.choice((0, 1, 2, 32, 64)):02x}")
        return code


def _push(number: int) -> str:
    return f"0x{number:02x}" if number else "PUSH0"


def _unless(condition: str, skipped: bytes) -> bytes:
    """Code that is jumped over where a word is not 0, wherever in a program it is."""
    jump = f"{condition} PC 0x{6 + len(skipped):04x} ADD JUMPI"  # 6 bytes from PC to what follows
    return assemble(jump) + skipped + _JUMPDEST
