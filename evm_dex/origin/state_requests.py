"""Requests for accounts and words of the origin, and what their answers come to.

With proofs: one `eth_getProof` and one `eth_getCode` an account, held against the state root of the
fork block; what is kept are the trie nodes on the way. Without: what the node says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from trie.exceptions import MissingTrieNode

from checkpoint.trie import rlp
from checkpoint.trie.account import Account
from checkpoint.trie.keccak import keccak
from checkpoint.trie.nodes import EMPTY_CODE
from checkpoint.trie.trie import Trie
from evm_dex.errors import OriginError, OriginLied, OriginRefused
from evm_dex.origin.fetched_values import FetchedValues, account_entry, word_entry
from evm_dex.origin.rpc_client import Call, Refusal

MOST_SLOTS = 500
"""Slots of one proof; nodes allow 1,024."""
_PRUNED = (
    "if it has pruned that state, fork a newer block (--fork-block), or a node that keeps old "
    "states (an archive node)"
)


class Wanted(msgspec.Struct, frozen=True):
    """An account to be asked for, and some of its slots."""

    address: bytes
    slots: tuple[int, ...]
    account: bool
    """True where the account itself and its code are not known either."""


class Answered(msgspec.Struct):
    """Result of answers: entries to keep, and the first thing that is wrong."""

    entries: dict[bytes, bytes] = msgspec.field(default_factory=dict)
    problem: OriginError | None = None

    def fail(self, problem: OriginError) -> None:
        """Note a problem; the first is told."""
        self.problem = self.problem or problem


class StateRequests:
    """Makes the requests for one block's state, and reads the answers."""

    def __init__(
        self, kept: FetchedValues, shown: str, height: int, state_root: bytes, *, proves: bool
    ) -> None:
        self._kept = kept
        self._shown = shown
        self._height = height
        self._state_root = state_root
        self._proves = proves

    def calls(self, wanted: Iterable[Wanted]) -> list[tuple[Wanted, list[Call]]]:
        """Return the requests for each account."""
        make = self._with_proof if self._proves else self._plain
        return [(item, make(item)) for part in wanted for item in _parts(part)]

    def read(self, item: Wanted, answers: Sequence[Any], into: Answered) -> None:
        """Take in the answers to the requests for an account."""
        refused = next((each for each in answers if isinstance(each, Refusal)), None)
        if refused is not None:
            where = f"account 0x{item.address.hex()} after block {self._height}"
            told = f"{self._shown} does not give {where}: {refused.message}; {_PRUNED}"
            into.fail(OriginRefused(told))
            return
        try:
            if self._proves:
                self._read_proof(item, answers, into)
            else:
                self._read_plain(item, answers, into)
        except OriginLied as error:
            into.fail(error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            told = f"{self._shown} answers in another form than nodes do ({error!r})"
            into.fail(OriginRefused(told))

    # Without proofs

    def _plain(self, item: Wanted) -> list[Call]:
        block, address = hex(self._height), f"0x{item.address.hex()}"
        methods = ("eth_getBalance", "eth_getTransactionCount", "eth_getCode") * item.account
        asked: list[Call] = [(method, (address, block)) for method in methods]
        return asked + [("eth_getStorageAt", (address, hex(slot), block)) for slot in item.slots]

    def _read_plain(self, item: Wanted, answers: Sequence[Any], into: Answered) -> None:
        words = answers
        if item.account:
            balance, nonce, told, *words = answers
            code = _data(told)
            code_hash = keccak(code)
            entry = account_entry(item.address, int(nonce, 16), int(balance, 16), code_hash)
            into.entries |= entry | {code_hash: code}
        for slot, word in zip(item.slots, words, strict=True):
            into.entries |= word_entry(item.address, slot, int(word, 16) if word != "0x" else 0)

    # With proofs

    def _with_proof(self, item: Wanted) -> list[Call]:
        block, address = hex(self._height), f"0x{item.address.hex()}"
        slots = [f"{slot:#066x}" for slot in item.slots]
        asked: list[Call] = [("eth_getProof", (address, slots, block))]
        return asked + [("eth_getCode", (address, block))] * item.account

    def _read_proof(self, item: Wanted, answers: Sequence[Any], into: Answered) -> None:
        proof = answers[0]
        what = f"account 0x{item.address.hex()}"
        key = keccak(item.address)
        encoded = self._proven(proof["accountProof"], self._state_root, key, what, into.entries)
        account = Account.decode(encoded) if encoded else Account()
        told = Account(
            int(proof["nonce"], 16),
            int(proof["balance"], 16),
            _data(proof["storageHash"]) if encoded else account.storage_root,
            _data(proof["codeHash"]) if encoded else account.code_hash,
        )
        if told != account:
            raise self._lied(what, f"it is {_shown(told)}", _shown(account))
        if item.account and account.code_hash != EMPTY_CODE:
            code = _data(answers[1])
            if keccak(code) != account.code_hash:
                raise self._lied(f"the code of {what}", f"of hash 0x{keccak(code).hex()}",
                                 f"0x{account.code_hash.hex()}")  # fmt: skip
            into.entries[account.code_hash] = code
        for slot, part in zip(item.slots, proof["storageProof"], strict=True):
            place = f"slot {slot:#x} of {what}"
            key, said = keccak(slot.to_bytes(32, "big")), int(part["value"], 16)
            found = self._proven(part["proof"], account.storage_root, key, place, into.entries)
            word = int.from_bytes(rlp.decode(found), "big") if found else 0
            if said != word:
                raise self._lied(place, f"it is {said:#x}", f"{word:#x}")

    def _proven(
        self, told: Sequence[str], root: bytes, key: bytes, what: str, entries: dict[bytes, bytes]
    ) -> bytes:
        """Return what a proof leads to, and add its nodes to the entries. Raises OriginLied."""
        nodes = _Reached({keccak(node): node for node in map(_data, told)}, self._kept, entries)
        try:
            found = Trie(nodes, root)[key]
        except (MissingTrieNode, ValueError, IndexError, TypeError) as error:
            raise OriginLied(
                f"{self._shown} gives a proof of {what} that does not lead to the state root of "
                f"block {self._height}: {_DISTRUST}"
            ) from error
        entries.update(nodes.reached)
        return found

    def _lied(self, what: str, told: str, proven: str) -> OriginLied:
        return OriginLied(
            f"{self._shown} says of {what} after block {self._height} that {told}, its proof leads "
            f"to {proven}: {_DISTRUST}"
        )


_DISTRUST = "nothing of it was kept; ask another node, or ask whoever runs this one"


class _Reached:
    """The nodes of a proof, those known before, and which of the proof's were on the way."""

    def __init__(
        self, proof: Mapping[bytes, bytes], kept: FetchedValues, entries: Mapping[bytes, bytes]
    ) -> None:
        self._sources = (proof, entries, kept)
        self._proof = proof
        self.reached: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        for source in self._sources:
            if key in source:
                found = source[key]
                break
        else:
            raise KeyError(key)
        if key in self._proof:
            self.reached[key] = found
        return found

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise AssertionError("a proof is only read")


def _parts(item: Wanted) -> Iterator[Wanted]:
    """Split what is too much for one request."""
    yield Wanted(item.address, item.slots[:MOST_SLOTS], item.account)
    for start in range(MOST_SLOTS, len(item.slots), MOST_SLOTS):
        yield Wanted(item.address, item.slots[start : start + MOST_SLOTS], account=False)


def _shown(account: Account) -> str:
    code = account.code_hash.hex()[:8]
    root = account.storage_root.hex()[:8]
    return f"nonce {account.nonce}, {account.balance} wei, code {code}…, storage {root}…"


def _data(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))
