"""Jumps: a path follows them, leaves, forks, or comes back to where the trace starts."""

from __future__ import annotations

from evm_dex.evm.compiler.builder import Builder
from evm_dex.evm.compiler.path import Moment, Path
from evm_dex.evm.compiler.values import Value

_MOST_FORKS = 8
_MOST_FORKS_DEEP = 3
_LOOK_AHEAD = 16
_PUSH0, _PUSH32 = 0x5F, 0x7F
_STOP, _JUMP, _JUMPI, _RETURN, _REVERT, _INVALID = 0x00, 0x56, 0x57, 0xF3, 0xFD, 0xFE


def jumpdest(builder: Builder, path: Path) -> bool:
    """Go on, close the loop, or leave to where another trace starts.

    A place is met again with the same stack where it is the head of a loop inside this trace: one
    round is followed, and the loop gets a trace of its own. The same function called again has
    other places to return to on the stack.
    """
    position, start = path.position, builder.start
    if position == start and builder.opcodes > 1:
        if path.growth:
            builder.leave_to(path, str(position))
        else:
            _repeat(builder, path)
        return False
    builder.words += len(path.stack)
    is_destination = builder.program.is_destination
    returns = tuple(
        [
            (index, value.constant)
            for index, value in enumerate(path.stack, -path.below)
            if value.constant is not None and is_destination(value.constant)
        ]
    )
    key = (position, path.growth, returns)
    if key in path.seen or (position != start and position in builder.program.loops):
        builder.leave_to(path, str(position))
        return False
    path.seen.add(key)
    path.gas += 1
    return True


def _repeat(builder: Builder, path: Path) -> None:
    """Go on at the start of the trace, which is a loop."""
    builder.is_loop = True
    writer, top = builder.writer, path.below - 1
    changed = {
        top - index: value
        for index, value in enumerate(path.stack)
        if value is not builder.inputs[top - index]
    }
    if changed:
        names = ", ".join(f"a{index}" for index in changed)
        texts = ", ".join(map(writer.text, changed.values()))
        writer.write(f"{names} = {texts}")
        builder.changed |= set(changed)
    writer.write("continue")


def jump(builder: Builder, path: Path) -> bool:
    """JUMP: follow it where it is known where to."""
    moment = path.moment()
    target = path.pop()
    path.gas += 8
    if target.constant is None:
        builder.uses.add("J")
        name = builder.writer.atom(target)
        builder.give_up_if(f"{name} >= {len(builder.code)} or not J[{name}]", moment)
        builder.leave_to(path, name)
        return False
    if not builder.program.is_destination(target.constant):
        builder.give_up(moment)
        return False
    path.position = target.constant
    return True


def jumpi(builder: Builder, path: Path) -> bool:
    """JUMPI: follow the likelier side, and the other if both are likely."""
    moment = path.moment()
    target, condition = path.pop(), path.pop()
    path.gas += 10
    if condition.constant == 0:
        return True
    if target.constant is None or not builder.program.is_destination(target.constant):
        return _jump_badly(builder, path, moment, target, condition)
    if condition.constant is not None:
        path.position = target.constant
        return True
    _branch(builder, path, target.constant, condition)
    return True


def _jump_badly(
    builder: Builder, path: Path, moment: Moment, target: Value, condition: Value
) -> bool:
    """Leave what jumps to nowhere, or to where only the interpreter finds out, to it."""
    if target.constant is None or condition.constant is not None:
        builder.give_up(moment)
        return False
    builder.give_up_if(builder.writer.condition(condition, is_true=True), moment)
    path.values.assume(condition, is_true=False)
    return True


def _branch(builder: Builder, path: Path, target: int, condition: Value) -> None:
    taken, passed = builder.program.branches(path.position)
    after = path.position + 1
    jumps = taken > passed or (taken == passed and _is_cold(builder.code, after))
    other = after if jumps else target
    is_likely = (taken > 0) == (passed > 0) and not _is_cold(builder.code, other)
    text = f"if {builder.writer.condition(condition, is_true=not jumps)}:"
    if not is_likely:
        builder.writer.write(f"{text} {builder.leaving_to(path, other)}")
    else:
        with builder.writer.block(text):
            if builder.forks < _MOST_FORKS and path.forks < _MOST_FORKS_DEEP:
                builder.forks += 1
                side = path.split(other)
                side.values.assume(condition, is_true=not jumps)
                builder.follow(side, ahead=path.moment())
            else:
                builder.leave_to(path, str(other))
    path.values.assume(condition, is_true=jumps)
    path.position = target if jumps else after


def _is_cold(code: bytes, position: int) -> bool:
    """Whether code runs into a revert within a few opcodes."""
    pushed = -1
    for _ in range(_LOOK_AHEAD):
        opcode = code[position] if 0 <= position < len(code) else _STOP
        if opcode in (_REVERT, _INVALID):
            return True
        if opcode in (_JUMPI, _STOP, _RETURN) or (opcode == _JUMP and pushed < 0):
            return False
        if opcode == _JUMP:
            position, pushed = pushed, -1
            continue
        size = opcode - _PUSH0 if _PUSH0 <= opcode <= _PUSH32 else 0
        pushed = int.from_bytes(code[position + 1 : position + 1 + size]) if size else -1
        position += 1 + size
    return False
