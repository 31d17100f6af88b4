"""Lines where a frame failed: the failing statement, and the calls of functions around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from evm_dex.evm.compiler.watched import opcodes_of
from evm_dex.sources.compiled import CompiledCode, CompiledContract
from evm_dex.sources.outline import Scope
from evm_dex.sources.source_file import SourceLine
from evm_dex.sources.source_map import Piece, SourceMap

_JUMP, _JUMPI, _JUMPDEST = 0x56, 0x57, 0x5B
_MOST_LINES = 32
_SHARED_END = bytes.fromhex("5b5f80fd")
"""JUMPDEST, PUSH0, DUP1, REVERT."""


def failure_lines(
    contract: CompiledContract, code: CompiledCode, trail: Sequence[int]
) -> tuple[SourceLine, ...]:
    """Return the failing line, then the lines of the calls around it, the outermost last.

    `trail` has the positions at which blocks began, and that of the last opcode. What a compiler
    added (checks of arithmetic, decoding) counts as the statement before it.
    """
    found: list[SourceLine] = []
    if len(trail) > 2 and code.code.startswith(_SHARED_END, trail[-2]):
        trail = (*trail[:-2], -1)  # Vyper's one end for all that fails without a reason
    for piece in _pieces(contract, code.source_map, _path(code.code, trail)):
        line = contract.line(piece)
        if line is not None and (not found or line != found[-1]):
            found.append(line)
        if len(found) == _MOST_LINES:
            break
    return tuple(found)


def _pieces(
    contract: CompiledContract, source_map: SourceMap, path: Iterator[int]
) -> Iterator[Piece]:
    """Return the failing piece, then those of the jumps into the functions that it is in."""
    mapped = (source_map.get(position) for position in path)
    pieces = (it for it in mapped if it is not None)
    failing = next((it for it in pieces if _says_something(contract, it)), None)
    if failing is None:
        return
    scope = _scope(contract, failing)
    before: Piece | None = None
    if failing.jump != "i":
        others = (
            it for it in pieces if it.jump != "-" or _scope(contract, it) not in (None, scope)
        )
        before = next(others, None)
    if before is None:
        yield failing
        yield from _callers(contract, pieces)
        return
    yield from _ends(contract, failing, before)
    yield from _callers(contract, chain((before,), pieces))


def _callers(contract: CompiledContract, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Return the jumps into functions that were not left again, backwards."""
    depth = 0
    for piece in pieces:
        if piece.jump == "o":
            depth += 1
        elif piece.jump == "i" and depth:
            depth -= 1
        elif piece.jump == "i" and _is_inside(contract, piece):
            yield piece


def _is_inside(contract: CompiledContract, piece: Piece) -> bool:
    """Tell whether a piece is in a function, and not the function as a whole."""
    scope = _scope(contract, piece)
    return scope is not None and piece.start > scope.start


def _scope(contract: CompiledContract, piece: Piece) -> Scope | None:
    file = contract.files.get(piece.file)
    return file.outline.at(piece.start) if file is not None else None


def _says_something(contract: CompiledContract, piece: Piece) -> bool:
    """Tell whether a piece is of a source, and not a contract as a whole."""
    file = contract.files.get(piece.file)
    if file is None or not piece.length:
        return False
    is_whole = file.is_vyper or b"{" in file.text[piece.start : piece.end]
    return not is_whole or _scope(contract, piece) is not None


def _ends(contract: CompiledContract, failing: Piece, before: Piece) -> tuple[Piece, ...]:
    """Return what failed, where it was come to from another function without a call.

    An optimizer keeps one of several equal ends, and so the place of one of them: then it is what
    was before. One that it wrote into the function that calls it is named there.
    """
    own, other = _scope(contract, failing), _scope(contract, before)
    if own is None or other is None or before.jump != "-" or not _is_inside(contract, before):
        return (failing,)
    text = contract.files[failing.file].text
    if not own.is_plain:  # of a modifier, nothing before its "_" comes after the function's code
        is_before = failing.start < text.find(b"_;", own.start, own.end)
        is_shared = other.is_plain and (is_before or not _names(contract, before, other, own))
        return (before,) if is_shared else (failing,)
    if not other.is_plain:
        return (failing,) if _names(contract, failing, own, other) else (before,)
    return (failing, before) if _names(contract, before, other, own) else (before,)


def _names(contract: CompiledContract, piece: Piece, scope: Scope, named: Scope) -> bool:
    """Tell whether a function, in the file of a piece, names another, to call it or be modified."""
    text = contract.files[piece.file].text[scope.start : scope.end]
    return re.search(rb"\b%s\b" % named.name.rpartition(".")[2].encode(), text) is not None


def _path(code: bytes, trail: Sequence[int]) -> Iterator[int]:
    """Return the positions of the opcodes that ran, backwards."""
    order = {position: index for index, (position, _) in enumerate(opcodes_of(code))}
    positions = list(order)
    end = trail[-1]
    for start in reversed(trail[:-1]):
        if start not in order:
            return
        last = order.get(end)
        if last is None or end < start:
            last = _end_of_block(code, positions, order[start])
        yield from (positions[index] for index in range(last, order[start] - 1, -1))
        end = -1


def _end_of_block(code: bytes, positions: Sequence[int], index: int) -> int:
    """Return where straight code that began somewhere ends: at a jump, or before a destination."""
    while index + 1 < len(positions):
        if code[positions[index]] in (_JUMP, _JUMPI) or code[positions[index + 1]] == _JUMPDEST:
            break
        index += 1
    return index
