"""From the bytes that CoreWriter logged to an action, or to why there is none.

A version byte (1), three bytes of action id, and the ABI encoding of the action's fields, as
strict as Solidity's and with nothing after it. The fields are those of Hyperliquid's documentation
of CoreWriter; contracts/hyper/ICoreWriter.sol lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from precompiles.abi.codec import WORD, Layout, Malformed
from precompiles.hyper.errors import MalformedAction, UnknownAction, UnknownActionVersion
from precompiles.types import Address

VERSION = 1
_HEADER = 4


class LimitOrder(NamedTuple):
    """Action 1. Price and size times 10**8."""

    asset: int
    is_buy: bool
    price: int
    size: int
    reduce_only: bool
    time_in_force: int
    """1 add liquidity only, 2 good till cancelled, 3 immediate or cancel."""
    client_order_id: int


class VaultTransfer(NamedTuple):
    """Action 2. `usd` with six decimals."""

    vault: Address
    is_deposit: bool
    usd: int


class TokenDelegate(NamedTuple):
    """Action 3."""

    validator: Address
    wei: int
    is_undelegate: bool


class StakingDeposit(NamedTuple):
    """Action 4."""

    wei: int


class StakingWithdraw(NamedTuple):
    """Action 5."""

    wei: int


class SpotSend(NamedTuple):
    """Action 6."""

    destination: Address
    token: int
    wei: int


class UsdClassTransfer(NamedTuple):
    """Action 7. `ntl` with six decimals."""

    ntl: int
    to_perp: bool


class FinalizeContract(NamedTuple):
    """Action 8."""

    token: int
    variant: int
    create_nonce: int


class AddApiWallet(NamedTuple):
    """Action 9. Without a name it is the one unnamed wallet."""

    wallet: Address
    name: bytes


class CancelOrder(NamedTuple):
    """Action 10."""

    asset: int
    order_id: int


class CancelByClientId(NamedTuple):
    """Action 11."""

    asset: int
    client_order_id: int


class ApproveBuilderFee(NamedTuple):
    """Action 12. The rate in tenths of a basis point."""

    max_fee_rate: int
    builder: Address


class SendAsset(NamedTuple):
    """Action 13. A dex of `SPOT_DEX` is the spot wallet."""

    destination: Address
    sub_account: Address
    source_dex: int
    destination_dex: int
    token: int
    wei: int


class ReflectSupply(NamedTuple):
    """Action 14."""

    token: int
    wei: int
    is_mint: bool


class BorrowLend(NamedTuple):
    """Action 15. Operation 0 supplies, 1 withdraws, 2 borrows, 3 repays."""

    operation: int
    token: int
    wei: int


class SetAbstraction(NamedTuple):
    """Action 16. Mode 1 is disabled, 2 unified, 3 portfolio margin."""

    user: Address
    mode: int


class UserOutcome(NamedTuple):
    """Action 17. Operation 0 splits, 1 merges an outcome, 2 a question, 3 negates."""

    operation: int
    question: int
    outcome: int
    wei: int


Action = (
    LimitOrder
    | VaultTransfer
    | TokenDelegate
    | StakingDeposit
    | StakingWithdraw
    | SpotSend
    | UsdClassTransfer
    | FinalizeContract
    | AddApiWallet
    | CancelOrder
    | CancelByClientId
    | ApproveBuilderFee
    | SendAsset
    | ReflectSupply
    | BorrowLend
    | SetAbstraction
    | UserOutcome
)
SPOT_DEX = 2**32 - 1


class _Form(NamedTuple):
    """The encoding of an action."""

    make: Callable[..., Action]
    layout: Layout
    has_text: bool
    """Whether its last field is a string."""


def _form(make: Callable[..., Action], *types: str) -> _Form:
    has_text = types[-1] == "string"
    head = [*types[:-1], "uint256"] if has_text else types
    return _Form(make, Layout(head), has_text)


_FORMS: dict[int, _Form] = {
    1: _form(LimitOrder, "uint32", "bool", "uint64", "uint64", "bool", "uint8", "uint128"),
    2: _form(VaultTransfer, "address", "bool", "uint64"),
    3: _form(TokenDelegate, "address", "uint64", "bool"),
    4: _form(StakingDeposit, "uint64"),
    5: _form(StakingWithdraw, "uint64"),
    6: _form(SpotSend, "address", "uint64", "uint64"),
    7: _form(UsdClassTransfer, "uint64", "bool"),
    8: _form(FinalizeContract, "uint64", "uint8", "uint64"),
    9: _form(AddApiWallet, "address", "string"),
    10: _form(CancelOrder, "uint32", "uint64"),
    11: _form(CancelByClientId, "uint32", "uint128"),
    12: _form(ApproveBuilderFee, "uint64", "address"),
    13: _form(SendAsset, "address", "address", "uint32", "uint32", "uint64", "uint64"),
    14: _form(ReflectSupply, "uint64", "uint64", "bool"),
    15: _form(BorrowLend, "uint8", "uint64", "uint64"),
    16: _form(SetAbstraction, "address", "uint8"),
    17: _form(UserOutcome, "uint8", "uint32", "uint32", "uint64"),
}
_IDS: dict[Callable[..., Action], int] = {form.make: number for number, form in _FORMS.items()}


def action_id(raw: bytes) -> int:
    """Return the id that an action's bytes give, known or not; 0 where they are too short."""
    return int.from_bytes(raw[1:_HEADER], "big") if len(raw) >= _HEADER else 0


def decode_action(raw: bytes) -> Action:
    """Decode the action of some bytes.

    Raises UnknownActionVersion, UnknownAction, or MalformedAction with the offset of the byte that
    shows it.
    """
    if len(raw) < _HEADER:
        raise MalformedAction(len(raw))
    if raw[0] != VERSION:
        raise UnknownActionVersion(raw[0])
    form = _FORMS.get(action_id(raw))
    if form is None:
        raise UnknownAction(action_id(raw))
    try:
        values = form.layout.decode(raw, base=_HEADER)
        end = _HEADER + WORD * len(values)
        if form.has_text:
            values[-1], end = _text(raw, values[-1], end)
        if len(raw) != end:
            raise Malformed(end)
    except Malformed as error:
        raise MalformedAction(error.offset) from error
    return form.make(*values)


def encode_action(action: Action) -> bytes:
    """Encode an action in the bytes that `decode_action` reads."""
    number = _IDS[type(action)]
    form = _FORMS[number]
    values: list[Any] = list(action)
    tail = b""
    if form.has_text:
        text = values[-1]
        values[-1] = WORD * len(values)
        tail = len(text).to_bytes(WORD, "big") + text.ljust(_padded(len(text)), b"\0")
    return bytes((VERSION,)) + number.to_bytes(3, "big") + form.layout.encode(values) + tail


def _text(raw: bytes, offset: int, end_of_head: int) -> tuple[Any, int]:
    """Return a string that directly follows the head, and where it ends. Raises Malformed."""
    if offset != end_of_head - _HEADER:
        raise Malformed(end_of_head - WORD)
    start = end_of_head + WORD
    size = int.from_bytes(raw[end_of_head:start], "big")
    end = start + _padded(size)
    if size > len(raw) or end > len(raw):
        raise Malformed(end_of_head)
    if any(raw[start + size : end]):
        raise Malformed(start + size)
    return raw[start : start + size], end


def _padded(size: int) -> int:
    return -(-size // WORD) * WORD
