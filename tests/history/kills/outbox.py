"""The outbox recounted: every id once, and for every log of every block what it says."""

from __future__ import annotations

from collections import Counter

from blake3 import blake3

from checkpoint.families import Family
from checkpoint.store import StoreReader
from tests.history.kills.facts import Event, Fact, Kind, fact_of, facts_of_block, read_event

_ID_BYTES = 8
_REMEMBERED = 100
"""Blocks; rollbacks go back a few."""


class OutboxRecount:
    """Reads on where it was, so that each event is looked at once, whatever is killed meanwhile."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        """Of all events, from id 1 on."""
        self.kinds: Counter[int] = Counter()
        self.lost = self.doubled = self.compared = 0
        """Against the logs; and how many were held against one."""
        self.differences: list[str] = []
        self._blocks: dict[int, list[Fact]] = {}
        """By height, what the events of the last blocks that were not taken back say."""
        self._due: list[int] = []
        """Orders that the rollback which is being read has yet to name."""
        self._compare_from = 1

    def read(self, chain: StoreReader) -> None:
        """Take in what is new, then hold the blocks that are new against their logs."""
        start = (len(self.payloads) + 1).to_bytes(_ID_BYTES, "big")
        for key, payload in chain.iterate(Family.EVENTS, start=start):
            event_id = int.from_bytes(key, "big")
            missing = event_id - len(self.payloads) - 1
            if missing:
                self.lost += missing
                self._differs(f"event {event_id} follows event {len(self.payloads)}")
                self.payloads += [b""] * missing
            event = read_event(payload)
            if self.payloads and event.previous != blake3(self.payloads[-1]).digest(8):
                self._differs(f"event {event_id} does not have the hash of the one before")
            self.payloads.append(payload)
            self._take(event_id, event)
        if self._due:
            self._differs(f"a rollback left out orders {self._due}")
        head = chain.head()
        assert head is not None, "the chain has begun"
        for height in range(self._compare_from, head.height + 1):
            self._compare(height, facts_of_block(chain, height))
        self._compare_from = head.height + 1
        for height in [n for n in self._blocks if n <= head.height - _REMEMBERED]:
            del self._blocks[height]

    def _take(self, event_id: int, event: Event) -> None:
        self.kinds[event.kind] += 1
        if event.kind == Kind.ROLLED_BACK:
            self._take_back(event_id, event)
            return
        if self._due:
            self._differs(f"event {event_id}: the rollback before it left out {self._due}")
            self._due = []
        if event.kind == Kind.GAP:
            self._differs(f"event {event_id} says that something was not recorded")
            return
        self._compare_from = min(self._compare_from, event.block)
        self._blocks.setdefault(event.block, []).append(fact_of(event))

    def _take_back(self, event_id: int, event: Event) -> None:
        """One rollback names each order of the blocks it takes back once, by ascending id."""
        undone = [height for height in self._blocks if height > event.block]
        if undone:
            orders = {fact.order_id for height in undone for fact in self._blocks.pop(height)}
            if self._due:
                self._differs(f"event {event_id}: the rollback before it left out {self._due}")
            self._due = sorted(orders, reverse=True)
            self._compare_from = min(self._compare_from, event.block + 1)
        expected = self._due.pop() if self._due else 0
        if event.order_id != expected:
            self._differs(f"event {event_id} takes order {event.order_id} back, not {expected}")

    def _compare(self, height: int, logged: list[Fact]) -> None:
        found = self._blocks.get(height, [])
        self.compared += len(logged)
        if found == logged:
            return
        self.lost += (Counter(logged) - Counter(found)).total()
        self.doubled += (Counter(found) - Counter(logged)).total()
        self._differs(f"block {height}: its logs and its events tell different stories")

    def _differs(self, what: str) -> None:
        self.differences.append(what)
