"""The origin's state after the fork block: read where it was fetched, else fetched once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any

from trie.exceptions import MissingTrieNode

from checkpoint.trie import rlp
from checkpoint.trie.account import Account
from checkpoint.trie.keccak import keccak
from checkpoint.trie.nodes import BLANK_ROOT, EMPTY_CODE
from checkpoint.trie.trie import NodeCache, Trie
from evm_dex.errors import OriginError, OriginLied
from evm_dex.evm.origin_state import ExpectedCall
from evm_dex.origin.fetched_values import FetchedValues
from evm_dex.origin.fork_point import ForkPoint
from evm_dex.origin.rpc_client import MOST_AT_ONCE, Call, Refusal, RpcClient
from evm_dex.origin.state_requests import Answered, StateRequests, Wanted

_logger = logging.getLogger(__name__)
_MOST_ACCOUNTS = 4_096
_MOST_DECODED = 20_000
_MOST_LISTED = 5_000
"""Slots of an access list that are fetched ahead."""

_NO_ROW = range(-2, -2)
_LONGEST_ROW = 256

Waiting = Callable[[], AbstractContextManager[None]]
Connect = Callable[[], RpcClient]
"""Returns the client of the other node. Raises OriginError."""


class FetchedState:
    """Accounts, code and words after the fork block, as `evm_dex.evm.origin_state` asks for them.

    Raises OriginError and what is derived of it where a value was not fetched and can't be.
    """

    def __init__(
        self, kept: FetchedValues, point: ForkPoint, connect: Connect, *, proves: bool
    ) -> None:
        self._kept = kept
        self._point = point
        self._connect = connect
        self._proves = proves
        self._nodes = NodeCache(kept)
        self._accounts: dict[bytes, Account | None] = {}
        """With the storage roots there; blank ones where nothing is proven."""
        self._expected: ExpectedCall | None = None
        """The call that is executed, until something is fetched for it."""
        self._lists_access = True
        self._fetch_lock = Lock()
        self._waiting: Waiting = nullcontext
        self._last_row: dict[bytes, range] = {}
        """The slots that were fetched last, of one account."""

    def account(self, address: bytes) -> Account | None:
        found = self._account(address)
        if found is None or found.storage_root == BLANK_ROOT:
            return found
        return found.copy(storage_root=BLANK_ROOT)

    def code(self, address: bytes, code_hash: bytes) -> bytes:
        found = self._kept.get(code_hash)
        if found is None:
            self._fetch({address: ()}, what=f"the code of account 0x{address.hex()}")
            found = self._kept[code_hash]
        return found

    def word(self, address: bytes, slot: int) -> int:
        found = self._known_word(address, slot)
        if found is None:
            place = f"slot {slot:#x} of account 0x{address.hex()}"
            self._fetch({address: self._in_a_row(address, slot)}, what=place)
            found = self._known_word(address, slot)
            assert found is not None, "what was fetched is there"
        return found

    def has_storage(self, address: bytes) -> bool:
        account = self._account(address)
        return account is not None and account.storage_root != BLANK_ROOT

    def expect(self, call: ExpectedCall) -> None:
        self._expected = call

    def share(self, waiting: Waiting) -> None:
        """Open a context of `waiting` where the other node is waited for."""
        self._waiting = waiting

    def prefetch(self, wanted: Mapping[bytes, Iterable[int]]) -> None:
        """Fetch what is not known of some accounts and their slots, all at once."""
        self._fetch(wanted, what=f"{len(wanted)} accounts")

    def _in_a_row(self, address: bytes, slot: int) -> range:
        """Return slots to fetch with one: more each time that it goes on from what came last."""
        last = self._last_row.get(address, _NO_ROW)
        length = min(2 * len(last), _LONGEST_ROW)
        if slot == last.stop:
            row = range(slot, min(slot + length, 2**256))
        elif slot == last.start - 1:
            row = range(max(slot - length + 1, 0), slot + 1)
        else:
            row = range(slot, slot + 1)
        self._last_row = {address: row}
        return row

    # What is known

    def _account(self, address: bytes) -> Account | None:
        if address not in self._accounts:
            known = self._known_account(address)
            if known is None:
                self._fetch({address: ()}, what=f"account 0x{address.hex()}")
                known = self._known_account(address)
                assert known is not None, "what was fetched is there"
            if len(self._accounts) > _MOST_ACCOUNTS:
                self._accounts.clear()
            self._accounts[address] = None if known.is_empty else known
        return self._accounts[address]

    def _known_account(self, address: bytes) -> Account | None:
        """Return an account, an empty one for none; None where it was not fetched."""
        try:
            encoded = self._read(self._point.state_root, keccak(address))
        except MissingTrieNode:
            return None if self._proves else self._kept.claimed_account(address)
        return Account.decode(encoded) if encoded else Account()

    def _known_word(self, address: bytes, slot: int) -> int | None:
        """Return a word; None where it was not fetched."""
        claimed = None if self._proves else self._kept.claimed_word(address, slot)
        if claimed is not None:
            return claimed
        account = self._accounts.get(address) or self._known_account(address)
        if account is None:
            return None
        if account.storage_root == BLANK_ROOT:
            return 0 if self._proves or account.is_empty else None
        try:
            encoded = self._read(account.storage_root, keccak(slot.to_bytes(32, "big")))
        except MissingTrieNode:
            return None
        return int.from_bytes(rlp.decode(encoded), "big") if encoded else 0

    def _read(self, root: bytes, key: bytes) -> bytes:
        """Return what a trie has at a key. Raises MissingTrieNode."""
        if len(self._nodes.decoded) > _MOST_DECODED:
            self._nodes.decoded.clear()
        return Trie(self._nodes, root)[key]

    # What has to be asked for

    def _fetch(self, asked: Mapping[bytes, Iterable[int]], what: str) -> None:
        if not any(self._missing(asked)):
            return
        with self._fetching():
            wanted = list(self._missing(asked))
            if not wanted:
                return  # somebody else has fetched it meanwhile
            try:
                client = self._connect()
                ahead = list(self._missing(_merged(asked, self._foreseen(client))))
                self._ask(client, ahead or wanted, required={item.address for item in wanted})
            except OriginError as error:
                raise type(error)(f"{what} is not known here: {error}") from error

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        """Fetch alone inside the context; others go on with what is known."""
        with self._waiting():
            self._fetch_lock.acquire()
        try:
            yield
        finally:
            self._fetch_lock.release()

    def _missing(self, asked: Mapping[bytes, Iterable[int]]) -> Iterator[Wanted]:
        for address, slots in asked.items():
            account = self._known_account(address)
            has_code = account is not None and (
                account.code_hash == EMPTY_CODE or account.code_hash in self._kept
            )
            unknown = [slot for slot in slots if self._known_word(address, slot) is None]
            if unknown or not has_code:
                yield Wanted(address, tuple(dict.fromkeys(unknown)), account=not has_code)

    def _ask(self, client: RpcClient, wanted: list[Wanted], required: set[bytes]) -> None:
        point = self._point
        requests = StateRequests(
            self._kept, client.shown, point.height, point.state_root, proves=self._proves
        )
        answered = Answered()
        for part in _together(requests.calls(wanted)):
            with self._waiting():
                found = client.ask_all([call for _, calls in part for call in calls])
            answers = iter(found)
            for item, calls in part:
                one = Answered(answered.entries)
                requests.read(item, [next(answers) for _ in calls], one)
                is_needed = item.address in required or isinstance(one.problem, OriginLied)
                if one.problem is not None and is_needed:
                    answered.fail(one.problem)
        self._kept.keep(answered.entries)
        if answered.problem is not None:
            raise answered.problem

    def _foreseen(self, client: RpcClient) -> dict[bytes, list[int]]:
        """Return what the execution in work is going to read, as the origin's node foresees it."""
        call, self._expected = self._expected, None
        if call is None:
            return {}
        found: dict[bytes, list[int]] = {call.sender: []}
        for address, slots in call.access_list:
            found.setdefault(address, []).extend(slots)
        if call.to:
            found.setdefault(call.to, [])
        if not (call.to and call.data and self._lists_access):
            return found
        with self._waiting():
            listed = client.ask_all([access_list_call(call, self._point.height)])[0]
        if isinstance(listed, Refusal):
            self._lists_access = not listed.is_unknown_method
            return found
        return _merged(found, read_access_list(listed))


def access_list_call(call: ExpectedCall, height: int) -> Call:
    """Return the request for what a call would touch after a block."""
    fields = {
        "from": f"0x{call.sender.hex()}",
        "to": f"0x{call.to.hex()}",
        "data": f"0x{call.data.hex()}",
        "value": hex(call.value),
    }
    return "eth_createAccessList", (fields, hex(height))


def read_access_list(listed: Any) -> dict[bytes, list[int]]:
    """Return accounts and slots that a node lists; nothing where it answers otherwise."""
    found: dict[bytes, list[int]] = {}
    left = _MOST_LISTED
    try:
        for item in listed["accessList"]:
            slots = [int(key, 16) for key in item["storageKeys"][:left]]
            left -= len(slots)
            address = bytes.fromhex(item["address"].removeprefix("0x"))
            found.setdefault(address, []).extend(slots)
    except (KeyError, TypeError, ValueError, AttributeError):
        _logger.debug("an access list in another form: %r", listed)
    return found


def _merged(
    first: Mapping[bytes, Iterable[int]], second: Mapping[bytes, Iterable[int]]
) -> dict[bytes, list[int]]:
    found = {address: list(slots) for address, slots in first.items()}
    for address, slots in second.items():
        found.setdefault(address, []).extend(slots)
    return found


def _together(
    items: Iterable[tuple[Wanted, list[Call]]],
) -> Iterator[list[tuple[Wanted, list[Call]]]]:
    """Put requests together so that each batch has a size that nodes allow."""
    part: list[tuple[Wanted, list[Call]]] = []
    size = 0
    for item in items:
        if part and size + len(item[1]) > MOST_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(item)
        size += len(item[1])
    if part:
        yield part
