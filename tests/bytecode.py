"""Tiny EVM programs for tests, written as mnemonics."""

from __future__ import annotations

from eth.vm import opcode_values

_OPCODES = {
    name: value for name, value in vars(opcode_values).items() if isinstance(value, int)
} | {"PUSH0": 0x5F, "MCOPY": 0x5E, "TLOAD": 0x5C, "TSTORE": 0x5D, "INVALID": 0xFE}

COPY_CALLDATA = "CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY"
COPY_RETURNDATA = "RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY"


def assemble(program: str) -> bytes:
    """Mnemonics and literals; `0x12` is pushed with as many bytes as it has digits for."""
    code = b""
    for word in program.split():
        if word.startswith("0x"):
            literal = bytes.fromhex(word[2:])
            code += bytes((0x5F + len(literal),)) + literal
        else:
            code += bytes((_OPCODES[word],))
    return code


def deployment(runtime: bytes) -> bytes:
    """Init code that leaves `runtime` behind."""
    size = f"0x{len(runtime):04x}"
    prefix = assemble(f"{size} 0x000d PUSH0 CODECOPY {size} PUSH0 RETURN")
    assert len(prefix) == 13
    return prefix + runtime


def forwarder(target: bytes, opcode: str = "CALL") -> bytes:
    """Forwards its calldata and returns one word, whether it went well, then what came back."""
    value = "CALLVALUE" if opcode in ("CALL", "CALLCODE") else ""
    return assemble(
        f"{COPY_CALLDATA} PUSH0 PUSH0 CALLDATASIZE PUSH0 {value} 0x{target.hex()} GAS {opcode} "
        "PUSH0 MSTORE RETURNDATASIZE PUSH0 0x20 RETURNDATACOPY "
        "RETURNDATASIZE 0x20 ADD PUSH0 RETURN"
    )


def forwarder_that_reverts(target: bytes) -> bytes:
    """Forwards its calldata, then reverts with what came back."""
    return assemble(
        f"{COPY_CALLDATA} PUSH0 PUSH0 CALLDATASIZE PUSH0 CALLVALUE 0x{target.hex()} GAS CALL "
        f"POP {COPY_RETURNDATA} RETURNDATASIZE PUSH0 REVERT"
    )


def forwarder_that_burns(target: bytes) -> bytes:
    """Forwards its calldata, then runs into an invalid opcode."""
    return assemble(
        f"{COPY_CALLDATA} PUSH0 PUSH0 CALLDATASIZE PUSH0 CALLVALUE 0x{target.hex()} GAS CALL "
        "INVALID"
    )
