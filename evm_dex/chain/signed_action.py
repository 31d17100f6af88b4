"""Actions that users signed for HyperCore, on their way into a block.

A block has each as a transaction of the chain itself, with the signature in its calldata: who
imports the block recovers the signer again, and makes the same transaction or refuses the block.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.blocks.signing import recover
from evm_dex.errors import InvalidInnerSignature, InvalidSignature
from precompiles.hyper.signed.digest import Envelope, digest, inner_digest
from precompiles.hyper.signed.order_wires import OrderWire
from precompiles.hyper.signed.wire import (
    BatchModifyAction,
    CancelAction,
    CancelByCloidAction,
    ModifyAction,
    MultiSigAction,
    OrderAction,
    TwapCancel,
    encode,
)
from precompiles.hyper.step_precompile import MultiSignedStep, SignedStep
from precompiles.types import Address

_HALF = 32
_LEAST_V = 27


class SignedAction(Struct, frozen=True):
    """An action whose signer is known."""

    envelope: Envelope
    signer: Address
    is_mainnet: bool
    """The network that its signer named."""
    signature: bytes
    """r, s and y parity: 65 bytes."""
    inner_signers: tuple[Address, ...] = ()
    """Those who signed inside an action of several signers, in the order of signatures."""

    @classmethod
    def by(cls, pair: KeyPair, envelope: Envelope) -> SignedAction:
        """Return an action signed for the test network."""
        parity, r, s = pair.signer.sign(digest(envelope, is_mainnet=False))
        signature = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big") + bytes((parity,))
        return cls(envelope, pair.address, False, signature)

    @classmethod
    def of_step(cls, step: SignedStep) -> SignedAction:
        """Return the action of a block, with the signer recovered. Raises InvalidSignature."""
        try:
            envelope = step.envelope
        except msgspec.MsgspecError as error:
            raise InvalidSignature(f"a signed action does not decode: {error}") from error
        return cls.recovered(envelope, step.signature, is_mainnet=step.is_mainnet)

    @classmethod
    def recovered(cls, envelope: Envelope, signature: bytes, *, is_mainnet: bool) -> SignedAction:
        """Return an action with the signers of its signatures.

        Raises InvalidSignature, and InvalidInnerSignature for one inside.
        """
        r, s = signature[:_HALF], signature[_HALF : 2 * _HALF]
        try:
            signer = recover(
                digest(envelope, is_mainnet=is_mainnet),
                signature[2 * _HALF],
                int.from_bytes(r, "big"),
                int.from_bytes(s, "big"),
            )
        except (ValueError, IndexError) as error:
            raise InvalidSignature(str(error)) from error
        inner = _inner_signers(envelope, is_mainnet=is_mainnet)
        return cls(envelope, signer, is_mainnet, signature, inner)

    def calldata(self, base_fee: int) -> bytes:
        """Return what HyperCore is handed; `base_fee` is that of the next small block."""
        envelope = self.envelope
        fields = (
            base_fee,
            self.signer,
            encode(envelope.action),
            envelope.nonce,
            envelope.vault,
            envelope.expires_after,
            self.is_mainnet,
            self.signature,
        )
        if isinstance(envelope.action, MultiSigAction):
            return msgspec.msgpack.encode(MultiSignedStep(*fields, self.inner_signers))
        return msgspec.msgpack.encode(SignedStep(*fields))

    @property
    def category(self) -> int:
        """Place among the actions of a block: what takes nothing, cancels, what may take.

        Source: Hyperliquid documentation, "OrderAction book", on the order of actions in a block.
        """
        match self.envelope.carried:
            case CancelAction() | CancelByCloidAction() | TwapCancel():
                return 1
            case OrderAction(orders=orders):
                return 2 if any(map(_may_take, orders)) else 0
            case ModifyAction(order=order):
                return 2 if _may_take(order) else 0
            case BatchModifyAction(modifies=modifies):
                return 2 if any(_may_take(it.order) for it in modifies) else 0
            case _:
                return 0


def _inner_signers(envelope: Envelope, *, is_mainnet: bool) -> tuple[Address, ...]:
    action = envelope.action
    if not isinstance(action, MultiSigAction):
        return ()
    hashed = inner_digest(envelope, is_mainnet=is_mainnet)
    try:
        return tuple(
            recover(hashed, it.v - _LEAST_V, int(it.r, 16), int(it.s, 16))
            for it in action.signatures
        )
    except ValueError as error:
        raise InvalidInnerSignature(str(error)) from error


def _may_take(order: OrderWire) -> bool:
    limit = order.t.limit
    return not isinstance(limit, msgspec.UnsetType) and limit.tif != "Alo"
