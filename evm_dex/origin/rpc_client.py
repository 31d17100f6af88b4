"""Asking another node by JSON-RPC: in batches, again where it may help, as fast as it likes.

Values come while a transaction is executed, so a request waits for its answer. One that fails in
passing (no connection, a time-out, 429, 502 to 504, an error that says "rate limit") is sent again,
each time after twice as long, or after what Retry-After says. Once all tries have failed, those of
the next seconds have only one, so that a node that went away does not hold up everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from evm_dex.errors import OriginRefused, OriginUnreachable
from evm_dex.origin.fork import Fork

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

MOST_AT_ONCE = 100
"""Requests of one batch; nodes allow from a hundred to a thousand."""
METHOD_NOT_FOUND = -32601
_PASSING = frozenset((408, 429, 500, 502, 503, 504))
_TOO_MANY = (429, -32005, -32029)
"""Codes of errors by which nodes say that they are asked too often."""
_OK, _TOO_LARGE = 200, 413
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 8.0
_LONGEST_WAIT = 60.0
"""Seconds that Retry-After is obeyed for; a node that wants more has refused."""
_DOWN_SECONDS = 5.0

Call = tuple[str, Sequence[Any]]
"""A method and its parameters."""


class Refusal(msgspec.Struct, frozen=True):
    """An answer of a node's that is an error."""

    code: int
    message: str
    data: Any = None

    @property
    def is_unknown_method(self) -> bool:
        """True where the node does not serve the method at all."""
        text = self.message.lower()
        says_so = "not supported" in text or "unsupported" in text or "not available" in text
        return self.code == METHOD_NOT_FOUND or says_so or "does not exist" in text


class RpcClient:
    """A connection to one node."""

    def __init__(self, fork: Fork, sleep: Callable[[float], object] = time.sleep) -> None:
        """Connect when something is asked for."""
        self.fork = fork
        self._sleep = sleep
        self._pool: PoolManager | None = None
        self._next_at = 0.0
        """The moment before which nothing is sent."""
        self._down_until = 0.0
        self._takes_batches = True
        self.requests = 0
        """HTTP requests sent so far."""

    @property
    def shown(self) -> str:
        """The node's URL without secrets."""
        return self.fork.shown

    def ask(self, method: str, *params: Any) -> Any:
        """Return a method's result. Raises OriginUnreachable, OriginRefused."""
        (found,) = self.ask_all([(method, params)])
        if isinstance(found, Refusal):
            raise OriginRefused(f"{self.shown} answers {method} with: {found.message}")
        return found

    def ask_all(self, calls: Sequence[Call]) -> list[Any]:
        """Return the results of several, each a Refusal where it is an error, in order.

        Raises OriginUnreachable, and OriginRefused where the node refuses to be asked at all.
        """
        found: list[Any] = []
        for start in range(0, len(calls), MOST_AT_ONCE):
            found += self._ask_some(calls[start : start + MOST_AT_ONCE])
        return found

    def close(self) -> None:
        """Close its connections."""
        if self._pool is not None:
            self._pool.clear()

    def _ask_some(self, calls: Sequence[Call]) -> list[Any]:
        found: dict[int, Any] = {}
        tries = self._tries
        for attempt in range(tries):
            left = [at for at in range(len(calls)) if at not in found]
            later: float | None = None
            for place, answer in self._send(calls, left, tries).items():
                if isinstance(answer, Refusal) and _is_passing(answer) and attempt + 1 < tries:
                    later = _pause(attempt)
                else:
                    found[place] = answer
            if later is None:
                return [found[at] for at in range(len(calls))]
            self._sleep(later)
        raise AssertionError("the last try takes every answer")

    def _send(self, calls: Sequence[Call], places: Sequence[int], tries: int) -> dict[int, Any]:
        """Return the answers to some of the calls by their places."""
        if len(places) > 1 and self._takes_batches:
            body = [_request(at, *calls[at]) for at in places]
            answered = self._post(body, tries)
            if isinstance(answered, list):
                by_id = {item.get("id"): item for item in answered if isinstance(item, dict)}
                return {at: self._result(by_id.get(at)) for at in places}
            self._takes_batches = False
        return {at: self._result(self._post(_request(at, *calls[at]), tries)) for at in places}

    def _result(self, answer: Any) -> Any:
        if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
            raise OriginRefused(f"{self.shown} does not answer as JSON-RPC does: is it a node?")
        error = answer.get("error")
        if error is None:
            return answer["result"]
        if not isinstance(error, dict):
            return Refusal(0, str(error))
        code = error.get("code")
        number = code if isinstance(code, int) else 0
        return Refusal(number, str(error.get("message", "")), error.get("data"))

    @property
    def _tries(self) -> int:
        return 1 if time.monotonic() < self._down_until else self.fork.tries

    def _post(self, content: Any, tries: int) -> Any:
        """Return a decoded answer. Raises OriginUnreachable, OriginRefused."""
        body = msgspec.json.encode(content)
        problem = ""
        for attempt in range(tries):
            self._wait_for_turn()
            response, problem = self._post_once(body)
            wait = _pause(attempt)
            if response is not None:
                if response.status == _OK:
                    return self._decoded(response.data)
                problem = f"it answers with HTTP {response.status}"
                if response.status not in _PASSING:
                    return self._refused(content, response)
                wait = _retry_after(response, wait)
            if attempt + 1 < tries:
                self._next_at = max(self._next_at, time.monotonic() + wait)
        self._down_until = time.monotonic() + _DOWN_SECONDS
        raise OriginUnreachable(
            f"the node {self.shown} can't be asked: {problem} ({tries} tries); start it, or give "
            "the URL of another node of that chain"
        )

    def _post_once(self, body: bytes) -> tuple[BaseHTTPResponse | None, str]:
        from urllib3 import PoolManager, Timeout  # noqa: PLC0415 - only forked chains load it
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        if self._pool is None:
            self._pool = PoolManager(maxsize=2)
        headers = {"Content-Type": "application/json", **self.fork.headers}
        self.requests += 1
        try:
            response = self._pool.request(
                "POST",
                self.fork.url,
                body=body,
                headers=headers,
                retries=False,
                timeout=Timeout(total=self.fork.timeout),
            )
        except HTTPError as error:
            return None, _in_words(error)
        return response, ""

    def _wait_for_turn(self) -> None:
        wait = self._next_at - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        if self.fork.rate is not None:
            self._next_at = max(self._next_at, time.monotonic()) + 1 / self.fork.rate

    def _decoded(self, data: bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise OriginRefused(f"{self.shown} does not answer in JSON: is it a node?") from error

    def _refused(self, content: Any, response: BaseHTTPResponse) -> Any:
        """Return the JSON of an HTTP error, as some nodes answer. Raises OriginRefused."""
        if isinstance(content, list):
            return None  # it may take them one by one
        try:
            return msgspec.json.decode(response.data, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise OriginRefused(
                f"{self.shown} refuses requests with HTTP {response.status}: check the URL and "
                "its key"
            ) from None


def _request(identity: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)}


def _is_passing(answer: Refusal) -> bool:
    text = answer.message.lower()
    return answer.code in _TOO_MANY or "rate limit" in text or "too many requests" in text


def _pause(attempt: int) -> float:
    return float(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))


def _retry_after(response: BaseHTTPResponse, otherwise: float) -> float:
    """Return how many seconds the node asks to wait; a date is taken for no answer."""
    asked = response.headers.get("Retry-After", "")
    try:
        return min(max(float(asked), 0.0), _LONGEST_WAIT)
    except ValueError:
        return otherwise


def _in_words(error: Exception) -> str:
    name = type(error).__name__
    if "Timeout" in name:
        return "it does not answer in time"
    return "there is no connection" if "Connection" in name else f"{name}: {error}"
