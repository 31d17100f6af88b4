"""Random code that calculates, loops, jumps, copies and hashes, its stack mostly in order.

Every loop ends: a counter at the bottom of its words goes down to 0.
"""

from __future__ import annotations

from random import Random

from tests.bytecode import assemble

_EDGES = (
    0, 1, 2, 3, 31, 32, 33, 255, 256, 2**8 - 1, 2**31, 2**64 - 1, 2**128, 2**160 - 1,
    2**255 - 1, 2**255, 2**255 + 1, 2**256 - 2, 2**256 - 1,
)  # fmt: skip
_UNARY = ("NOT", "ISZERO")
_BINARY = (
    "ADD", "MUL", "SUB", "DIV", "SDIV", "MOD", "SMOD", "EXP", "SIGNEXTEND", "LT", "GT", "SLT",
    "SGT", "EQ", "AND", "OR", "XOR", "BYTE", "SHL", "SHR", "SAR",
)  # fmt: skip
_TERNARY = ("ADDMOD", "MULMOD")
_READ = (
    "ADDRESS", "CALLER", "ORIGIN", "CALLVALUE", "CALLDATASIZE", "CODESIZE", "GASPRICE", "TIMESTAMP",
    "NUMBER", "PREVRANDAO", "GASLIMIT", "CHAINID", "SELFBALANCE", "BASEFEE", "MSIZE", "PC", "GAS",
    "RETURNDATASIZE", "COINBASE",
)  # fmt: skip
_OFFSETS = (0, 1, 31, 32, 64, 65, 100, 256)
_SIZES = (0, 0, 1, 31, 32, 33, 64, 96)
_LEAST = 4
"""So many words are on the stack wherever a statement begins."""


class RandomCode:
    """One program in the making."""

    def __init__(self, random: Random, others: tuple[bytes, ...] = ()) -> None:
        self._random = random
        self._others = others
        self._code = b""
        self._height = 0

    def make(self, statements: int) -> bytes:
        """Some statements, then the lowest words and some memory returned."""
        for _ in range(_LEAST):
            self._push(self._word())
        for _ in range(statements):
            self._statement(depth=0)
        self._emit("PUSH0 MSTORE 0x20 MSTORE 0x0100 PUSH0 RETURN")
        return self._code

    def _emit(self, text: str) -> None:
        self._code += assemble(text)

    def _push(self, number: int) -> None:
        self._code += _pushed(number)
        self._height += 1

    def _word(self) -> int:
        random = self._random
        if random.random() < 0.6:
            return random.choice(_EDGES)
        return random.getrandbits(random.choice((8, 16, 64, 160, 255, 256)))

    def _statement(self, depth: int) -> None:
        random = self._random
        kinds = [self._calculate] * 9 + [self._memory] * 3 + [self._storage] * 2
        kinds += [self._pointer] * 2
        kinds += [self._read, self._read, self._log, self._shuffle, self._shuffle, self._checked]
        kinds += [self._account]
        if self._others:
            kinds += [self._call, self._call, self._create]
        if random.random() < 0.03:
            return self._fail()
        if depth < 2 and random.random() < 0.2:
            return self._loop(depth) if random.random() < 0.5 else self._branch(depth)
        kind = random.choice(kinds)
        kind()
        return None

    def _calculate(self) -> None:
        random = self._random
        if random.random() < 0.5:
            self._push(self._word())
        arity = random.choice((1, 2, 2, 2, 2, 3))
        self._emit(random.choice((_UNARY, _BINARY, _TERNARY)[arity - 1]))
        self._height -= arity - 1
        self._refill()

    def _checked(self) -> None:
        """What Solidity makes of + - and * with a check, whose failure is a bit here."""
        self._emit(
            self._random.choice(
                (
                    "DUP1 DUP3 ADD DUP1 DUP3 GT ISZERO",
                    "DUP2 DUP2 SUB DUP2 DUP2 GT ISZERO",
                    "DUP1 DUP3 MUL DUP2 ISZERO DUP3 DUP3 DIV DUP5 EQ OR",
                    "DUP1 0x03 MUL 0x03 DUP2 DIV DUP3 EQ",
                )
            )
        )
        target = len(self._code) + 4
        self._emit(f"0x{target + 3:04x} JUMPI")  # over the three bytes that follow
        self._emit("0x01 XOR JUMPDEST")
        self._height += 1
        self._shrink()

    def _memory(self) -> None:
        random = self._random
        offset, other = random.choice(_OFFSETS), random.choice(_OFFSETS)
        size = random.choice(_SIZES)
        small = f"DUP{random.randint(1, 3)} 0xff AND"
        at = random.choice((_hex(offset), small))
        self._emit(
            random.choice(
                (
                    f"DUP1 {at} MSTORE", f"{at} MLOAD XOR", f"DUP1 {at} MSTORE8",
                    f"{_hex(size)} {at} KECCAK256 XOR",
                    f"{_hex(size)} {_hex(other)} {at} CALLDATACOPY",
                    f"{_hex(size)} {_hex(other)} {at} CODECOPY",
                    f"{_hex(size)} {_hex(other)} {at} MCOPY", f"{small} {at} {_hex(other)} MCOPY",
                    f"{at} CALLDATALOAD XOR", "DUP1 CALLDATALOAD XOR",
                    "RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY",
                    f"{small} {_hex(offset)} KECCAK256 XOR",
                )
            ).replace("KECCAK256", "SHA3")
        )  # fmt: skip

    def _pointer(self) -> None:
        """What Solidity does behind its free pointer, which may also be in its reserved words."""
        random = self._random
        start = random.choice(("0x80", "0x80", "0x0100", "PUSH0", "0x20", "0x3f", "0x5f", "0x60"))
        offset, other = random.choice((0, 1, 32, 64)), random.choice(_OFFSETS)
        behind = f"0x40 MLOAD {_hex(offset)} ADD"
        statements = (
            f"{start} 0x40 MSTORE", f"DUP1 {behind} MSTORE", f"{behind} MLOAD XOR",
            "0x40 MLOAD 0x20 ADD 0x40 MSTORE", f"{_hex(other)} MLOAD XOR", "0x40 MLOAD MLOAD XOR",
            f"DUP2 {_hex(other)} MSTORE", f"0x40 {behind} SHA3 XOR", f"DUP1 {behind} MSTORE8",
            f"0x40 MLOAD DUP2 DUP2 {_hex(offset)} ADD MSTORE MLOAD XOR",
            f"0x20 PUSH0 {behind} CALLDATACOPY", f"0x20 PUSH0 {behind} MCOPY",
            f"DUP1 {_hex(other)} MSTORE8", "DUP1 DUP1 0xff AND MSTORE",
        )  # fmt: skip
        for _ in range(random.randint(2, 6)):
            self._emit(random.choice(statements))

    def _storage(self) -> None:
        slot = f"DUP{self._random.randint(1, 4)} 0x07 AND"
        self._emit(
            self._random.choice(
                (
                    f"{slot} SLOAD XOR", f"{slot} TLOAD ADD", f"DUP1 {slot} SSTORE",
                    f"DUP1 {slot} TSTORE", f"PUSH0 {slot} SSTORE", f"DUP2 {slot} SSTORE",
                )
            )
        )  # fmt: skip

    def _read(self) -> None:
        self._emit(f"{self._random.choice(_READ)} XOR".replace("PREVRANDAO", "DIFFICULTY"))

    def _log(self) -> None:
        topics = self._random.randint(0, 4)
        size, offset = self._random.choice(_SIZES), self._random.choice(_OFFSETS)
        self._emit("DUP3 " * topics + f"{_hex(size)} {_hex(offset)} LOG{topics}")

    def _shuffle(self) -> None:
        depth = self._random.randint(1, min(self._height - 1, 16))
        if self._random.random() < 0.6:
            self._emit(f"SWAP{depth}")
            return
        self._emit(f"DUP{depth}")
        self._height += 1
        self._shrink()

    def _call(self) -> None:
        random = self._random
        kind = random.choice(("CALL", "DELEGATECALL", "STATICCALL", "CALLCODE"))
        value = random.choice(("PUSH0", "PUSH0", "0x01")) if kind in ("CALL", "CALLCODE") else ""
        gas = random.choice(("GAS", "0xffff", "0x03e8", "PUSH0"))
        target = random.choice(self._others).hex()
        start, out = _hex(random.choice(_OFFSETS)), _hex(random.choice(_OFFSETS))
        size, room = _hex(random.choice(_SIZES)), _hex(random.choice(_SIZES))
        self._emit(f"{room} {out} {size} {start} {value} 0x{target} {gas} {kind} XOR")
        self._emit(random.choice(("", "RETURNDATASIZE XOR", f"{out} MLOAD XOR")))

    def _account(self) -> None:
        """What is known of accounts, blocks and blobs."""
        random = self._random
        targets = ["ADDRESS", "CALLER", "DUP1", "DUP1 0x07 AND", "ADDRESS NOT"]
        target = random.choice([*targets, *(f"0x{it.hex()}" for it in self._others)])
        size, to, start = _hex(random.choice(_SIZES)), *map(_hex, random.choices(_OFFSETS, k=2))
        self._emit(
            random.choice(
                (
                    f"{target} BALANCE XOR", f"{target} EXTCODESIZE XOR", f"{target} BALANCE ADD",
                    f"{target} EXTCODESIZE ISZERO XOR", f"{target} EXTCODEHASH XOR",
                    f"{size} {start} {to} {target} EXTCODECOPY",
                    "NUMBER 0x01 SWAP1 SUB BLOCKHASH XOR", "DUP1 BLOCKHASH XOR",
                    "DUP1 0x01 AND BLOBHASH XOR", "BLOBBASEFEE XOR",
                )
            )
        )  # fmt: skip

    def _create(self) -> None:
        """Some of its memory, or of what it creates with, is run as init code."""
        kind = self._random.choice(("", "DUP1")), self._random.choice(("PUSH0", "0x01"))
        salt, value = kind
        size, start = _hex(self._random.choice(_SIZES)), _hex(self._random.choice(_OFFSETS))
        self._emit(f"{salt} {size} {start} {value} {'CREATE2' if salt else 'CREATE'} XOR")

    def _loop(self, depth: int) -> None:
        self._push(self._random.choice((1, 2, 3, 9)))
        start = len(self._code)
        self._emit("JUMPDEST")
        before = self._height
        for _ in range(self._random.randint(1, 4)):
            self._emit("SWAP1")
            self._statement(depth + 1)
            self._emit("SWAP1")
            self._level(before)
        self._emit(f"0x01 SWAP1 SUB DUP1 0x{start:04x} JUMPI POP")
        self._height -= 1

    def _branch(self, depth: int) -> None:
        """A jump over some statements, by a constant or a computed place."""
        hole = RandomCode(self._random, self._others)
        condition = f"DUP{self._random.randint(1, 4)} 0x01 AND"
        computed = self._random.random() < 0.3
        head = assemble(f"{condition} 0x0000 {'CALLDATASIZE ADD' if computed else ''} JUMPI")
        hole._code = self._code + head
        hole._height = before = self._height
        for _ in range(self._random.randint(1, 3)):
            hole._statement(depth + 1)
            hole._level(before)
        end = len(hole._code)
        target = (end - 32 if computed else end) & 0xFFFF  # calldata has 32 bytes, mostly
        place = len(self._code) + len(assemble(condition)) + 1
        self._code = hole._code[:place] + target.to_bytes(2, "big") + hole._code[place + 2 :]
        self._emit("JUMPDEST")

    def _fail(self) -> None:
        """An end that is not good, under a condition."""
        ending = self._random.choice(
            ("INVALID", "PUSH0 PUSH0 REVERT", "0x20 PUSH0 REVERT", "0xffffffff MLOAD", "0x05 JUMP",
             "ADDRESS SELFDESTRUCT", "STOP", "POP POP POP POP POP POP POP POP POP")
        )  # fmt: skip
        skipped = assemble(ending)
        target = len(self._code) + 8 + len(skipped)
        self._emit(f"DUP1 0x03 AND 0x{target:04x} JUMPI")
        self._code += skipped
        self._emit("JUMPDEST")

    def _refill(self) -> None:
        while self._height < _LEAST:
            self._push(self._word())

    def _shrink(self) -> None:
        while self._height > _LEAST + 8:
            self._emit("XOR")
            self._height -= 1

    def _level(self, height: int) -> None:
        """As high a stack as somewhere before; the top stays in place."""
        while self._height > height:
            self._emit("SWAP1 POP")
            self._height -= 1
        while self._height < height:
            self._emit("DUP1")
            self._height += 1


def _pushed(number: int) -> bytes:
    return assemble(_hex(number))


def _hex(number: int) -> str:
    size = (number.bit_length() + 7) // 8
    return f"0x{number.to_bytes(size, 'big').hex()}" if size else "PUSH0"
