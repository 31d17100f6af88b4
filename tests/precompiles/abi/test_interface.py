"""What the precompile declares is what the compiled Solidity interface says, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from precompiles.abi.event import Event
from precompiles.abi.signature import Parameter, Signature
from precompiles.errors import ContractError
from precompiles.hyper import errors as _hyper_errors  # noqa: F401 - declares its own
from precompiles.hyper.signed import errors as _signed_errors  # noqa: F401 - as above
from precompiles.perp import events as perp_events
from precompiles.perp.interface import Perp
from precompiles.precompile import Precompile
from precompiles.spot import events as spot_events
from precompiles.spot.interface import Spot
from tests.precompiles.client import Entry, abi_of, canonical, topic

GAS = {
    "placeOrder": 50_000,
    "placeOrderWithOptions": 50_000,
    "placeOrders": 2_000,
    "replaceOrder": 50_000,
    "cancelOrder": 20_000,
    "cancelOrders": 2_000,
    "cancelOrderByClientId": 20_000,
    "cancelAllOrders": 20_000,
    "getOrder": 5_000,
    "getOrderStatus": 5_000,
    "getOrderIdByClientId": 3_000,
    "getOpenOrders": 10_000,
    "getBestPrices": 3_000,
    "getDepth": 10_000,
    "deposit": 60_000,
    "depositNative": 30_000,
    "withdraw": 60_000,
    "getBalance": 3_000,
    "getMarket": 5_000,
    "getMarkets": 10_000,
    "listMarket": 100_000,
    "owner": 2_000,
    "transferOwnership": 20_000,
}
PERP_GAS = {
    "openPosition": 100_000,
    "closePosition": 80_000,
    "liquidate": 60_000,
    "getPosition": 5_000,
    "getMarkPrice": 3_000,
    "calculatePnL": 10_000,
    "placeOrder": 50_000,
    "cancelOrder": 20_000,
    "keep": 20_000,
    "setOraclePrice": 40_000,
}
PRECOMPILES = {"ISpot": Spot, "IPerp": Perp}
EVENTS: dict[str, tuple[type[Event], ...]] = {
    "ISpot": spot_events.EVENTS,
    "IPerp": perp_events.EVENTS,
}
ORDER_EVENTS = {"OrderPlaced", "OrderClosed", "OrderReduced", "TriggerPlaced", "Trade"}
INTERFACE_WORDS = {
    "ISpot": {"market": "asset"},
    "IPerp": {"amount": "size", "quoteAmount": "notional"},
}
"""What each interface calls the fields of the order events, where that differs."""
ERRORS = [error.signature for error in ContractError.known.values()]


def compiled(entries: list[Entry], kind: str) -> dict[str, Any]:
    """Every declaration of a kind in an artifact, by name, in comparable form."""
    return {entry["name"]: shape(entry) for entry in entries if entry["type"] == kind}


def shape(entry: Entry) -> tuple[Any, ...]:
    inputs, outputs = entry["inputs"], entry.get("outputs", [])
    return (
        topic(entry),
        entry.get("stateMutability", "nonpayable"),
        [compiled_parameter(parameter) for parameter in inputs],
        [compiled_parameter(parameter) for parameter in outputs],
    )


def compiled_parameter(parameter: Entry) -> tuple[Any, ...]:
    members = tuple(member["name"] for member in parameter.get("components", ()))
    indexed = parameter.get("indexed", False)
    return canonical(parameter), parameter["name"], indexed, members


def declared(signatures: list[Signature]) -> dict[str, Any]:
    """The same of what Python declares."""
    return {
        signature.name: (
            signature.topic,
            "view" if signature.is_view else "payable" if signature.is_payable else "nonpayable",
            [declared_parameter(parameter) for parameter in signature.inputs],
            [declared_parameter(parameter) for parameter in signature.outputs],
        )
        for signature in signatures
    }


def declared_parameter(parameter: Parameter) -> tuple[Any, ...]:
    name = "" if parameter.name == parameter.type else parameter.name
    return parameter.type, name, parameter.indexed, parameter.fields


@pytest.mark.parametrize("contract", PRECOMPILES)
def test_methods_are_those_of_the_interface(contract: str) -> None:
    """Names, types, struct members, outputs and mutability agree, and neither has more."""
    methods = [method.signature for method in PRECOMPILES[contract].methods.values()]
    assert declared(methods) == compiled(abi_of(contract), "function")


def in_words_of(contract: str, signature: Signature) -> Signature:
    """A declaration of an order event, with its fields named as the interface does."""
    if signature.name not in ORDER_EVENTS:
        return signature
    words = INTERFACE_WORDS[contract]
    inputs = [replace(field, name=words.get(field.name, field.name)) for field in signature.inputs]
    return replace(signature, inputs=tuple(inputs))


@pytest.mark.parametrize("contract", EVENTS)
def test_events_are_those_of_the_interface(contract: str) -> None:
    """Also what is indexed."""
    events = [in_words_of(contract, event.signature) for event in EVENTS[contract]]
    assert declared(events) == compiled(abi_of(contract), "event")
    assert declared(events) == compiled(abi_of(f"{contract}Events"), "event")


def test_errors_are_those_of_the_interfaces() -> None:
    """Each error is promised by an interface, and nothing else is raised."""
    spot, perp = (compiled(abi_of(contract), "error") for contract in PRECOMPILES)
    hyper = compiled(abi_of("ICoreErrors"), "error")
    assert declared(ERRORS) == spot | perp | hyper
    assert all(spot[name] == perp[name] for name in spot.keys() & perp.keys())


def test_gas_is_as_published() -> None:
    """A change of price shows up here."""
    assert {m.signature.name: m.gas for m in Spot.methods.values()} == GAS
    perp = {m.signature.name: m.gas for m in Perp.methods.values()}
    assert {name: perp[name] for name in PERP_GAS} == PERP_GAS


@pytest.mark.parametrize("precompile", PRECOMPILES.values())
def test_no_two_selectors_collide(precompile: type[Precompile]) -> None:
    """Methods among themselves, which the class would lose silently, and errors."""
    selectors = [*precompile.methods, *ContractError.known]
    assert len(set(selectors)) == len(selectors)
    assert len(ContractError.known) == len({error.declaration for error in all_errors()})


def all_errors() -> list[type[ContractError]]:
    return ContractError.__subclasses__()
