"""/exchange: from a signed request to what became of its action in a block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Annotated, Any

import msgspec

from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log
from evm_dex.blocks.transaction import decode
from evm_dex.chain.chain import Chain
from evm_dex.chain.signed_action import SignedAction
from evm_dex.errors import InvalidInnerSignature, InvalidSignature
from evm_dex.hyperliquid.action_answer import answer_of
from evm_dex.hyperliquid.error_texts import error_text
from evm_dex.hyperliquid.listings import Listings
from evm_dex.hyperliquid.tape_records import Json
from precompiles.errors import ContractError
from precompiles.hyper.errors import UnknownUser
from precompiles.hyper.signed import order_wires, typed_actions, wire
from precompiles.hyper.signed.authority import acting_account
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.errors import NonceTooLow, NotInnerSigner, NotOuterSigner
from precompiles.hyper.signed.nonces import check_nonce
from precompiles.hyper.step_precompile import signed_step
from precompiles.hyper.system_addresses import SYSTEM_SENDER
from precompiles.ledger.ledger import Ledger
from precompiles.types import ZERO_ADDRESS, Address

_DAY = 24 * 3_600 * 1_000
MOST_WAITING = 1_000
"""Actions that wait for a block at one time."""
OLDEST_NONCE, NEWEST_NONCE = 2 * _DAY, _DAY
"""Milliseconds that a nonce may be behind the clock, and before it."""
_V = 27


NOT_SERVED = frozenset(
    (
        "enableAlignedQuoteToken",
        "disableQuoteToken",
        "requestEvmContract",
        "setTokenAnnotation",
        "setFundingMultipliers",
        "setFundingInterestRates",
        "setFundingClamps",
        "setFeeScale",
        "setDeployerFees",
        "setGrowthModes",
        "setPerpAnnotation",
        "disableDex",
        "validatorL1Stream",
        "userPortfolioMargin",
        "borrowLend",
        "userOutcome",
        "linkStakingUser",
        "vaultModify",
        "vaultDistribute",
        "topUpIsolatedOnlyMargin",
    )
)
"""Types and steps of actions that Hyperliquid takes, and this chain has nothing behind."""


class MalformedRequest(Exception):  # noqa: N818 - what the caller is told
    """A request that is none; answered by status 422."""


class ActionSignature(msgspec.Struct):
    """An ECDSA signature."""

    r: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,64}$")]
    s: Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,64}$")]
    v: int

    @property
    def encoded(self) -> bytes:
        """r, s and y parity. Raises MalformedRequest."""
        if self.v not in (0, 1, _V, _V + 1):
            raise MalformedRequest(f"signature.v must be 27 or 28, got {self.v}")
        numbers = (int(self.r, 16), int(self.s, 16))
        words = b"".join(value.to_bytes(32, "big") for value in numbers)
        return words + bytes((self.v % _V,))


class ExchangeRequest(msgspec.Struct, rename="camel"):
    """The body of a request."""

    action: dict[str, Any]
    nonce: order_wires.U63
    signature: ActionSignature
    vault_address: order_wires.AddressText | None = None
    expires_after: order_wires.U63 | None = None


def _clock() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class ExchangeEndpoint:
    """Takes signed actions into one chain. Everything here runs on the chain's thread."""

    def __init__(
        self, chain: Chain, ledger: Ledger, listings: Listings, clock: Callable[[], int] = _clock
    ) -> None:
        """`clock` tells milliseconds, for nonces, expiry, and the time of blocks."""
        self._chain = chain
        self._ledger = ledger
        self._listings = listings
        self._clock = clock
        self._waiting: dict[tuple[Address, int], Future[Json]] = {}

    def submit(self, content: Any) -> Future[Json]:
        """Take in a decoded request; the answer is there once a block has its action.

        Raises MalformedRequest.
        """
        for kind in _types(content):
            if kind in NOT_SERVED:
                return _answered(refused(f"{kind} is not supported here: see docs/hyperliquid.md."))
        try:
            request = msgspec.convert(content, ExchangeRequest)
            action = wire.read(request.action)
        except msgspec.ValidationError as error:
            raise MalformedRequest(
                f"Failed to deserialize the JSON body into the target type: {error}"
            ) from error
        acted_for = request.vault_address
        vault = None if acted_for is None else order_wires.address_of(acted_for)
        envelope = Envelope(action, request.nonce, vault, request.expires_after)
        problem = self._problem(envelope)
        if problem is None:
            signed, problem = self._signed(envelope, request.signature.encoded)
            if problem is None and signed is not None:
                key = signed.signer, envelope.nonce
                answered = self._waiting[key] = Future()
                self._send(signed)
                return answered
        return _answered(refused(problem or ""))

    def block_time(self) -> int:
        """Return the next block's time in seconds: the clock's, and never before the head's."""
        return max(self._chain.head.timestamp, self._clock() // 1_000)

    def follow(self, headers: Sequence[Header]) -> None:
        """Answer whose action is in new blocks."""
        if not self._waiting:
            return
        for header in headers:
            body = self._chain.blocks.body(header.hash)
            receipts = self._chain.blocks.receipts(header.hash)
            for stored, receipt in zip(body.transactions, receipts, strict=True):
                if stored.sender == SYSTEM_SENDER:
                    self._answer(decode(stored.raw, stored.sender).data, receipt.logs)

    def _answer(self, calldata: bytes, logs: tuple[Log, ...]) -> None:
        step = signed_step(calldata)
        if step is None:
            return
        waiting = self._waiting.pop((step.signer, step.nonce), None)
        if waiting is not None:
            waiting.set_result(answer_of(step.envelope.carried, logs, self._listings))

    def _send(self, signed: SignedAction) -> None:
        key = signed.signer, signed.envelope.nonce
        try:
            self._chain.send_to_core((signed,), self.block_time())
        except BaseException:
            self._waiting.pop(key, None)
            raise

    def _problem(self, envelope: Envelope) -> str | None:
        """Return what is wrong with a request before its signature; None for nothing."""
        now = self._clock()
        if len(self._waiting) >= MOST_WAITING:
            return f"Too many actions wait for a block, at most {MOST_WAITING}: try again later."
        if not now - OLDEST_NONCE < envelope.nonce < now + NEWEST_NONCE:
            return _far_nonce(envelope.nonce, now)
        if envelope.expires_after is not None:
            if isinstance(envelope.action, typed_actions.UserSigned):
                return "expiresAfter is not supported for user-signed actions."
            if envelope.expires_after < now:
                return f"Action already expired: {envelope.expires_after} < {now}"
        carried = envelope.carried
        own = getattr(carried, "nonce", None) or getattr(carried, "time", None)
        if isinstance(carried, typed_actions.UserSigned) and own != envelope.nonce:
            return "Nonce mismatch."
        return None

    def _signed(
        self, envelope: Envelope, signature: bytes
    ) -> tuple[SignedAction | None, str | None]:
        """Return the action with its signer, or what is wrong with it.

        A local chain does not ask for which network an L1 action was signed: whichever names a
        signer that is known counts, the test network first, as the SDKs sign for that here.
        """
        problem = None
        for is_mainnet in (False, True):
            try:
                signed = SignedAction.recovered(envelope, signature, is_mainnet=is_mainnet)
                acting_account(self._ledger, signed.signer, envelope, signed.inner_signers)
                check_nonce(self._ledger, signed.signer, envelope.nonce)
            except InvalidInnerSignature:
                problem = problem or error_text(NotInnerSigner(ZERO_ADDRESS))
            except InvalidSignature as error:
                problem = problem or f"Invalid signature: {error}"
            except (UnknownUser, NotOuterSigner) as error:
                problem = problem or error_text(error)
            except ContractError as error:
                return None, error_text(error)
            else:
                return signed, None
        return None, problem


def _far_nonce(nonce: int, now: int) -> str:
    """Return the error text of a nonce that is too far from the clock."""
    if nonce < now:
        return error_text(NonceTooLow(nonce, now - OLDEST_NONCE))
    return f"Invalid nonce: nonce too high {nonce} > {now + NEWEST_NONCE}"


def _types(content: Any) -> list[str]:
    """Return the types of a request's action and of what several have signed in it, and steps."""
    found = []
    action = content.get("action") if isinstance(content, dict) else None
    payload = action.get("payload") if isinstance(action, dict) else None
    for each in (action, payload.get("action") if isinstance(payload, dict) else None):
        if isinstance(each, dict) and isinstance(each.get("type"), str):
            found.append(each["type"])
            if each["type"] in ("spotDeploy", "perpDeploy"):
                found += [name for name in each if isinstance(name, str)]
    return found


def _answered(answer: Json) -> Future[Json]:
    future: Future[Json] = Future()
    future.set_result(answer)
    return future


def refused(text: str) -> Json:
    """Return the answer to an action that did nothing."""
    return {"status": "err", "response": text}
