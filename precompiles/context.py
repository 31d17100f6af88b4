"""The call context: what a precompile may ask of its caller."""

from __future__ import annotations

from typing import NoReturn, Protocol

from precompiles.types import Address


class OutOfGas(Exception):  # noqa: N818 - the EVM's own name for it
    """The caller's gas does not cover the next step; the whole frame is lost."""


class CallContext(Protocol):
    """One call into a precompile: its caller, its rules, and the ways out.

    The EVM adapter implements it on a py-evm computation; `StandaloneContext`
    implements it with no EVM at all.
    """

    caller: Address
    value: int
    """Wei sent along; already credited to the precompile's account."""
    is_static: bool
    is_delegate: bool
    """True if the code runs as another account (DELEGATECALL, CALLCODE)."""
    block_number: int
    timestamp: int
    """Block time in seconds."""

    def charge(self, gas: int) -> None:
        """Take `gas` from the caller before the work it pays for.

        Raises `OutOfGas`, or the host's own out-of-gas exception: precompiles catch neither.
        """

    def gas_remaining(self) -> int:
        """Return the gas that could still be charged."""

    def lose(self, reason: str) -> NoReturn:
        """Fail the frame with all its gas gone and no output; `reason` is for people."""

    def emit(self, topics: tuple[int, ...], data: bytes) -> None:
        """Append an event log under the precompile's address; topics are 256-bit words."""

    def emit_at(self, address: Address, topics: tuple[int, ...], data: bytes) -> None:
        """Append an event log under another precompile's address."""

    def balance(self, address: Address) -> int:
        """Wei of an account."""

    def call(self, to: Address, value: int, calldata: bytes) -> tuple[bool, bytes]:
        """Call another contract as the precompile: (success, returned bytes).

        A failed call leaves no trace. All remaining gas but 1/64 goes with it (EIP-150).
        """

    def has_code(self, address: Address) -> bool:
        """Return whether `address` is a contract."""
