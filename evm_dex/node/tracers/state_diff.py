"""Changes of accounts by an execution, in OpenEthereum's form.

A value is "=" where it stays, {"+": new} where it was not there before, {"-": old} where it is
gone, and {"*": {"from", "to"}} where it changed.
"""

from __future__ import annotations

from typing import Any

from evm_dex.evm.prestate import AccountState
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import data, quantity
from evm_dex.node.tracers.kinds import Traced


def state_diff(traced: Traced) -> Json:
    """Return the accounts that differ, by address."""
    prestate = traced.watch.prestate
    assert prestate is not None, "the execution was watched for it"
    after, found = prestate.after(traced.trace.gone), {}
    for address, old in prestate.before.items():
        new = after.get(address)
        difference = _account(None if old.is_empty else old, new)
        if difference is not None:
            found[data(address)] = difference
    return found


def _account(old: AccountState | None, new: AccountState | None) -> Json | None:
    if old is None and new is None:
        return None
    sides = (old, new)
    slots = [
        slot
        for slot in dict.fromkeys(slot for side in sides if side for slot in side.storage)
        if len({side.storage.get(slot, 0) if side else 0 for side in sides}) > 1
    ]
    told: Json = {
        "balance": _value(*(side and quantity(side.balance) for side in sides)),
        "code": _value(*(side and data(side.code) for side in sides)),
        "nonce": _value(*(side and quantity(side.nonce) for side in sides)),
        "storage": {
            f"{slot:#066x}": _value(
                *(side and f"{side.storage.get(slot, 0):#066x}" for side in sides)
            )
            for slot in slots
        },
    }
    is_same = all(told[name] == "=" for name in ("balance", "code", "nonce")) and not slots
    return None if is_same else told


def _value(old: Any, new: Any) -> Any:
    if old == new:
        return "="
    if old is None:
        return {"+": new}
    return {"-": old} if new is None else {"*": {"from": old, "to": new}}
