"""Failures in the terms that eth-tester's users know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eth_tester.exceptions import SnapshotNotFound, TransactionFailed
from eth_utils.exceptions import ValidationError

from checkpoint.trie.rlp import RLPError
from evm_dex.abi.contract_interface import Interface, exchange_error
from evm_dex.blocks.blob_sidecar import decode_sent
from evm_dex.blocks.transaction import Transaction
from evm_dex.errors import (
    CallFailed,
    CallRefused,
    SnapshotLost,
    TransactionRejected,
    UnknownSnapshot,
)
from evm_dex.evm.machine import UnrecognizedTransactionType

_SOLIDITY = Interface(())


class RejectedTransaction(TransactionRejected, ValidationError):  # noqa: N818 - as those of the chain
    """A transaction or call that the chain refused to run: py-evm's error, and ours."""


class CallReverted(TransactionFailed):
    """A call or estimate that ran and failed; `output` is the revert data, empty if there is none.

    web3.py raises a plain TransactionFailed in its stead; this one is its `__context__`.
    """

    def __init__(self, message: str, output: bytes) -> None:
        super().__init__(message)
        self.output = output


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise the chain's errors as RejectedTransaction, CallReverted or SnapshotNotFound."""
    try:
        yield
    except (TransactionRejected, CallRefused) as error:
        raise RejectedTransaction(str(error)) from error
    except CallFailed as error:
        raise CallReverted(failure_message(error), error.output) from error
    except (UnknownSnapshot, SnapshotLost) as error:
        raise SnapshotNotFound(str(error)) from error


def failure_message(error: CallFailed) -> str:
    """Return why a call failed: the contract's words, an exchange's error, or bytes.

    Custom errors of other contracts stay encoded, written as bytes, which is how web3.py knows
    Solidity's panics and off-chain look-ups.
    """
    if not error.output:
        return error.reason
    decoded = _SOLIDITY.decode_error(error.output)
    if decoded is not None and decoded.name == "Error":
        return str(decoded.args["message"])
    known = exchange_error(error.output)
    return str(known) if known is not None else str(error.output)


def read_raw(raw: bytes) -> Transaction:
    """Decode a raw transaction.

    Raises what py-evm's own decoder would: UnrecognizedTransactionType, or RLP's DecodingError;
    TransactionRejected for what it has no error for.
    """
    if raw and 0x04 < raw[0] < 0x80:
        raise UnrecognizedTransactionType(raw[0], "types 1 to 4 and legacy are accepted")
    try:
        return decode_sent(raw)
    except TransactionRejected as error:
        if isinstance(error.__cause__, RLPError):
            raise error.__cause__ from None
        raise
