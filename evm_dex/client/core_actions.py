"""Outcomes of actions sent to HyperCore: of transactions by their logs, of calls by trying."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from eth_hash.auto import keccak
from msgspec.structs import replace

from evm_dex.blocks.addresses import checksum
from evm_dex.chain.block_store import BlockStore, LogEntry
from evm_dex.chain.chain import Chain
from evm_dex.chain.core_steps import logged_bytes, said_to_core
from evm_dex.errors import CallFailed, CheatRefused
from evm_dex.evm.calls import Call
from evm_dex.evm.machine import logs_of
from precompiles.abi.codec import Layout, Malformed
from precompiles.errors import ContractError
from precompiles.hyper.core import BlockMoment
from precompiles.hyper.encoding import decode_action
from precompiles.hyper.receipts import ActionReceipt, Outcome
from precompiles.hyper.signed.wire import FIRST_NUMBER, type_name
from precompiles.hyper.step_precompile import balance_calldata, signed_step
from precompiles.hyper.steps import Credit, Sent, Step
from precompiles.hyper.system_addresses import CORE_ADDRESS, CORE_WRITER, HYPE_SYSTEM
from precompiles.ledger.hyper.records import CoreToken
from precompiles.types import Address

_RAW_ACTION = keccak(b"RawAction(address,bytes)")
_OUTCOMES = {
    Outcome.DONE: "done",
    Outcome.QUEUED: "queued",
    Outcome.DROPPED: "dropped",
    Outcome.PARTLY_DONE: "partly done",
}
_WORD = Layout(["uint256"])
_SOURCE = bytes(32)
"""The transaction hash that stands for a call, which has none."""


@dataclass(frozen=True, slots=True)
class CoreAction:
    """One action, or deposit, and what has become of it by now."""

    sequence: int
    user: str
    """Address in hex, with a checksum."""
    action: int
    """Its id; 0 for a deposit from the EVM."""
    name: str
    """`limitOrder`, `spotSend` and so on; `deposit`; `unknown` for an id that stands for none."""
    fields: dict[str, Any]
    """The bytes sent to CoreWriter; empty for a deposit and where they are no action."""
    outcome: str
    """`done`, `queued`, `dropped`, or `partly done`."""
    order_id: int
    """Id of the order that was placed or cancelled; 0 for none."""
    reason: str
    """Name of the error that says why it was dropped; empty otherwise."""
    reason_fields: dict[str, Any]
    """The numbers that explain it."""
    block_number: int
    """Number of the block that decided the outcome."""

    def __repr__(self) -> str:
        """Return it in short, as a test that fails shows it."""
        fields = ", ".join(f"{name}={value}" for name, value in self.fields.items())
        shown = f"<CoreAction {self.sequence} {self.name}({fields}): {self.outcome}"
        if self.reason:
            numbers = ", ".join(f"{name}={value}" for name, value in self.reason_fields.items())
            shown += f", {self.reason}({numbers})"
        return shown + ">"


def actions_of(blocks: BlockStore, transaction_hash: bytes, last: int) -> list[CoreAction]:
    """Return a transaction's deposits, then its actions, as of the block at height `last`.

    Raises UnknownTransaction.
    """
    included = blocks.included(transaction_hash)
    sent = [
        logged_bytes(log.data)
        for log in included.receipt.logs
        if log.address == CORE_WRITER and log.topics[:1] == (_RAW_ACTION,)
    ]
    latest: dict[int, tuple[ActionReceipt, int]] = {}
    wanted = [None, None, None, [transaction_hash]]
    for entry in blocks.logs(included.header.block_number, last, [CORE_ADDRESS], wanted):
        receipt = ActionReceipt.decode(entry.log.topics, entry.log.data)
        if receipt is not None:
            latest[receipt.sequence] = receipt, entry.height
    deposits = len(latest) - len(sent)
    raw: list[bytes | None] = [*(None for _ in range(deposits)), *sent]
    receipts = [receipt for _, receipt in sorted(latest.items())]
    return [
        explained_action(receipt, height, data)
        for (receipt, height), data in zip(receipts, raw, strict=True)
    ]


def actions_in(blocks: BlockStore, height: int) -> list[CoreAction]:
    """Return the actions and deposits that a block looked at, as of that block."""
    return _looked_at(blocks, blocks.logs(height, height, [CORE_ADDRESS], []))


def actions_of_user(
    blocks: BlockStore, user: Address, first: int, last: int, most: int
) -> list[CoreAction]:
    """Return an account's newest actions and deposits in a range of heights, newest first.

    An action that waited is there once, as of the last block that looked at it.
    """
    wanted = [None, [bytes(12) + user]]
    found: dict[int, CoreAction] = {}
    for entry in blocks.backwards(first, last, [CORE_ADDRESS], wanted):
        receipt = ActionReceipt.decode(entry.log.topics, entry.log.data)
        if receipt is not None and receipt.sequence not in found:
            found[receipt.sequence] = _explained_entry(blocks, entry, receipt)
            if len(found) == most:
                break
    return list(found.values())


def _looked_at(blocks: BlockStore, entries: Iterable[LogEntry]) -> list[CoreAction]:
    """Return the actions of receipts, the last receipt of each, in the order of the last ones."""
    found: dict[int, CoreAction] = {}
    for entry in entries:
        receipt = ActionReceipt.decode(entry.log.topics, entry.log.data)
        if receipt is not None:
            found.pop(receipt.sequence, None)
            found[receipt.sequence] = _explained_entry(blocks, entry, receipt)
    return list(found.values())


def _explained_entry(blocks: BlockStore, entry: LogEntry, receipt: ActionReceipt) -> CoreAction:
    if receipt.action < FIRST_NUMBER:
        sent = actions_of(blocks, receipt.source, entry.height)
        return next(action for action in sent if action.sequence == receipt.sequence)
    carried = blocks.included(entry.transaction_hash)
    step = signed_step(carried.transaction.data)
    named = explained_action(receipt, entry.height, None)
    if step is None:
        return named
    action = step.envelope.carried
    receipts = (ActionReceipt.decode(it.topics, it.data) for it in carried.receipt.logs)
    sequences = [it.sequence for it in receipts if it is not None]
    fields = msgspec.to_builtins(action)
    parts = next((it for it in fields.values() if isinstance(it, list | tuple)), None)
    if parts is not None and len(parts) == len(sequences):
        fields = parts[sequences.index(receipt.sequence)]
    return dataclasses.replace(named, name=type_name(action), fields=fields)


def explained_action(receipt: ActionReceipt, height: int, raw: bytes | None) -> CoreAction:
    """Return an action or deposit in words; `raw` is None for a deposit."""
    reason, numbers = _explained(receipt.reason)
    name, fields = ("deposit", {}) if raw is None else _named(raw)
    return CoreAction(
        receipt.sequence,
        checksum(receipt.user),
        receipt.action,
        name,
        fields,
        _OUTCOMES[receipt.outcome],
        receipt.order_id,
        reason,
        numbers,
        height,
    )


def _named(raw: bytes) -> tuple[str, dict[str, Any]]:
    """Return name and fields of an action's bytes."""
    try:
        action = decode_action(raw)
    except ContractError:
        return "unknown", {}
    kind = type(action).__name__
    return kind[0].lower() + kind[1:], action._asdict()


def _explained(reason: bytes) -> tuple[str, dict[str, Any]]:
    """Return name and fields of an encoded error."""
    if not reason:
        return "", {}
    error = ContractError.known[reason[:4]]
    names = [parameter.name for parameter in error.signature.inputs]
    values = error.layout.decode(reason, base=4)
    return error.__name__, dict(zip(names, values, strict=True))


def explain(chain: Chain, call: Call) -> list[CoreAction]:
    """Return what a call's deposits and actions would come to on the state of now, undelayed.

    Nothing is left of it. Raises CallFailed where the call fails, CheatRefused on a chain without
    HyperCore.
    """
    if chain.ledger.core.settings is None:
        raise CheatRefused("this chain has no HyperCore")
    head = chain.head
    with chain.ledger_at(head.hash) as ledger:
        computation, *_ = chain.call_runner.run(call, head, None)
        if not computation.is_success:
            raise CallFailed(str(computation.error), computation.output)
        settings = ledger.core.settings
        assert settings is not None
        said = list(said_to_core([(_SOURCE, logs_of(computation))], ledger, settings))
        ledger.core.settings = replace(settings, order_delay=0)
        moment = BlockMoment(
            head.block_number + 1,
            head.timestamp,
            chain.next_header().base_fee_per_gas,
            lambda token: _payable(chain, token),
        )
        step = Step(ledger, moment, [])
        deposits = [it for it in said if isinstance(it, Credit)]
        sent = [it for it in said if isinstance(it, Sent)]
        step.end_block(deposits, sent)
        receipts = [log.event for log in step.logs if isinstance(log.event, ActionReceipt)]
        raw = [*(None for _ in deposits), *(it.data for it in sent)]
        return [
            explained_action(receipt, head.block_number, data)
            for receipt, data in zip(receipts, raw, strict=True)
        ]


def _payable(chain: Chain, token: CoreToken) -> int:
    settings = chain.ledger.core.settings
    assert settings is not None
    if token.index == settings.hype:
        return chain.state.get_balance(HYPE_SYSTEM)
    asked = Call(to=token.evm_contract, data=balance_calldata(settings, token))
    try:
        held: int = _WORD.decode(chain.call(asked))[0]
    except (CallFailed, Malformed):  # nothing, as in a block
        return 0
    return held
