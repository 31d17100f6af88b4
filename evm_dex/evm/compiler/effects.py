"""Opcodes that others see: storage, logs, calls, and the end."""

from __future__ import annotations

from evm_dex.evm.compiler.builder import Builder, Handler
from evm_dex.evm.compiler.known_memory import FARTHEST
from evm_dex.evm.compiler.memory import pay, reach
from evm_dex.evm.compiler.path import Path
from evm_dex.evm.compiler.values import Value


def sload(builder: Builder, path: Path) -> bool:
    """SLOAD: a word, colder once per transaction (EIP-2929)."""
    builder.uses |= {"A", "db", "warm"}
    moment, writer = path.moment(), builder.writer
    slot = writer.atom(path.pop())
    path.gas += 100
    way = builder.exit(moment, ~moment.position)
    writer.write(f"if (A, {slot}) not in warm: g = warmed(db, A, {slot}, g, {way})")
    path.stack.append(writer.result(f"sload(A, {slot})"))
    return True


def sstore(builder: Builder, path: Path) -> bool:
    """SSTORE."""
    builder.uses |= {"A", "db"}
    moment, writer = path.moment(), builder.writer
    slot, word = writer.atom(path.pop()), writer.text(path.pop())
    way = builder.exit(moment, ~moment.position)
    writer.write(lambda: f"g = sstore(c, db, A, {slot}, {word}, g, {moment.gas_left()}, {way})")
    return True


def of_account(function: str) -> Handler:
    """BALANCE and EXTCODESIZE: a word of an account, colder once per transaction (EIP-2929)."""

    def write(builder: Builder, path: Path) -> bool:
        moment, writer = path.moment(), builder.writer
        address, name, found = writer.text(path.pop()), writer.new_variable(), Value("result")
        way = builder.exit(moment, ~moment.position)
        writer.write(f"g, {name} = {function}(c, {address}, g, {way})")
        writer.bind(found, name)
        path.stack.append(found)
        return True

    return write


def tload(builder: Builder, path: Path) -> bool:
    """TLOAD."""
    builder.uses |= {"A", "db"}
    slot = builder.writer.text(path.pop())
    path.stack.append(builder.writer.result(f"from_bytes(db.get_transient(A, {slot}))"))
    path.gas += 100
    return True


def tstore(builder: Builder, path: Path) -> bool:
    """TSTORE."""
    builder.uses |= {"A", "db", "t"}
    builder.give_up_if("t", path.moment())
    writer = builder.writer
    slot, word = writer.text(path.pop()), writer.bytes_of(path.pop())
    writer.write(f"db.set_transient(A, {slot}, {word})")
    path.gas += 100
    return True


def log(topics: int) -> Handler:
    """LOG0 to LOG4."""

    def write(builder: Builder, path: Path) -> bool:
        builder.uses |= {"A", "t"}
        moment, writer = path.moment(), builder.writer
        builder.give_up_if("t", moment)
        offset, size = path.pop(), path.pop()
        words = [writer.text(path.pop()) for _ in range(topics)]
        path.gas += 375 * (1 + topics)
        where = reach(builder, path, offset, size, moment)
        if size.constant is not None and size.constant < FARTHEST:
            path.gas += 8 * size.constant
        else:
            pay(builder, f"8 * {writer.atom(size)}", moment)
        together = "".join(f"{word}, " for word in words)
        writer.write(f"log(c, A, ({together}), bytes(mem[{where}]))")
        return True

    return write


# The end


def stop(builder: Builder, path: Path) -> bool:
    """STOP."""
    builder.end(path)
    return False


def return_opcode(builder: Builder, path: Path) -> bool:
    """RETURN."""
    moment = path.moment()
    offset, size = path.pop(), path.pop()
    where = reach(builder, path, offset, size, moment)
    builder.writer.write(f"c._output = bytes(mem[{where}])")
    builder.end(path)
    return False


def revert(builder: Builder, path: Path) -> bool:
    """REVERT."""
    moment, writer = path.moment(), builder.writer
    offset, size = path.pop(), path.pop()
    where = reach(builder, path, offset, size, moment)
    ended = path.moment()
    writer.write(f"c._output = bytes(mem[{where}])")
    writer.write(lambda: f"m.gas_remaining = {ended.gas_left()}")
    writer.write("raise Revert(c._output)")
    return False


# Calls


def send(opcode: int) -> Handler:
    """CALL, CALLCODE, DELEGATECALL and STATICCALL."""
    has_value = opcode in (0xF1, 0xF2)

    def write(builder: Builder, path: Path) -> bool:
        builder.uses |= {"memory"}
        moment, writer = path.moment(), builder.writer
        gas, to = path.pop(), path.pop()
        value = path.pop() if has_value else path.values.constant(0)
        rest = [path.pop() for _ in range(4)]
        texts = ", ".join(writer.text(word) for word in (gas, to, value, *rest))
        writer.write(lambda: f"m.gas_remaining = {moment.gas_left()}")
        succeeded = writer.new_variable()
        writer.write(f"{succeeded} = c.send({opcode}, {texts})")
        builder.give_up_if(f"{succeeded} < 0", moment)
        writer.write("g = m.gas_remaining; n = len(mem)")
        result = Value("result", high=1)
        writer.bind(result, succeeded)
        path.stack.append(result)
        out, room = rest[2:]
        if room.constant != 0:
            path.memory.write(path.memory.place(out), room.constant)
        path.position += 1
        builder.open_segment(path)
        path.position -= 1
        return True

    return write


# Py-evm's own


def by_py_evm(opcode: int, arguments: int) -> Handler:
    """Return an opcode that takes its gas itself and gives one word, or none if it copies."""

    def write(builder: Builder, path: Path) -> bool:
        builder.uses |= {"memory", "O"}
        builder.growth = max(builder.growth, 1)  # py-evm's stack must have room for what it gives
        writer = builder.writer
        taken = [path.pop() for _ in range(arguments)]
        words = [writer.text(word) for word in taken]
        moment = path.moment()
        writer.write(f"s += ({', '.join(reversed(words))},)")
        writer.write(lambda: f"m.gas_remaining = {moment.gas_left()}")
        writer.write(f"c.code.program_counter = {path.position + 1}")
        writer.write(f"O[{opcode}](c)")
        writer.write("g = m.gas_remaining; mem = c._memory._bytes; n = len(mem)")
        if opcode != _EXTCODECOPY:
            path.stack.append(writer.result("s.pop()"))
        if opcode == _EXTCODECOPY and taken[-1].constant != 0:
            path.memory.forget()
        path.position += 1
        builder.open_segment(path)
        path.position -= 1
        return True

    return write


_EXTCODECOPY = 0x3C
_WRITES_MEMORY = frozenset((_EXTCODECOPY, 0xF1, 0xF2, 0xF4, 0xFA))
"""Opcodes whose last argument is the size of what they write."""
