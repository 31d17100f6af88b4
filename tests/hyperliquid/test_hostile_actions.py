"""Actions that are signed well and say anything: an answer, and a chain that goes on."""

from __future__ import annotations

import types
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct, UnsetType

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.chain.signed_action import SignedAction
from evm_dex.hyperliquid.exchange import MalformedRequest
from precompiles.hyper.signed import wire
from precompiles.hyper.signed.deploy_actions import PerpDeployAction, SpotDeployAction
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.typed_actions import UserSigned
from precompiles.hyper.signed.wire import NUMBERS
from tests.hyperliquid.trader import KEYS, Json, Trader

SLOW_FIXTURE = [HealthCheck.function_scoped_fixture]
TEXTS = (
    "", "0", "1", "0.1", "-1", "1e400", "1e999999%", "nan", "inf", "\u0661", " 1",
    "1 subaccount:zz",
    "1 subaccount:0x12", "0x", "zz", "USDC", "PURR", "spot", "test", "ETH", "100%", "null",
    '{"authorizedUsers":[],"threshold":99999999999999999999999}', "\x00", "a" * 256,
    "18446744073709551616", "NEW", "mine", "mine:X", "setOracle", "1z", "0" * 60 + "1",
)  # fmt: skip
ADDRESSES = (*(f"0x{pair.address.hex()}" for pair in KEYS), "0x" + "0" * 40, "0x" + "f" * 40)
NUMBERS_GIVEN = (0, 1, 2, 5, 8, 10, 107, 150, 269, 10_107, 110_000, 2**31, 2**32 - 1, 2**63 - 1)


def value_of(kind: Any) -> st.SearchStrategy[Any]:
    """What a field of a kind may be given as."""
    origin = get_origin(kind)
    if origin is Literal:
        return st.sampled_from(get_args(kind))
    if origin in (types.UnionType, __import__("typing").Union):
        parts = [it for it in get_args(kind) if it is not UnsetType]
        return st.one_of(*map(value_of, parts))
    if origin is tuple:
        parts = [it for it in get_args(kind) if it is not Ellipsis]
        if Ellipsis in get_args(kind):
            return st.lists(value_of(parts[0]), max_size=3)
        return st.tuples(*map(value_of, parts)).map(list)
    if kind is type(None):
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.sampled_from(NUMBERS_GIVEN)
    if kind is str:
        return st.sampled_from((*TEXTS, *ADDRESSES))
    assert issubclass(kind, Struct), kind
    return struct_of(kind)


def fields_of(kind: type[Struct]) -> dict[str, Any]:
    """Fields by the names that the API has for them, with their kinds less their bounds."""
    hints = get_type_hints(kind)
    names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    return {name: hints[attribute] for name, attribute in names}


def struct_of(kind: type[Struct]) -> st.SearchStrategy[Json]:
    given_ = {name: value_of(it) for name, it in fields_of(kind).items()}
    if issubclass(kind, SpotDeployAction | PerpDeployAction):
        return st.one_of(*(st.fixed_dictionaries({name: it}) for name, it in given_.items()))
    return st.fixed_dictionaries(given_)


def tagged(kind: type[Struct], fields: Json) -> Json:
    """An action of a kind; one signed as typed data with the chains that are known."""
    chains = {"signatureChainId": "0x66eee", "hyperliquidChain": "Testnet"}
    typed = chains if issubclass(kind, UserSigned) else {}
    return {"type": kind.__struct_config__.tag, **fields, **typed}


def actions() -> st.SearchStrategy[Json]:
    """Any action."""
    return st.one_of(*(struct_of(kind).map(partial(tagged, kind)) for kind in NUMBERS))


def signed_body(trader: Trader, pair: KeyPair, action: Json) -> Json | None:
    """The request of an action as its signer would make it; None where it is none."""
    trader.now += 1
    for name in ("nonce", "time"):
        if name in action and "signatureChainId" in action:
            action = {**action, name: trader.now}
    try:
        read = wire.read(action)
    except msgspec.ValidationError:
        return None
    signed = SignedAction.by(pair, Envelope(read, trader.now))
    r, s, parity = signed.signature[:32], signed.signature[32:64], signed.signature[64]
    signature = {"r": f"0x{r.hex()}", "s": f"0x{s.hex()}", "v": 27 + parity}
    return {"action": action, "nonce": trader.now, "signature": signature}


@pytest.mark.slow
@settings(suppress_health_check=SLOW_FIXTURE, deadline=None, max_examples=300)
@given(action=actions())
def test_whatever_is_signed_is_answered(traders: tuple[Trader, Trader], action: Json) -> None:
    alice, _ = traders
    body = signed_body(alice, KEYS[0], action)
    if body is None:
        with pytest.raises(MalformedRequest):
            alice.send({"action": action, "nonce": alice.now,
                        "signature": {"r": "0x1", "s": "0x1", "v": 27}})  # fmt: skip
        return
    answer = alice.send(body)
    assert answer["status"] in ("ok", "err")
    assert "does not exist" not in str(answer["response"]) or "Sub-account" in answer["response"]
    alice.dex.mine()
    assert alice.dex.self_check() == []
