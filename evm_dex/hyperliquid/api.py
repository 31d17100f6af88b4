"""The API of one chain without a network: requests in, answers and messages out.

Everything here runs on the chain's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from evm_dex.chain.chain import Chain
from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.channels import (
    Subscription,
    first_message,
    next_message,
    read_subscription,
)
from evm_dex.hyperliquid.exchange import ExchangeEndpoint, MalformedRequest
from evm_dex.hyperliquid.info.every_type import answer
from evm_dex.hyperliquid.info.info_type import Info
from evm_dex.hyperliquid.listings import Listings
from evm_dex.hyperliquid.tape import Tape
from evm_dex.node.chain_events import ChainEvents, ChainUpdate
from precompiles.ledger.ledger import Ledger

MOST_SUBSCRIPTIONS = 1_000
"""Of one connection, as the API has it."""
Send = Callable[[bytes], object]


class Api:
    """The answers of /info, /exchange and /ws."""

    def __init__(
        self,
        chain: Chain,
        ledger: Ledger,
        events: ChainEvents,
        clock: Callable[[], int] | None = None,
        told: Callable[[int, int], object] = lambda _done, _all: None,
    ) -> None:
        """Read the chain, of which `told` hears how many blocks of how many are done.

        `clock` tells milliseconds; by default the machine's.
        """
        listings = Listings(ledger)
        self.tape = Tape(chain, listings)
        self.info = Info(chain, ledger, listings, self.tape)
        arguments = () if clock is None else (clock,)
        self.exchange = ExchangeEndpoint(chain, ledger, listings, *arguments)
        self._listeners: dict[Subscription, list[Send]] = {}
        self.tape.read_all(told)
        events.on_update.append(self._follow)

    def answer(self, content: Any) -> bytes:
        """Answer a decoded request to /info. Raises BadRequest."""
        return msgspec.json.encode(answer(self.info, content))

    def submit(self, content: Any) -> Future[dict[str, Any]]:
        """Take in a decoded request to /exchange. Raises MalformedRequest."""
        return self.exchange.submit(content)

    def subscribe(self, content: Any, send: Send) -> Subscription:
        """Let a connection hear a channel, of which it is told the beginning at once.

        Raises BadRequest.
        """
        subscription = read_subscription(self.info, content)
        listeners = self._listeners.setdefault(subscription, [])
        if send in listeners:
            raise BadRequest(f"Already subscribed: {msgspec.json.encode(content).decode()}")
        if sum(send in each for each in self._listeners.values()) >= MOST_SUBSCRIPTIONS:
            raise BadRequest(f"Too many subscriptions: at most {MOST_SUBSCRIPTIONS}")
        listeners.append(send)
        send(_message("subscriptionResponse", {"method": "subscribe", "subscription": content}))
        first = first_message(self.info, subscription)
        if first is not None:
            send(msgspec.json.encode(first))
        return subscription

    def unsubscribe(self, content: Any, send: Send) -> None:
        """Let a connection hear a channel no longer. Raises BadRequest."""
        subscription = read_subscription(self.info, content)
        if send not in self._listeners.get(subscription, ()):
            raise BadRequest(f"Already unsubscribed: {msgspec.json.encode(content).decode()}")
        self._forget(subscription, send)
        send(_message("subscriptionResponse", {"method": "unsubscribe", "subscription": content}))

    def close(self, send: Send) -> None:
        """Forget a connection."""
        for subscription in [it for it, listeners in self._listeners.items() if send in listeners]:
            self._forget(subscription, send)

    def _forget(self, subscription: Subscription, send: Send) -> None:
        self._listeners[subscription].remove(send)
        if not self._listeners[subscription]:
            del self._listeners[subscription]

    def _follow(self, update: ChainUpdate) -> None:
        happened = self.tape.follow(update.went_back_to, update.headers)
        self.exchange.follow(update.headers)
        for subscription, listeners in tuple(self._listeners.items()):
            message = next_message(self.info, subscription, happened)
            if message is not None:
                encoded = msgspec.json.encode(message)
                for send in listeners:
                    send(encoded)


def _message(channel: str, data: Any) -> bytes:
    return msgspec.json.encode({"channel": channel, "data": data})


__all__ = ["Api", "BadRequest", "MalformedRequest"]
