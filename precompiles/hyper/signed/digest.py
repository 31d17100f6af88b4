"""Digests that signatures of actions are over.

An L1 action is hashed as it is, and a struct with that hash is signed; another action is signed
field by field as typed data (EIP-712), so that a wallet can show it. Source: Hyperliquid
documentation, "Signing", and hyperliquid-python-sdk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from eth_hash.auto import keccak

from precompiles.hyper.signed.typed_actions import (
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    SendAssetAction,
    SpotSendAction,
    StakingDepositAction,
    StakingWithdrawAction,
    TokenDelegateAction,
    UsdClassTransferAction,
    UsdSendAction,
    UserSigned,
    WithdrawAction,
)
from precompiles.hyper.signed.wire import (
    Action,
    encode,
)
from precompiles.types import Address

_WORD = 32
_L1_CHAIN_ID = 1337
_PREFIX = "HyperliquidTransaction:"
_DOMAIN = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_AGENT = keccak(b"Agent(string source,bytes32 connectionId)")


class _TypedData(NamedTuple):
    """The hashing of a user-signed action."""

    name: str
    fields: tuple[tuple[str, str], ...]
    """(type, name), after the name of the network."""


def _typed(name: str, fields: str) -> _TypedData:
    pairs = [part.split() for part in fields.split(",")]
    return _TypedData(name, tuple((kind, field) for kind, field in pairs))


_TYPES: dict[type[UserSigned], _TypedData] = {
    UsdSendAction: _typed("UsdSend", "string destination,string amount,uint64 time"),
    SpotSendAction: _typed("SpotSend", "string destination,string token,string amount,uint64 time"),
    WithdrawAction: _typed("Withdraw", "string destination,string amount,uint64 time"),
    UsdClassTransferAction: _typed("UsdClassTransfer", "string amount,bool toPerp,uint64 nonce"),
    SendAssetAction: _typed(
        "SendAsset",
        "string destination,string sourceDex,string destinationDex,string token,string amount,"
        "string fromSubAccount,uint64 nonce",
    ),
    ApproveAgentAction: _typed(
        "ApproveAgent", "address agentAddress,string agentName,uint64 nonce"
    ),
    ApproveBuilderFeeAction: _typed(
        "ApproveBuilderFee", "string maxFeeRate,address builder,uint64 nonce"
    ),
    TokenDelegateAction: _typed(
        "TokenDelegate", "address validator,uint64 wei,bool isUndelegate,uint64 nonce"
    ),
    StakingDepositAction: _typed("CDeposit", "uint64 wei,uint64 nonce"),
    StakingWithdrawAction: _typed("CWithdraw", "uint64 wei,uint64 nonce"),
}


class Envelope(NamedTuple):
    """An action with what is signed beside it."""

    action: Action
    nonce: int
    """Milliseconds, by its signer's clock."""
    vault: Address | None = None
    """The vault or sub-account that the signer acts for."""
    expires_after: int | None = None
    """Milliseconds."""


def connection_id(envelope: Envelope) -> bytes:
    """Return the hash of an L1 action."""
    vault = b"\0" if envelope.vault is None else b"\1" + envelope.vault
    expiry = (
        b"" if envelope.expires_after is None else b"\0" + envelope.expires_after.to_bytes(8, "big")
    )
    return keccak(encode(envelope.action) + envelope.nonce.to_bytes(8, "big") + vault + expiry)


def digest(envelope: Envelope, *, is_mainnet: bool) -> bytes:
    """Return the 32 bytes that an action's signer has signed.

    `is_mainnet` says for which network an L1 action was signed; others name it themselves.
    """
    action = envelope.action
    if isinstance(action, UserSigned):
        return _typed_digest(action)
    source = b"a" if is_mainnet else b"b"
    struct = keccak(_AGENT + keccak(source) + connection_id(envelope))
    return keccak(b"\x19\x01" + _domain("Exchange", _L1_CHAIN_ID) + struct)


def _typed_digest(action: UserSigned) -> bytes:
    form = _TYPES[type(action)]
    fields = (("string", "hyperliquidChain"), *form.fields)
    declared = ",".join(f"{kind} {name}" for kind, name in fields)
    attributes = dict(zip(action.__struct_encode_fields__, action.__struct_fields__, strict=True))
    words = [_word(kind, getattr(action, attributes[name])) for kind, name in fields]
    declaration = keccak(f"{_PREFIX}{form.name}({declared})".encode())
    struct = keccak(declaration + b"".join(words))
    domain = _domain("HyperliquidSignTransaction", int(action.signature_chain_id, 16))
    return keccak(b"\x19\x01" + domain + struct)


def _domain(name: str, chain_id: int) -> bytes:
    words = keccak(name.encode()) + keccak(b"1") + chain_id.to_bytes(_WORD, "big") + bytes(_WORD)
    return keccak(_DOMAIN + words)


def _word(kind: str, value: Any) -> bytes:
    match kind:
        case "string":
            return keccak((value or "").encode())
        case "address":
            return bytes.fromhex(value[2:]).rjust(_WORD, b"\0")
        case _:
            return int(value).to_bytes(_WORD, "big")
