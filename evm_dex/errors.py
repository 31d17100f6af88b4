"""Errors of the chain, by what happened and whose fault it is."""

# ruff: noqa: N818 - each class is named for what happened

from __future__ import annotations

from typing import Any


class ChainError(Exception):
    """Base of all errors the chain raises on purpose."""


class TraceTooLong(ChainError):
    """An execution takes more steps, or more bytes, than are kept of it."""


class TransactionRejected(ChainError):
    """The transaction can't be part of any next block; nothing changed."""


class UnknownBlock(ChainError):
    """No such block on this chain."""


class UnknownTransaction(ChainError):
    """No transaction of that hash is part of this chain."""


class GenesisError(ChainError):
    """The genesis is not usable: which field, and what was expected."""


class GenesisMismatch(GenesisError):
    """The store was begun with another genesis."""


class ChainStopped(ChainError):
    """The store or the chain's own data failed; reopen to go on from the last durable block."""


class StateMissing(ChainError):
    """Part of the EVM state is not in the store: damage, or a state that was pruned."""


class OriginError(ChainError):
    """The chain that this one was forked from did not give what is needed; nothing changed here."""


class NotCovered(ChainError):
    """A state root of a forked chain does not cover what was asked for: it is as at the origin."""


class OriginUnreachable(OriginError):
    """The origin did not answer, or too late, or only that it is asked too often."""


class OriginRefused(OriginError):
    """The origin answered with an error: it is pruned, say, or does not serve a method."""


class OriginMismatch(OriginError):
    """The origin is another chain than the one that this chain was forked from."""


class OriginLied(OriginError):
    """The origin gave a value that the state root of the fork block does not prove."""


class UnknownSnapshot(ChainError):
    """No snapshot of that id or name: never taken, or 10,000 numbered ones ago."""


class SnapshotLost(ChainError):
    """The snapshot's block can no longer be gone back to; the message says why."""


class CheatRefused(ChainError):
    """A cheatcode was asked for what no chain can be; nothing changed."""


class InvalidBlock(ChainError):
    """A block of a branch breaks the chain's rules; the chain is as it was before the branch."""


class InvalidSignature(ChainError):
    """The signature of an action belongs to no key, or the action in it is none."""


class InvalidInnerSignature(InvalidSignature):
    """A signature inside an action of several signers belongs to no key."""


class DecidedElsewhere(ChainError):
    """A chain whose blocks validators agree on was asked to make or take back one by itself."""


class EngineMissing(ChainError):
    """The consensus engine's program, or its keys, are not there or of no use."""


class NotAValidator(ChainError):
    """A directory is not that of a validator."""


class AlreadyInUse(ChainError):
    """A place or port for something new is taken already."""


class EngineUnreachable(ChainError):
    """A consensus engine does not answer, or not as one."""


class NodeUnreachable(ChainError):
    """A validator's JSON-RPC does not answer, or not as a node."""


class NodeRefused(ChainError):
    """A validator's JSON-RPC answered with an error."""

    def __init__(self, message: str, data: object = None) -> None:
        super().__init__(message)
        self.data = data
        """Data of the error, such as revert data in hex."""


class VoteRefused(ChainError):
    """A vote on who is a validator can't be given, or does not count."""


class UntrustedPeer(ChainError):
    """Somebody's blocks are not those that are trusted."""


class ValidatorStopped(ChainError):
    """A validator's processes ended, and starting them again does not help."""


class WrongHeight(ChainError):
    """The engine that orders blocks is at another block than the chain."""


class ClockOff(ChainError):
    """The machine's clock differs from the validators' time by more than a minute."""


class BranchNotLonger(ChainError):
    """A branch does not end above the head, so the chain stays on its own."""


class CallFailed(ChainError):
    """A call or estimate did not succeed.

    `output` is the revert data (empty when the EVM halted otherwise), `reason` what happened.
    """

    def __init__(self, reason: str, output: bytes = b"") -> None:
        super().__init__(reason if not output else f"{reason}: 0x{output.hex()}")
        self.reason = reason
        self.output = output


class TransactionFailed(CallFailed):
    """A transaction is in a block and failed there; `receipt` is its receipt."""

    def __init__(self, receipt: Any) -> None:
        super().__init__(
            "reverted" if receipt.error == "Revert" else receipt.error, receipt.revert_data
        )
        self.receipt = receipt
        self.add_note(
            f"transaction 0x{receipt.transaction_hash.hex()} is in block {receipt.block_number}"
        )


class CallRefused(CallFailed):
    """A call that can't begin: too little gas to start with, or more wei than the sender has."""
