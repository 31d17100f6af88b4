"""Addresses as people hold them: bytes, hex, an account, a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from precompiles.types import Address

if TYPE_CHECKING:
    from evm_dex.chain.accounts import Account as KeyedAccount
    from evm_dex.chain.signing import Signer


class Addressed(Protocol):
    """Anything that is at an address."""

    @property
    def address(self) -> str:
        """In hex, with a checksum (EIP-55)."""


AddressLike = bytes | str | Addressed


class Account:
    """An account whose key is at hand."""

    __slots__ = ("address", "key", "signer")

    def __init__(self, keyed: KeyedAccount) -> None:
        self.address = checksum(keyed.address)
        self.key = keyed.key
        self.signer: Signer = keyed.signer

    def __repr__(self) -> str:
        return f"<Account {self.address}>"


def to_address(value: AddressLike) -> Address:
    """Twenty bytes. Raises ValueError that says what was found."""
    if isinstance(value, bytes):
        raw = value
    else:
        text: Any = value if isinstance(value, str) else getattr(value, "address", value)
        try:
            raw = bytes.fromhex(text.removeprefix("0x"))
        except (ValueError, AttributeError):
            raise ValueError(f"{text!r} is no address: expected 40 hex digits") from None
    if len(raw) != 20:
        raise ValueError(f"an address has 20 bytes, not {len(raw)}: {value!r}")
    return Address(raw)


def checksum(address: bytes) -> str:
    """In hex, with a checksum (EIP-55)."""
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - loads pydantic with it

    return str(to_checksum_address(address))
