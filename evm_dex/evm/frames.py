"""Calls by code: CALL, CALLCODE, DELEGATECALL and STATICCALL with frames of our own.

For each call py-evm makes a message, a computation and a snapshot, also of an account without code,
and keeps them all until the transaction ends. Here a precompile that is a function, and an account
without code, take no frame; others get one, and leave their logs, refund and deletions to the
caller when they end. What can't be done (no gas, a write in a static call) is left to py-evm's
opcode with nothing changed, and that raises the error. Rules: EIP-150, 2929, 161, 7702.
"""

from __future__ import annotations

from typing import Any

from eth.constants import EMPTY_SHA3
from eth.exceptions import Halt, OutOfGas, VMError

from evm_dex.evm.compiler.execute import execute
from evm_dex.evm.compiler.runtime import growth
from evm_dex.evm.config import check_time
from evm_dex.evm.console_calls import CONSOLE
from evm_dex.evm.ethereum_precompiles import EthereumPrecompile
from evm_dex.evm.frame_parts import CallMessage
from evm_dex.evm.unmade_calls import CALL_KINDS, TOO_DEEP, TOO_POOR

CALL, CALLCODE, DELEGATECALL, STATICCALL = 0xF1, 0xF2, 0xF4, 0xFA
_COLD, _WARM = 2_600, 100
_VALUE, _NEW_ACCOUNT, _STIPEND = 9_000, 25_000, 2_300
_DEEPEST = 1_024
_DELEGATION = b"\xef\x01\x00"
_DELEGATION_BYTES = 23
_WORD = 32


def send(
    c: Any, opcode: int, gas: int, to: int, value: int, start: int, size: int, out: int, room: int
) -> int:
    """Make a call: 1 if it succeeds, else 0; -1 with nothing done where the opcode fails.

    `c` is the computation that calls; input and output are where its memory begins and how long.
    """
    meter, memory, database = c._gas_meter, c._memory._bytes, c.state._account_db
    end = start + size if size else 0
    if room and out + room > end:
        end = out + room
    grown = growth(len(memory), end) if end > len(memory) else 0
    address = to.to_bytes(32)[12:]
    is_cold = address not in database._warm and address not in c._precompiles
    left = meter.gas_remaining - grown - (_COLD if is_cold else _WARM)
    if left < 0:
        return _run_out(c)
    account = database.found(address)
    code, runs_at, is_new = b"", address, False
    if account is not None and account.code_hash != EMPTY_SHA3:
        code = database.get_code(address)
        if len(code) == _DELEGATION_BYTES and code.startswith(_DELEGATION):
            runs_at = code[3:]
            is_new = _is_new(c, runs_at, address)
            left -= _COLD if is_new else _WARM
    if value:
        if opcode == CALL and c.msg.is_static:
            return -1
        is_born = opcode == CALL and (account is None or account.is_empty)
        left -= _VALUE + (_NEW_ACCOUNT if is_born else 0)
    if left < 0:
        return _run_out(c)
    if grown:
        memory.extend(bytes(-(-end // _WORD) * _WORD - len(memory)))
    if is_cold:
        database.mark_address_warm(address)
    if is_new:
        database.mark_address_warm(runs_at)
    if runs_at is not address:
        code = database.get_code(runs_at)
    passed = min(gas, left - left // 64)
    meter.gas_remaining = left - passed
    data = bytes(memory[start : start + size]) if size else b""
    return _deliver(c, opcode, passed, address, runs_at, code, value, data, out, room)


def _run_out(c: Any) -> int:
    """Fail for want of gas: at once where nobody is told what was missing, or touched before."""
    config = c.state.config
    is_watched = config.records_calls or config.watch is not None
    if c.msg.depth and not is_watched and config.accesses is None:
        raise OutOfGas("too little for a call")
    return -1


def _is_new(c: Any, delegate: bytes, address: bytes) -> bool:
    """Whether an account to which another delegates is cold, the other being warm now."""
    return not (
        delegate == address or delegate in c.state._account_db._warm or delegate in c._precompiles
    )


def _deliver(
    c: Any, opcode: int, gas: int, address: bytes, runs_at: bytes, code: bytes, value: int,
    data: bytes, out: int, room: int,
) -> int:  # fmt: skip
    """Call an account with gas that is taken: 1 if that succeeds, else 0."""
    caller, config = c.msg, c.state.config
    own: bytes = caller.storage_address
    moved = config.precompiles
    precompile = (c._precompiles if moved is None else moved).get(runs_at)
    is_simple = not value and not config.records_calls
    if address == CONSOLE and config.on_console is not None:
        config.on_console(data)
    if value:
        gas += _STIPEND
    if caller.depth >= _DEEPEST or (value and c.state.get_balance(own) < value):
        if config.records_calls:
            error = TOO_DEEP if caller.depth >= _DEEPEST else TOO_POOR
            amount = caller.value if opcode == DELEGATECALL else value
            c.note_unmade(CALL_KINDS[opcode], address, amount, gas, 0, data, error)
        return _skip(c, gas, succeeded=0)
    if is_simple and not code and precompile is None:
        c.state._account_db.touch(address)
        return _skip(c, gas, succeeded=1)
    if is_simple and type(precompile) is EthereumPrecompile and runs_at is address:
        return _compute(c, address, precompile, data, gas, out, room)
    is_call = opcode in (CALL, STATICCALL)
    if opcode == DELEGATECALL:
        message = CallMessage(gas, caller.sender, own, caller.value, data, caller.depth + 1)
    else:
        message = CallMessage(gas, own, address if is_call else own, value, data, caller.depth + 1)
    message.should_transfer_value = opcode in (CALL, CALLCODE)
    message.is_static = caller.is_static or opcode == STATICCALL
    message.code, message.code_address, message.called = code, runs_at, address
    message.is_delegation = runs_at is not address
    return _run(c, opcode, message, precompile, out, room)


def _skip(c: Any, gas: int, *, succeeded: int) -> int:
    """End a call in which nothing is run."""
    c._gas_meter.gas_remaining += gas
    c.return_data = b""
    if succeeded:
        c.levels_below = c.levels_below or 1
    return succeeded


def _compute(
    c: Any,
    address: bytes,
    precompile: EthereumPrecompile,
    data: bytes,
    gas: int,
    out: int,
    room: int,
) -> int:
    """Call a precompile that needs no frame."""
    c.return_data = b""
    c.levels_below = c.levels_below or 1
    try:
        cost = precompile.price(data)
        if cost > gas:
            return 0
        check_time(c.state.config, cost)
        output = precompile.run(data)
    except VMError:
        return 0
    c._gas_meter.gas_remaining += gas - cost
    c.state._account_db.touch(address)
    _give(c, output, out, room)
    return 1


def _run(c: Any, opcode: int, message: CallMessage, precompile: Any, out: int, room: int) -> int:
    """Call what needs a frame."""
    state = c.state
    config, database, rows = state.config, state._account_db, state.rows
    if config.deadline is not None:
        config.deadline.check()
    child = type(c)(state, message, c.transaction_context)
    child.contracts_created = c.contracts_created
    before, rows_before = database.record(), rows.mark()
    error = None
    try:
        if message.value and message.should_transfer_value:
            state.delta_balance(message.sender, -message.value)
            state.delta_balance(message.to, message.value)
        if message.code:
            if precompile is None:
                execute(child)
        else:
            database.touch(message.to)
        if precompile is not None and not message.is_delegation:
            precompile(child)
    except Halt:
        pass
    except VMError as problem:
        error = problem
        database.discard(before)
        rows.revert(rows_before)
        child.fail(error)
    c.take_in(child, opcode)
    if error is None or not error.burns_gas:
        c._gas_meter.gas_remaining += child._gas_meter.gas_remaining
    _give(c, b"" if error is not None and error.erases_return_data else child._output, out, room)
    return int(error is None)


def _give(c: Any, output: bytes, out: int, room: int) -> None:
    """Let the caller have what came of a call."""
    c.return_data = output
    if room and output:
        given = output[:room]
        c._memory._bytes[out : out + len(given)] = given


def opcode_of(number: int, other: Any) -> Any:
    """Return a call as an opcode on the real stack; `other` is py-evm's, for what goes wrong."""
    has_value = number in (CALL, CALLCODE)
    arguments = 7 if has_value else 6

    def run(c: Any) -> Any:
        words = c._stack.values
        if len(words) < arguments:
            return other(c)
        if has_value:
            room, out, size, start, value, to, gas = words[-7:]
        else:
            room, out, size, start, to, gas = words[-6:]
            value = 0
        succeeded = send(c, number, gas, to, value, start, size, out, room)
        if succeeded < 0:
            return other(c)
        del words[1 - arguments :]
        words[-1] = succeeded
        return None

    return run
