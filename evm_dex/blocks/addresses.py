"""Addresses, hashes and slots as people hold them: bytes or hex; an account, a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from precompiles.types import Address

if TYPE_CHECKING:
    from evm_dex.blocks.dev_accounts import KeyPair
    from evm_dex.blocks.signing import Signer


class Addressed(Protocol):
    """Anything that is at an address."""

    @property
    def address(self) -> str:
        """Its address in hex, with a checksum (EIP-55)."""


AddressLike = bytes | str | Addressed
HashLike = bytes | str


class Account:
    """An account whose key is at hand."""

    __slots__ = ("address", "key", "signer")

    def __init__(self, keyed: KeyPair) -> None:
        self.address = checksum(keyed.address)
        self.key = keyed.key
        self.signer: Signer = keyed.signer

    def __repr__(self) -> str:
        return f"<Account {self.address}>"


def to_address(value: AddressLike) -> Address:
    """Twenty bytes. Raises ValueError that says what was found."""
    held = value if isinstance(value, bytes | str) else getattr(value, "address", value)
    return Address(_sized(held, 20, "an address"))


def to_hash(value: HashLike) -> bytes:
    """Thirty-two bytes: a hash, or a topic. Raises ValueError that says what was found."""
    return _sized(value, 32, "a hash")


def to_slot(value: Any) -> int:
    """Return the place of a storage word. Raises ValueError that says what was found."""
    if not isinstance(value, int) or not 0 <= value < 2**256:
        raise ValueError(f"a slot must be an integer from 0 to 2**256 - 1, got {value!r}")
    return value


def _sized(value: Any, size: int, what: str) -> bytes:
    try:
        raw = value if isinstance(value, bytes) else bytes.fromhex(value.removeprefix("0x"))
    except (ValueError, AttributeError):
        raise ValueError(f"{value!r} is not {what}: expected {2 * size} hex digits") from None
    if len(raw) != size:
        raise ValueError(f"{value!r} is not {what}: expected {size} bytes, got {len(raw)}")
    return raw


def checksum(address: bytes) -> str:
    """Return an address in hex, with a checksum (EIP-55)."""
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - loads pydantic with it

    return str(to_checksum_address(address))
