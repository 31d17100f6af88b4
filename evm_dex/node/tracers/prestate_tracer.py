"""prestateTracer: the accounts that an execution touches, or what it changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from evm_dex.evm.prestate import AccountState
from evm_dex.node.node import Node
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data, quantity
from evm_dex.node.tracers.kinds import Traced, read_flags

_FLAGS = ("diffMode", "disableCode", "disableStorage", "includeEmpty")


class PrestateTracer(msgspec.Struct, frozen=True):
    """Writes accounts by address."""

    is_diff: bool = False
    with_code: bool = True
    with_storage: bool = True
    with_empty: bool = False
    needs_prestate: bool = True

    @classmethod
    def read(cls, config: Any) -> PrestateTracer:
        """Read its options. Raises RpcError."""
        flags = read_flags(config, "prestateTracerConfig", _FLAGS)
        is_diff, no_code, no_storage, with_empty = (flags.get(name, False) for name in _FLAGS)
        if is_diff and with_empty:
            raise failed("cannot use diffMode with includeEmpty")
        return cls(is_diff, not no_code, not no_storage, with_empty)

    def write(self, node: Node, traced: Traced) -> Json:  # noqa: ARG002 - as all tracers
        """Return the accounts before; or of both sides what differs, where that is asked for."""
        prestate = traced.watch.prestate
        assert prestate is not None, "the execution was watched for it"
        if self.is_diff:
            return self._difference(prestate.before, prestate.after(traced.trace.gone))
        return {
            data(address): self._account(account)
            for address, account in prestate.before.items()
            if self.with_empty or not account.is_empty
        }

    def _account(self, account: AccountState) -> Json:
        written: Json = {"balance": quantity(account.balance)}
        if account.code and self.with_code:
            written["code"] = data(account.code)
        if account.nonce:
            written["nonce"] = account.nonce
        if account.storage and self.with_storage:
            written["storage"] = _words(account.storage)
        return written

    def _difference(
        self, before: Mapping[bytes, AccountState], after: Mapping[bytes, AccountState]
    ) -> Json:
        pre, post = {}, {}
        for address, old in before.items():
            new = after.get(address)
            words = {} if new is None else new.storage
            changed = [slot for slot in old.storage if old.storage[slot] != words.get(slot, 0)]
            kept = changed if self.with_storage else []
            if new is not None:
                differs = self._changes(old, new)
                storage = {slot: words[slot] for slot in kept if words[slot]}
                if not differs and not kept:
                    continue
                post[data(address)] = {**differs, **_storage(storage)}
            if not old.is_empty:
                shown = msgspec.structs.replace(
                    old, storage={slot: old.storage[slot] for slot in kept if old.storage[slot]}
                )
                pre[data(address)] = self._account(shown)
        return {"post": post, "pre": pre}

    def _changes(self, old: AccountState, new: AccountState) -> Json:
        written: Json = {}
        if new.balance != old.balance:
            written["balance"] = quantity(new.balance)
        if new.code and new.code != old.code and self.with_code:
            written["code"] = data(new.code)
        if new.nonce != old.nonce:
            written["nonce"] = new.nonce
        return written


def _words(storage: Mapping[int, int]) -> Json:
    return {f"{slot:#066x}": f"{word:#066x}" for slot, word in storage.items()}


def _storage(storage: Mapping[int, int]) -> Json:
    return {"storage": _words(storage)} if storage else {}
