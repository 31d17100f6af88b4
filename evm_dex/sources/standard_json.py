"""Compilations in the form of compilers' standard JSON, as solc, vyper and Hardhat write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evm_dex.evm.compiler.watched import opcodes_of
from evm_dex.sources.compiled import CompiledCode, CompiledContract
from evm_dex.sources.source_file import SourceFile
from evm_dex.sources.source_map import Piece, SourceMap, decode_source_map

_LIBRARY = re.compile(r"__.{36}__")
"""Placeholder for the address of a library."""
_HIGHEST = 5
"""Directories above an artifact in which its sources are looked for."""


def contracts_of_output(
    output: Mapping[str, Any], given: Mapping[str, Any], beside: Path | None
) -> Iterator[CompiledContract]:
    """Return the contracts of a compiler's output; `given` is its input, `beside` a file of it."""
    sources = given.get("sources") or {}
    files = {
        int(entry["id"]): source_file(name, sources.get(name), beside, _tree(entry))
        for name, entry in (output.get("sources") or {}).items()
        if "id" in entry
    }
    for contracts in (output.get("contracts") or {}).values():
        for name, contract in contracts.items():
            evm = contract.get("evm") or {}
            yield compiled_contract(name, contract.get("abi") or (), files, evm)


def _tree(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return solc's syntax tree; those of other compilers are different, and are not read."""
    found: Mapping[str, Any] | None = entry.get("ast")
    return found if found and "nodeType" in found else None


def source_file(
    name: str,
    given: Mapping[str, Any] | None,
    beside: Path | None,
    tree: Mapping[str, Any] | None = None,
) -> SourceFile:
    """Return a source by the compiler's name: with what it was given, or what is on disk."""
    path = _find(name, beside)
    text = (given or {}).get("content")
    if text is None:
        text = path.read_bytes() if path else b""
    return SourceFile(name, text.encode() if isinstance(text, str) else text, path, tree)


def _find(name: str, beside: Path | None) -> Path | None:
    """Return where a source is: its name may begin at any directory above the artifact."""
    above = [] if beside is None else list(beside.absolute().parents)[:_HIGHEST]
    for directory in (*above, Path.cwd()):
        for short in (name, name.removeprefix("project/")):  # as Hardhat 3 calls the project's own
            if (directory / short).is_file():
                return directory / short
    return None


def compiled_contract(
    name: str, abi: Any, files: Mapping[int, SourceFile], codes: Mapping[str, Any]
) -> CompiledContract:
    """Return a contract of its `bytecode` and `deployedBytecode`, as solc describes them."""
    is_vyper = any(file.is_vyper for file in files.values())
    creation = _code(codes.get("bytecode"), files, is_open=True)
    runtime = _code(codes.get("deployedBytecode"), files, is_open=is_vyper)
    return CompiledContract(name, abi, files, creation, runtime)


def _code(
    found: Mapping[str, Any] | None, files: Mapping[int, SourceFile], *, is_open: bool
) -> CompiledCode | None:
    """Return one of a contract's codes; None for an interface."""
    given = found or {}
    text, written = given.get("object") or "", given.get("sourceMap") or ""
    digits = text.removeprefix("0x")
    if not digits:
        return None
    holes = [
        (int(hole["start"]), int(hole["start"]) + int(hole["length"]))
        for places in _places(given)
        for hole in places
    ]
    holes += [(at.start() // 2, at.end() // 2) for at in _LIBRARY.finditer(digits)]
    for start, end in holes:
        digits = f"{digits[: 2 * start]}{'00' * (end - start)}{digits[2 * end :]}"
    try:
        code = bytes.fromhex(digits)
    except ValueError:  # what no compiler writes: nothing like it was deployed
        return None

    def read(code: bytes) -> SourceMap:
        return _source_map(written, code, files)

    return CompiledCode(code, holes, read, is_open=is_open)


def _places(given: Mapping[str, Any]) -> Iterator[Any]:
    for libraries in (given.get("linkReferences") or {}).values():
        yield from libraries.values()
    yield from (given.get("immutableReferences") or {}).values()


def _source_map(written: Any, code: bytes, files: Mapping[int, SourceFile]) -> SourceMap:
    if isinstance(written, str):
        return decode_source_map(written, code)
    return _vypers_map(written, code, files)


def _vypers_map(
    written: Mapping[str, Any], code: bytes, files: Mapping[int, SourceFile]
) -> SourceMap:
    """Return what Vyper writes by position: lines and columns, the module, jumps into functions.

    A jump to what is on the stack is one out of a function.
    """
    modules, jumps = written.get("pc_ast_map") or {}, written.get("pc_jump_map") or {}
    places = written.get("pc_pos_map") or {}
    found: dict[int, Piece] = {}
    before = 0
    for position, opcode in opcodes_of(code):
        is_return = opcode == _JUMP and before not in _PUSHES
        jump, before = "o" if is_return else jumps.get(str(position), "-"), opcode
        place = places.get(str(position))
        number = modules.get(str(position), (0,))[0]
        file = files.get(number)
        if file is not None and place and None not in place[:4]:
            line, column, last_line, last_column = place[:4]
            start, end = file.place(line, column), file.place(last_line, last_column)
            found[position] = Piece(start, max(end - start, 1), number, jump)
        else:
            found[position] = Piece(0, 0, -1, jump)
    return found


_JUMP, _PUSHES = 0x56, range(0x5F, 0x80)
