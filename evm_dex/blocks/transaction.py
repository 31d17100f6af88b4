"""Transactions of every type Prague knows: decoding, signing, and what executing one needs.

Py-evm's executor takes any object with the right attributes. This one is flat, knows its
sender, hash and raw bytes from the start, and so is decoded, hashed and recovered only once.
Types: 0 legacy (EIP-155 and before), 1 EIP-2930, 2 EIP-1559, 3 EIP-4844, 4 EIP-7702.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from eth.vm.forks.prague.transactions import Authorization

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak
from evm_dex.blocks.gas import GAS_PER_BLOB, intrinsic_gas
from evm_dex.blocks.signing import Signer, recover
from evm_dex.errors import TransactionRejected
from precompiles.types import Address

AccessList = tuple[tuple[Address, tuple[int, ...]], ...]

_FEES = ("max_priority_fee_per_gas", "max_fee_per_gas")
_CALL = ("gas", "to", "value", "data")
LAYOUTS: dict[int, tuple[str, ...]] = {
    # Names of a type's fields in the order of its RLP, but for the signature.
    0: ("nonce", "gas_price", *_CALL),
    1: ("chain_id", "nonce", "gas_price", *_CALL, "access_list"),
    2: ("chain_id", "nonce", *_FEES, *_CALL, "access_list"),
    3: (
        *("chain_id", "nonce", *_FEES, *_CALL, "access_list"),
        *("max_fee_per_blob_gas", "blob_versioned_hashes"),
    ),
    4: ("chain_id", "nonce", *_FEES, *_CALL, "access_list", "authorization_list"),
}
MAX_NONCE = 2**64 - 2
_HASH_BYTES = 32
_MAX_UINT64, _MAX_UINT8 = 2**64 - 1, 2**8 - 1
_EIP155_OFFSET = 35
_UNPROTECTED_OFFSET = 27
_ADDRESSES = 1 << 160
UNSIGNED = 1
"""The s of a transaction without a signature. One that has it, and an r below 2**160, would be a
signature by a key that nobody knows."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A signed transaction. Wei and gas as ints; `to` is empty for a contract creation."""

    type_id: int
    chain_id: int | None
    """None: signed for every chain (legacy, before EIP-155)."""
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas: int
    to: bytes
    value: int
    data: bytes
    access_list: AccessList = ()
    max_fee_per_blob_gas: int = 0
    blob_versioned_hashes: tuple[bytes, ...] = ()
    authorization_list: tuple[Any, ...] = ()
    intrinsic_gas: int
    y_parity: int
    r: int
    s: int
    sender: Address
    hash: bytes
    raw: bytes
    """The bytes sent over the wire and hashed: type byte and payload, or a bare RLP list."""

    def validate(self) -> None:
        """Do nothing: decoding checked the fields (py-evm's executor calls this)."""

    def __repr__(self) -> str:  # py-evm formats it for a debug log on every execution
        return f"<Transaction 0x{self.hash.hex()}>"

    @property
    def v(self) -> int:
        """The signature's v: its parity, and for legacy transactions the chain (EIP-155)."""
        return self.y_parity if self.type_id else self.y_parity + _legacy_offset(self.chain_id)

    def effective_gas_price(self, base_fee: int) -> int:
        """Return the wei per gas that it pays in a block with that base fee (EIP-1559)."""
        return min(self.max_fee_per_gas, base_fee + self.max_priority_fee_per_gas)

    @property
    def blob_gas(self) -> int:
        """Gas of its blobs (EIP-4844)."""
        return GAS_PER_BLOB * len(self.blob_versioned_hashes)

    @property
    def is_signed(self) -> bool:
        """Whether its sender's key made it; if not, its sender is only named in it."""
        is_named = self.s == UNSIGNED and self.r < _ADDRESSES and self.y_parity == 0
        return self.s != 0 and not is_named

    @property
    def create_address(self) -> Address | None:
        """Address of the contract that this transaction creates."""
        return None if self.to else created_address(self.sender, self.nonce)


def created_address(sender: bytes, nonce: int) -> Address:
    """Return the address of a contract that an account creates (Yellow Paper, section 7)."""
    return Address(keccak(rlp.encode([sender, rlp.int_bytes(nonce)]))[12:])


def authorization(
    chain_id: int, address: Address, nonce: int, y_parity: int, r: int, s: int
) -> Any:
    """Make one authorization (EIP-7702) as transactions hold it; its fields are read by name.

    Raises ValueError for one that makes its transaction invalid. One that is only not applied,
    for a wrong signature or nonce, is none of these.
    """
    code: Any = address  # py-evm has an address type of its own
    made = Authorization(chain_id, code, nonce, y_parity, r, s)
    _check_authorization(made)
    return made


def _check_authorization(made: Any) -> None:
    if made.nonce > _MAX_UINT64:
        raise ValueError(f"the nonce of an authorization must be below 2**64, got {made.nonce}")
    if made.y_parity > _MAX_UINT8:
        raise ValueError(f"yParity of an authorization must be below 256, got {made.y_parity}")


def decode(raw: bytes, sender: Address | None = None) -> Transaction:
    """Read a raw transaction and recover its sender, unless that is known.

    Raises TransactionRejected.
    """
    try:
        return _decode(raw, sender)
    except (ValueError, TypeError) as error:
        raise TransactionRejected(f"not a transaction: {error}") from error


def sign(signer: Signer, type_id: int, fields: dict[str, Any]) -> Transaction:
    """Sign a transaction of any type, given the fields of its RLP layout by name.

    Legacy transactions take `chain_id` too and are signed for it alone (EIP-155), or for every
    chain where it is None.
    """
    chain_id = fields["chain_id"]
    items = _items(type_id, fields)
    signature = signer.sign(_signing_digest(type_id, items, chain_id))
    return _with_signature(type_id, fields, items, signer.address, signature)


def signed(type_id: int, fields: dict[str, Any], signature: tuple[int, int, int]) -> Transaction:
    """Return a transaction that was signed elsewhere: fields as for `sign`, and its (v, r, s).

    Raises TransactionRejected.
    """
    return decode(_raw(type_id, _items(type_id, fields), signature))


def unsigned(sender: Address, type_id: int, fields: dict[str, Any]) -> Transaction:
    """Return a transaction in the name of an account without a key, fields as for `sign`.

    In place of a signature it has the sender as r and `UNSIGNED` as s, which nobody can sign with:
    so its hash is its own and its sender is known from its bytes.
    """
    signature = (0, int.from_bytes(sender, "big"), UNSIGNED)
    return _with_signature(type_id, fields, _items(type_id, fields), sender, signature)


def simulated(sender: Address, type_id: int, fields: dict[str, Any]) -> Transaction:
    """Return a transaction to be tried out, fields as for `sign`; its signature is all zeros."""
    named = unsigned(sender, type_id, fields)
    raw = _raw(type_id, _items(type_id, fields), (0, 0, 0))
    return msgspec.structs.replace(named, raw=raw, hash=keccak(raw))


def _with_signature(
    type_id: int,
    fields: dict[str, Any],
    items: list[Any],
    sender: Address,
    signature: tuple[int, int, int],
) -> Transaction:
    y_parity, r, s = signature
    v = y_parity if type_id else y_parity + _legacy_offset(fields["chain_id"])
    known = {**fields, "y_parity": y_parity, "r": r, "s": s, "sender": sender}
    return _build(type_id, known, _raw(type_id, items, (v, r, s)))


def _legacy_offset(chain_id: int | None) -> int:
    return _UNPROTECTED_OFFSET if chain_id is None else _EIP155_OFFSET + 2 * chain_id


def _items(type_id: int, fields: dict[str, Any]) -> list[Any]:
    return [_encode(name, fields[name]) for name in LAYOUTS[type_id]]


def _raw(type_id: int, items: list[Any], signature: tuple[int, int, int]) -> bytes:
    payload = rlp.encode([*items, *map(rlp.int_bytes, signature)])
    return bytes((type_id,)) + payload if type_id else payload


def _decode(raw: bytes, sender: Address | None) -> Transaction:
    if not raw:
        raise ValueError("its bytes must not be empty")
    type_id = raw[0] if raw[0] < 0x80 else 0
    layout = LAYOUTS.get(type_id)
    if layout is None or (type_id == 0 and raw[0] == 0):
        raise ValueError(f"its type must be 1 to 4, or none (legacy), got {raw[0]}")
    items = rlp.decode(raw[1:] if type_id else raw)
    if not isinstance(items, list) or len(items) != len(layout) + 3:
        raise ValueError(f"type {type_id} must be a list of {len(layout) + 3} fields")
    signature = items[len(layout) :]
    del items[len(layout) :]
    fields = {name: read(item) for (name, read), item in zip(_READERS[type_id], items, strict=True)}
    v, fields["r"], fields["s"] = map(_int, signature)
    if fields["nonce"] > MAX_NONCE:
        raise ValueError(f"nonce must be at most 2**64 - 2 (EIP-2681), got {fields['nonce']}")
    if type_id == 0:
        fields["chain_id"], v = _split_v(v)
    fields["y_parity"] = v
    if fields["s"] == UNSIGNED and fields["r"] < _ADDRESSES and v == 0:
        sender = Address(fields["r"].to_bytes(20, "big"))
    elif sender is None:
        digest = _signing_digest(type_id, items, fields["chain_id"])
        sender = recover(digest, v, fields["r"], fields["s"])
    fields["sender"] = sender
    return _build(type_id, fields, raw)


def _build(type_id: int, fields: dict[str, Any], raw: bytes) -> Transaction:
    if "gas_price" in fields:
        price = fields.pop("gas_price")
        fields["max_priority_fee_per_gas"] = fields["max_fee_per_gas"] = price
    if type_id >= 3 and not fields["to"]:
        raise ValueError(f"type {type_id} can't create a contract")
    if type_id == 4 and not fields["authorization_list"]:
        raise ValueError("type 4 must have at least one authorization")
    for blob in fields.get("blob_versioned_hashes", ()):
        if len(blob) != _HASH_BYTES:
            raise ValueError(f"a blob's versioned hash must be 32 bytes, got {len(blob)}")
    for made in fields.get("authorization_list", ()):
        _check_authorization(made)
    intrinsic = intrinsic_gas(
        fields["data"],
        creates=not fields["to"],
        access_list=fields.get("access_list", ()),
        authorizations=len(fields.get("authorization_list", ())),
    )
    return Transaction(
        type_id=type_id,
        intrinsic_gas=intrinsic,
        hash=keccak(raw),
        raw=raw,
        **fields,
    )


def _signing_digest(type_id: int, items: list[Any], chain_id: int | None) -> bytes:
    if type_id:
        return keccak(bytes((type_id,)) + rlp.encode(items))
    if chain_id is None:
        return keccak(rlp.encode(items))
    return keccak(rlp.encode([*items, rlp.int_bytes(chain_id), b"", b""]))


def _split_v(v: int) -> tuple[int | None, int]:
    """Legacy v into (chain id, y parity)."""
    if v in (27, 28):
        return None, v - 27
    if v < _EIP155_OFFSET:
        raise ValueError(f"v must be 27, 28 or at least 35, got {v}")
    return (v - _EIP155_OFFSET) // 2, (v - _EIP155_OFFSET) % 2


def _encode(name: str, value: Any) -> Any:
    match name:
        case "access_list":
            return [
                [address, [slot.to_bytes(32, "big") for slot in slots]] for address, slots in value
            ]
        case "blob_versioned_hashes":
            return list(value)
        case "authorization_list":
            return [Authorization.serialize(authorization) for authorization in value]
        case _:
            return rlp.int_bytes(value) if isinstance(value, int) else value


def _int(item: Any) -> int:
    if not isinstance(item, bytes) or len(item) > 32 or item[:1] == b"\x00":
        raise ValueError("an integer must be in its shortest form and below 2**256")
    return int.from_bytes(item, "big")


def _to(item: Any) -> bytes:
    if len(item) not in (0, 20):
        raise ValueError(f"`to` must be 20 bytes or none, got {len(item)}")
    return bytes(item)


def _access_list(item: Any) -> AccessList:
    return tuple((_address(address), tuple(map(_word, slots))) for address, slots in item)


def _blob_hashes(item: Any) -> tuple[bytes, ...]:
    return tuple(bytes(blob) for blob in item)


def _authorizations(item: Any) -> tuple[Any, ...]:
    return tuple(
        authorization(_int(chain), _address(address), *map(_int, rest))
        for chain, address, *rest in item
    )


def _word(item: bytes) -> int:
    if len(item) != 32:
        raise ValueError(f"a storage key must be 32 bytes, got {len(item)}")
    return int.from_bytes(item, "big")


def _address(item: bytes) -> Address:
    if len(item) != 20:
        raise ValueError(f"an address must be 20 bytes, got {len(item)}")
    return Address(bytes(item))


def system_transaction(
    chain_id: int, sender: Address, nonce: int, to: Address, *, gas: int, value: int, data: bytes
) -> Transaction:
    """Return a transaction of the chain itself, in the name of an account.

    It is unsigned and pays nothing for gas, which no transaction of a user may: so it is told from
    its bytes alone. What it does follows from the block before or from the block it ends.
    """
    fields = {
        "chain_id": chain_id,
        "nonce": nonce,
        "gas_price": 0,
        "gas": gas,
        "to": to,
        "value": value,
        "data": data,
    }
    return unsigned(sender, 0, fields)


def is_system_transaction(transaction: Transaction) -> bool:
    """Tell whether the chain itself made it, on a chain whose base fee is never zero."""
    return transaction.max_fee_per_gas == 0 and not transaction.is_signed


_READER: dict[str, Callable[[Any], Any]] = {
    "to": _to,
    "data": bytes,
    "access_list": _access_list,
    "blob_versioned_hashes": _blob_hashes,
    "authorization_list": _authorizations,
}
_READERS: dict[int, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    type_id: tuple((name, _READER.get(name, _int)) for name in layout)
    for type_id, layout in LAYOUTS.items()
}
"""Names of a type's fields, and how each is read."""
