"""Failures in the terms that eth-tester's users know."""

from __future__ import annotations

from evm_dex.abi import Interface, exchange_error
from evm_dex.chain.errors import CallFailed, TransactionRejected
from evm_dex.chain.transactions import Transaction, decode
from evm_dex.rlp import RLPException
from evm_dex.vm.errors import UnrecognizedTransactionType

_SOLIDITY = Interface(())


def failure_message(error: CallFailed) -> str:
    """Why a call failed: the contract's words, an exchange's error with its fields, or bytes.

    Custom errors of other contracts stay encoded: web3.py decodes them by the contract's ABI.
    """
    if not error.output:
        return error.reason
    decoded = _SOLIDITY.decode_error(error.output)
    if decoded is not None and decoded.name == "Error":
        return str(decoded.args["message"])
    known = exchange_error(error.output)
    return str(known) if known is not None else str(error.output)


def read_raw(raw: bytes) -> Transaction:
    """A raw transaction.

    Raises what py-evm's own decoder would: UnrecognizedTransactionType, or RLP's DecodingError;
    TransactionRejected for what it has no error for.
    """
    if raw and 0x04 < raw[0] < 0x80:
        raise UnrecognizedTransactionType(raw[0], "types 1 to 4 and legacy are accepted")
    try:
        return decode(raw)
    except TransactionRejected as error:
        if isinstance(error.__cause__, RLPException):
            raise error.__cause__ from None
        raise
