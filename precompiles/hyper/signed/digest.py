"""Digests that signatures of actions are over.

An L1 action is hashed as it is, and a struct with that hash is signed; another action is signed
field by field as typed data (EIP-712), so that a wallet can show it. Source: Hyperliquid
documentation, "Signing", and hyperliquid-python-sdk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from eth_hash.auto import keccak

from precompiles.hyper.signed.typed_actions import (
    ApproveAgentAction,
    ApproveBuilderFeeAction,
    ConvertToMultiSigUserAction,
    SendAssetAction,
    SendToEvmWithDataAction,
    SpotSendAction,
    StakingDepositAction,
    StakingWithdrawAction,
    TokenDelegateAction,
    UsdClassTransferAction,
    UsdSendAction,
    UserDexAbstractionAction,
    UserSetAbstractionAction,
    UserSigned,
    WithdrawAction,
)
from precompiles.hyper.signed.wire import (
    Action,
    MultiSigAction,
    SingleAction,
    encode,
    untagged,
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
    SendToEvmWithDataAction: _typed(
        "SendToEvmWithData",
        "string token,string amount,string sourceDex,string destinationRecipient,"
        "string addressEncoding,uint32 destinationChainId,uint64 gasLimit,bytes data,uint64 nonce",
    ),
    ConvertToMultiSigUserAction: _typed("ConvertToMultiSigUser", "string signers,uint64 nonce"),
    UserSetAbstractionAction: _typed(
        "UserSetAbstraction", "address user,string abstraction,uint64 nonce"
    ),
    UserDexAbstractionAction: _typed(
        "UserDexAbstraction", "address user,bool enabled,uint64 nonce"
    ),
}
_SEND_MULTI_SIG = _typed("SendMultiSig", "bytes32 multiSigActionHash,uint64 nonce")
_MODES = {"i": "disabled", "u": "unifiedAccount", "p": "portfolioMargin"}
_PAYLOAD = (("address", "payloadMultiSigUser"), ("address", "outerSigner"))
"""Fields that several signers' typed data has after the name of the network."""


class Envelope(NamedTuple):
    """An action with what is signed beside it."""

    action: Action
    nonce: int
    """Milliseconds, by its signer's clock."""
    vault: Address | None = None
    """The vault or sub-account that the signer acts for."""
    expires_after: int | None = None
    """Milliseconds."""

    @property
    def carried(self) -> SingleAction:
        """The action to carry out: of one that several signed, what they did."""
        action = self.action
        return action.payload.action if isinstance(action, MultiSigAction) else action


def connection_id(envelope: Envelope) -> bytes:
    """Return the hash of an L1 action."""
    return _action_hash(encode(envelope.action), envelope)


def _action_hash(encoded: bytes, envelope: Envelope) -> bytes:
    vault = b"\0" if envelope.vault is None else b"\1" + envelope.vault
    expiry = (
        b"" if envelope.expires_after is None else b"\0" + envelope.expires_after.to_bytes(8, "big")
    )
    return keccak(encoded + envelope.nonce.to_bytes(8, "big") + vault + expiry)


def digest(envelope: Envelope, *, is_mainnet: bool) -> bytes:
    """Return the 32 bytes that an action's signer has signed.

    `is_mainnet` says for which network an action was signed; those that are signed as typed data
    name it themselves, but for one of several signers.
    """
    action = envelope.action
    if isinstance(action, MultiSigAction):
        values = {
            "hyperliquidChain": "Mainnet" if is_mainnet else "Testnet",
            "multiSigActionHash": _action_hash(untagged(action), envelope),
            "nonce": envelope.nonce,
        }
        return _typed_digest(_SEND_MULTI_SIG, values, action.signature_chain_id)
    if isinstance(action, UserSigned):
        return _typed_digest(_TYPES[type(action)], _values(action), action.signature_chain_id)
    return _agent_digest(connection_id(envelope), is_mainnet=is_mainnet)


def inner_digest(envelope: Envelope, *, is_mainnet: bool) -> bytes:
    """Return the 32 bytes that those have signed who sign for an account together.

    They name the account and who sends the action, beside what one signer would sign.
    """
    multi = envelope.action
    assert isinstance(multi, MultiSigAction), "others have one signature"
    payload = multi.payload
    action = payload.action
    if not isinstance(action, UserSigned):
        parts = (payload.multi_sig_user, payload.outer_signer, action)
        hashed = _action_hash(msgspec.msgpack.encode(parts), envelope)
        return _agent_digest(hashed, is_mainnet=is_mainnet)
    values = {
        "payloadMultiSigUser": payload.multi_sig_user,
        "outerSigner": payload.outer_signer,
        **_values(action),
    }
    form = _TYPES[type(action)]
    form = form._replace(fields=(*_PAYLOAD, *form.fields))
    return _typed_digest(form, values, action.signature_chain_id)


def _agent_digest(connection: bytes, *, is_mainnet: bool) -> bytes:
    struct = keccak(_AGENT + keccak(b"a" if is_mainnet else b"b") + connection)
    return keccak(b"\x19\x01" + _domain("Exchange", _L1_CHAIN_ID) + struct)


def _values(action: UserSigned) -> dict[str, Any]:
    """Return an action's fields by the names that they are signed under.

    An account mode is signed in full, as wallets show it, where the action has its first letter.
    """
    names = zip(action.__struct_encode_fields__, action.__struct_fields__, strict=True)
    values = {name: getattr(action, attribute) for name, attribute in names}
    if isinstance(action, UserSetAbstractionAction):
        values["abstraction"] = _MODES.get(action.abstraction, action.abstraction)
    return values


def _typed_digest(form: _TypedData, values: dict[str, Any], chain_id: str) -> bytes:
    fields = (("string", "hyperliquidChain"), *form.fields)
    declared = ",".join(f"{kind} {name}" for kind, name in fields)
    words = [_word(kind, values[name]) for kind, name in fields]
    declaration = keccak(f"{_PREFIX}{form.name}({declared})".encode())
    struct = keccak(declaration + b"".join(words))
    domain = _domain("HyperliquidSignTransaction", int(chain_id, 16))
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
        case "bytes":
            return keccak(bytes.fromhex(value[2:]))
        case "bytes32":
            digest_: bytes = value
            return digest_
        case _:
            return int(value).to_bytes(_WORD, "big")
