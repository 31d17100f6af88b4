"""HyperCore's part of a block as calls into a precompile, so that blocks follow from transactions.

The chain alone calls it, in a transaction before the users' and one after them. All that a step
needs to know of the block is in its calldata.
"""

from __future__ import annotations

import msgspec
from eth_hash.auto import keccak
from msgspec import Struct

from precompiles.abi.codec import Layout, Malformed
from precompiles.context import CallContext
from precompiles.errors import UnknownMethod
from precompiles.hyper.core import BlockMoment
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.wire import decode
from precompiles.hyper.steps import Credit, Sent, Step
from precompiles.hyper.system_addresses import (
    CORE_ADDRESS,
    HYPE_SYSTEM,
    SYSTEM_SENDER,
    token_address,
)
from precompiles.ledger.hyper.records import CoreSettings, CoreToken
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

_BALANCE_OF = keccak(b"balanceOf(address)")[:4]
_ADDRESS, _WORD = Layout(["address"]), Layout(["uint256"])


class BeginBlock(Struct, frozen=True, tag=True, array_like=True):
    """Calldata of the step before the users' transactions."""

    base_fee: int


class EndBlock(Struct, frozen=True, tag=True, array_like=True):
    """Calldata of the step after them; amounts are decimal, as they may outgrow 64 bits."""

    base_fee: int
    credits: tuple[tuple[Address, int, str, bytes], ...]
    actions: tuple[Sent, ...]


class SignedStep(Struct, frozen=True, tag=True, array_like=True):
    """Calldata of an action that a user has signed; who makes a block has checked the signature."""

    base_fee: int
    signer: Address
    action: bytes
    """As `signed.wire.encode` gives it."""
    nonce: int
    vault: Address | None
    expires_after: int | None
    is_mainnet: bool
    """The network that the signer named."""
    signature: bytes
    """r, s and y parity: 65 bytes."""

    @property
    def envelope(self) -> Envelope:
        """The action and what was signed beside it. Raises msgspec.ValidationError."""
        return Envelope(decode(self.action), self.nonce, self.vault, self.expires_after)

    @property
    def inner_signers(self) -> tuple[Address, ...]:
        """Those who signed inside an action of several signers, in the order of signatures."""
        return ()


class MultiSignedStep(SignedStep, frozen=True, tag=True, array_like=True):
    """Calldata of an action that several have signed; all signatures were checked."""

    inner: tuple[Address, ...]

    @property
    def inner_signers(self) -> tuple[Address, ...]:
        """Those who signed inside it, in the order of signatures."""
        return self.inner


class OracleStep(Struct, frozen=True, tag=True, array_like=True):
    """Calldata of prices that the maker of a block publishes."""

    base_fee: int
    prices: tuple[tuple[int, int, int], ...]
    """(Number as reads take it, oracle price, price on other exchanges or 0)."""


_decode = msgspec.msgpack.Decoder(
    BeginBlock | EndBlock | SignedStep | MultiSignedStep | OracleStep
).decode


def input_step(calldata: bytes) -> SignedStep | OracleStep | None:
    """Return what calldata hands to HyperCore from outside the EVM; None for any other bytes."""
    try:
        asked = _decode(calldata)
    except msgspec.MsgspecError:
        return None
    return asked if isinstance(asked, SignedStep | OracleStep) else None


def signed_step(calldata: bytes) -> SignedStep | None:
    """Return the signed action that calldata hands over; None for any other bytes."""
    asked = input_step(calldata)
    return asked if isinstance(asked, SignedStep) else None


def begin_calldata(base_fee: int) -> bytes:
    """Return the calldata of the step before the users' transactions."""
    return msgspec.msgpack.encode(BeginBlock(base_fee))


def end_calldata(base_fee: int, deposits: list[Credit], actions: list[Sent]) -> bytes:
    """Return the calldata of the step after them."""
    encoded = tuple((it.user, it.token, str(it.amount), it.source) for it in deposits)
    return msgspec.msgpack.encode(EndBlock(base_fee, encoded, tuple(actions)))


def balance_calldata(settings: CoreSettings, token: CoreToken) -> bytes:
    """Return the calldata that asks a linked contract what it can pay out."""
    return _BALANCE_OF + _ADDRESS.encode((token_address(settings, token.index),))


class StepPrecompile:
    """Address at which the steps are carried out."""

    address = CORE_ADDRESS

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def run(self, context: CallContext, calldata: bytes) -> bytes:
        """Carry out a step. Raises UnknownMethod for whoever is not the chain."""
        if context.caller != SYSTEM_SENDER or context.is_delegate or context.is_static:
            raise UnknownMethod(calldata[:4].ljust(4, b"\0"))
        asked = _decode(calldata)
        moment = BlockMoment(
            context.block_number,
            context.timestamp,
            asked.base_fee,
            lambda token: self._payable(context, token),
        )
        step = Step(self._ledger, moment, [])
        if isinstance(asked, BeginBlock):
            step.begin_block()
        elif isinstance(asked, OracleStep):
            step.set_prices(asked.prices)
        elif isinstance(asked, SignedStep):
            step.carry_out_signed(
                asked.signer, asked.envelope, keccak(calldata), asked.inner_signers
            )
        else:
            deposits = [
                Credit(user, token, int(amount), source)
                for user, token, amount, source in asked.credits
            ]
            step.end_block(deposits, asked.actions)
        for address, event in step.logs:
            context.emit_at(address, *event.encode())
        return b""

    def _payable(self, context: CallContext, token: CoreToken) -> int:
        """Return what the EVM's side of a token holds for those who come from HyperCore."""
        settings = self._ledger.core.settings
        assert settings is not None, "HyperCore has begun"
        if token.index == settings.hype:
            return context.balance(HYPE_SYSTEM)
        answered, output = context.call(token.evm_contract, 0, balance_calldata(settings, token))
        try:
            held: int = _WORD.decode(output)[0] if answered else 0
        except Malformed:
            return 0
        return held
