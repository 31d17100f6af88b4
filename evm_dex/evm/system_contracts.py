"""Contracts that the chain itself calls as each block begins and ends, where an account has them.

As it begins they are told the beacon root (EIP-4788) and the parent's hash (EIP-2935). As it ends
they give the requests of validators: deposits from logs (EIP-6110), withdrawals (EIP-7002) and
consolidations (EIP-7251), to which the header commits (EIP-7685).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from eth.constants import EMPTY_SHA256
from eth.vm.forks.cancun.constants import BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CONTRACT_CODE
from eth.vm.forks.prague.constants import (
    CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    DEPOSIT_CONTRACT_ADDRESS,
    DEPOSIT_EVENT_SIGNATURE_HASH,
    HISTORY_STORAGE_ADDRESS,
    HISTORY_STORAGE_CONTRACT_CODE,
    WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
)
from eth.vm.message import Message

from evm_dex.blocks.receipt import Log
from precompiles.types import Address

_SYSTEM: Any = b"\xff" * 19 + b"\xfe"
_GAS = 30_000_000
_DEPOSIT, _WITHDRAWAL, _CONSOLIDATION = b"\x00", b"\x01", b"\x02"
_RING = 8_191
"""Number of blocks that the contracts of EIP-4788 and EIP-2935 remember."""
QUEUE_SLOTS = range(4)
"""Excess, count, head and tail of the queues of EIP-7002 and EIP-7251."""
_DEPOSIT_BYTES = 576
_DEPOSIT_PARTS = ((192, 240), (288, 320), (352, 360), (416, 512), (544, 552))
"""Positions of a deposit's public key, credentials, amount, signature and index in its log."""

_WITHDRAWALS_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffff146101f457600182026001905f5b5f82111560685781019083028483"
    "029004916001019190604d565b909390049250505036603814608857366101f457346101f4575f5260205ff35b34"
    "106101f457600154600101600155600354806003026004013381556001015f35815560010160203590553360601b"
    "5f5260385f601437604c5fa0600101600355005b6003546002548082038060101160df575060105b5f5b81811461"
    "01835782810160030260040181604c02815460601b81526014018160010154815260200190600201548"
    "07fffffffffffffffffffffffffffffffff00000000000000000000000000000000168252906010019060401c908"
    "160381c81600701538160301c81600601538160281c81600501538160201c81600401538160181c816003015381"
    "60101c81600201538160081c81600101535360010160e1565b910180921461019557906002556101a0565b90505f"
    "6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1415"
    "6101cd57505f5b6001546002828201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff35b"
    "5f5ffd"
)
_CONSOLIDATIONS_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483"
    "029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b34"
    "1061019a57600154600101600155600354806004026004013381556001015f358155600101602035815560010160"
    "403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082038060021160e7575060"
    "025b5f5b8181146101295782810160040260040181607402815460601b8152601401816001015481526020018160"
    "02015481526020019060030154905260010160e9565b910180921461013b5790600255610146565b90505f600255"
    "5f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1415610173"
    "57505f5b6001546001828201116101885750505f61018e565b01600190035b5f555f6001556074025ff35b5f5ffd"
)
SYSTEM_CONTRACTS = {
    Address(BEACON_ROOTS_ADDRESS): BEACON_ROOTS_CONTRACT_CODE,
    Address(HISTORY_STORAGE_ADDRESS): HISTORY_STORAGE_CONTRACT_CODE,
    Address(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS): _WITHDRAWALS_CODE,
    Address(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS): _CONSOLIDATIONS_CODE,
}
"""Code by address, for a genesis."""


def begin_block(state: Any, header: Any) -> None:
    """Tell the contracts what a block comes after. Those that fail have changed nothing."""
    if state.get_code(BEACON_ROOTS_ADDRESS) == BEACON_ROOTS_CONTRACT_CODE:
        _note_beacon_root(state, header)
    else:
        _call(state, BEACON_ROOTS_ADDRESS, header.parent_beacon_block_root)
    if not state.rules.has_requests:  # Prague brought both
        return
    if state.get_code(HISTORY_STORAGE_ADDRESS) == HISTORY_STORAGE_CONTRACT_CODE:
        _note_parent(state, header)
    else:
        _call(state, HISTORY_STORAGE_ADDRESS, header.parent_hash)


def end_block(state: Any, logs: Iterable[Log]) -> list[bytes]:
    """Collect a block's requests, each with its type before it; none that are empty."""
    if not state.rules.has_requests:
        return []
    requests = (
        _DEPOSIT + b"".join(map(_deposit, filter(_is_deposit, logs))),
        _WITHDRAWAL + _queued(state, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        _CONSOLIDATION + _queued(state, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    )
    return [request for request in requests if len(request) > 1]


# What a call by the chain comes to is known where the code is; running it would take as long as a
# transfer, in every block.


def _note_beacon_root(state: Any, header: Any) -> None:
    """Do what the contract of EIP-4788 does: two words, in rings by time."""
    place, root = header.timestamp % _RING, header.parent_beacon_block_root
    write = state.accounts.overwrite_storage
    write(BEACON_ROOTS_ADDRESS, place, header.timestamp)
    write(BEACON_ROOTS_ADDRESS, place + _RING, int.from_bytes(root, "big"))


def _note_parent(state: Any, header: Any) -> None:
    """Do what the contract of EIP-2935 does: one word, in a ring by height."""
    parent = int.from_bytes(header.parent_hash, "big")
    place = (header.block_number - 1) % _RING
    state.accounts.overwrite_storage(HISTORY_STORAGE_ADDRESS, place, parent)


def _queued(state: Any, address: Any) -> bytes:
    """Return what a contract of requests has queued; without any, its call changes nothing."""
    return b"" if _has_none(state, address) else _call(state, address)


def _has_none(state: Any, address: Any) -> bool:
    accounts = state.accounts
    if accounts.get_code(address) != SYSTEM_CONTRACTS[address]:
        return False
    word = accounts.get_storage
    return not (word(address, 0) or word(address, 1) or word(address, 2) or word(address, 3))


def takes_requests(state: Any) -> bool:
    """Tell whether the end of a block may change its state, so that it can't be gone on with."""
    places = (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS)
    return any(state.get_code(place) and not _has_none(state, place) for place in places)


def requests_hash(requests: Sequence[bytes]) -> bytes:
    """Return what a header commits to them by (EIP-7685)."""
    if not requests:
        return EMPTY_SHA256
    return sha256(b"".join(sha256(request).digest() for request in requests)).digest()


def _call(state: Any, address: Any, data: bytes = b"") -> bytes:
    """Return what a contract returns to the chain; nothing where it is not there, or fails."""
    code = state.get_code(address)
    if not code:
        return b""
    unwatched = msgspec.structs.replace(
        state.config, on_step=None, records_calls=False, accesses=None, logs_transfers=False
    )
    state = state.under(unwatched)
    state.lock_changes()
    message = Message(_GAS, address, _SYSTEM, 0, data, code, should_transfer_value=False)
    context = state.get_transaction_context_class()(state.base_fee, _SYSTEM)
    computation = state.computation_class.apply_message(state, message, context)
    state.clear_transient_storage()
    return b"" if computation.is_error else bytes(computation.output)


def _is_deposit(log: Log) -> bool:
    is_event = log.topics[:1] == (DEPOSIT_EVENT_SIGNATURE_HASH,)
    return is_event and log.address == DEPOSIT_CONTRACT_ADDRESS and len(log.data) == _DEPOSIT_BYTES


def _deposit(log: Log) -> bytes:
    return b"".join(log.data[start:end] for start, end in _DEPOSIT_PARTS)
