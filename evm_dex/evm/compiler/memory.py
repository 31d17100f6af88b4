"""Opcodes that touch memory, which has grown to what they reach before they do.

Gas that is known when the trace is written is part of its segment; other gas is taken at once.
"""

from __future__ import annotations

from evm_dex.evm.compiler.builder import Builder, Handler
from evm_dex.evm.compiler.known_memory import FARTHEST, RESERVED
from evm_dex.evm.compiler.path import Moment, Path
from evm_dex.evm.compiler.values import Value

_WORD_BYTES = 32
_FREE_POINTER = "free pointer"
_FREE_POINTER_PLACE = 0x40


def words(size: int) -> int:
    """Return the number of words that so many bytes begin."""
    return (size + 31) // 32


def pay(builder: Builder, cost: str, moment: Moment) -> None:
    """Take gas that is known only at run time, or leave where there isn't enough."""
    name = builder.writer.new_variable()
    builder.writer.write(f"{name} = {cost}")
    builder.give_up_if(f"{name} > g", moment)
    builder.writer.write(f"g -= {name}")


def reach(builder: Builder, path: Path, offset: Value, size: Value, moment: Moment) -> str:
    """Let memory grow to what an opcode touches; a Python slice of it."""
    builder.uses.add("memory")
    writer, known = builder.writer, path.memory
    if size.constant == 0:
        return "0:0"
    place = known.place(offset)
    if size.constant is not None and place.offset + size.constant > FARTHEST:
        builder.give_up_if("True", moment)
        return "0:0"
    if place.base is None and size.constant is not None:
        end = place.offset + size.constant
        if not known.is_reached(place, size.constant):
            _grow(builder, f"n < {end}", str(end), moment)
            known.reach(place, size.constant)
        return f"{place.offset}:{end}"
    start, length = writer.atom(offset), writer.atom(size)
    if size.constant is not None and known.is_reached(place, size.constant):
        return f"{start}:{start} + {length}"
    name = writer.new_variable()
    writer.write(f"{name} = {start} + {length}")
    is_any = "" if size.constant else f" and {length}"
    _grow(builder, f"{name} > n{is_any}", name, moment)
    if size.constant is not None:
        known.reach(place, size.constant)
    return f"{start}:{name}"


def _make_pointer(builder: Builder, path: Path, address: Value, moment: Moment) -> None:
    """Make sure that what was read as the free pointer is one, where it is written behind."""
    base = address.arguments[0] if address.operation == "add" else address
    if base.operation == _FREE_POINTER and base not in path.memory.pointers:
        name = builder.writer.atom(base)
        builder.give_up_if(f"not {RESERVED} <= {name} <= {FARTHEST}", moment)
        path.values.lower(base, FARTHEST)
        path.memory.pointers.add(base)


def _wrote(path: Path, offset: Value, size: Value, word: Value | None = None) -> None:
    if size.constant != 0:
        path.memory.write(path.memory.place(offset), size.constant, word)


def _grow(builder: Builder, condition: str, end: str, moment: Moment) -> None:
    writer = builder.writer
    way = builder.exit(moment, ~moment.position)
    writer.write(f"if {condition}: g = grow(mem, {end}, g, {way}); n = len(mem)")


def mload(builder: Builder, path: Path) -> bool:
    """MLOAD."""
    moment, memory = path.moment(), path.memory
    path.gas += 3
    offset = path.pop()
    known = memory.word(memory.place(offset))
    if known is None:
        where = reach(builder, path, offset, path.values.constant(_WORD_BYTES), moment)
        text = f"from_bytes(unpack(mem, {where.partition(':')[0]})[0])"
        is_pointer = offset.constant == _FREE_POINTER_PLACE
        known = builder.writer.result(text, _FREE_POINTER if is_pointer else "result")
        memory.keep(memory.place(offset), known)
    path.stack.append(known)
    return True


def mstore(builder: Builder, path: Path) -> bool:
    """MSTORE."""
    moment, size = path.moment(), path.values.constant(_WORD_BYTES)
    offset, word = path.pop(), path.pop()
    path.gas += 3
    _make_pointer(builder, path, offset, moment)
    where = reach(builder, path, offset, size, moment)
    word.is_shared = True
    text = builder.writer.bytes_of(word)
    builder.writer.write(f"pack(mem, {where.partition(':')[0]}, {text})")
    _wrote(path, offset, size, word)
    return True


def mstore8(builder: Builder, path: Path) -> bool:
    """MSTORE8: the lowest byte of a word."""
    moment = path.moment()
    offset, word = path.pop(), path.pop()
    path.gas += 3
    size = path.values.constant(1)
    where = reach(builder, path, offset, size, moment)
    text = builder.writer.text(path.values.make("and", word, path.values.constant(0xFF)))
    builder.writer.write(f"mem[{where.partition(':')[0]}] = {text}")
    _wrote(path, offset, size)
    return True


def pay_words(builder: Builder, path: Path, size: Value, per_word: int, moment: Moment) -> None:
    """Gas for each word begun."""
    if size.constant is not None:
        if size.constant < FARTHEST:
            path.gas += per_word * words(size.constant)
        else:
            pay(builder, f"{per_word * words(size.constant)}", moment)
    else:
        pay(builder, f"({builder.writer.atom(size)} + 31) // 32 * {per_word}", moment)


def keccak256(builder: Builder, path: Path) -> bool:
    """KECCAK256."""
    moment = path.moment()
    offset, size = path.pop(), path.pop()
    path.gas += 30
    where = reach(builder, path, offset, size, moment)
    pay_words(builder, path, size, 6, moment)
    path.stack.append(builder.writer.result(f"from_bytes(keccak(mem[{where}]).digest())"))
    return True


def copy(source: str, uses: str) -> Handler:
    """CALLDATACOPY and CODECOPY: what is beyond the end is 0."""

    def write(builder: Builder, path: Path) -> bool:
        if uses:
            builder.uses.add(uses)
        moment, writer = path.moment(), builder.writer
        to, start, size = path.pop(), path.pop(), path.pop()
        path.gas += 3
        where = reach(builder, path, to, size, moment)
        pay_words(builder, path, size, 3, moment)
        first, length = writer.atom(start), writer.atom(size)
        copied = f"{source}[{first}:{first} + {length}].ljust({length}, Z)"
        if size.constant != 0:
            writer.write(f"mem[{where}] = {copied}")
        _wrote(path, to, size)
        return True

    return write


def returndatacopy(builder: Builder, path: Path) -> bool:
    """RETURNDATACOPY: beyond the end is an error."""
    moment, writer = path.moment(), builder.writer
    to, start, size = path.pop(), path.pop(), path.pop()
    path.gas += 3
    first, length = writer.atom(start), writer.atom(size)
    builder.give_up_if(f"{first} + {length} > len(c.return_data)", moment)
    where = reach(builder, path, to, size, moment)
    pay_words(builder, path, size, 3, moment)
    writer.write(f"mem[{where}] = c.return_data[{first}:{first} + {length}]")
    _wrote(path, to, size)
    return True


def mcopy(builder: Builder, path: Path) -> bool:
    """MCOPY, also where the two overlap."""
    moment, writer = path.moment(), builder.writer
    to, start, size = path.pop(), path.pop(), path.pop()
    path.gas += 3
    if to.constant is not None and start.constant is not None:
        reach(builder, path, max(to, start, key=lambda it: it.constant or 0), size, moment)
    else:
        farthest = writer.result(f"max({writer.text(to)}, {writer.text(start)})")
        reach(builder, path, farthest, size, moment)
    pay_words(builder, path, size, 3, moment)
    first, last, length = writer.atom(to), writer.atom(start), writer.atom(size)
    if size.constant != 0:
        writer.write(f"mem[{first}:{first} + {length}] = mem[{last}:{last} + {length}]")
    _wrote(path, to, size)
    return True
