"""Outcomes of a call's actions, without keeping them: all that was carried out is undone."""

from __future__ import annotations

from msgspec.structs import replace

from evm_dex.chain.chain import Chain
from evm_dex.chain.core_steps import said_to_core
from evm_dex.client.core_actions import CoreAction, explained_action
from evm_dex.errors import CallFailed, CheatRefused
from evm_dex.evm.machine import logs_of
from evm_dex.evm.simulator import Call
from precompiles.abi.codec import Layout
from precompiles.hyper.core import BlockMoment
from precompiles.hyper.receipts import ActionReceipt
from precompiles.hyper.step_precompile import balance_calldata
from precompiles.hyper.steps import Credit, Sent, Step
from precompiles.hyper.system_addresses import HYPE_SYSTEM
from precompiles.ledger.hyper.records import CoreToken

_WORD = Layout(["uint256"])
_SOURCE = bytes(32)
"""Of a call, which has no hash."""


def explain(chain: Chain, call: Call) -> list[CoreAction]:
    """Return what a call's deposits and actions would come to on the state of now, undelayed.

    Nothing is left of it. Raises CallFailed where the call fails, CheatRefused on a chain without
    HyperCore.
    """
    if chain.ledger.core.settings is None:
        raise CheatRefused("this chain has no HyperCore")
    head = chain.head
    with chain.ledger_at(head.hash) as ledger:
        computation = chain.simulator.run(call, head, None)
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
    output = chain.call(Call(to=token.evm_contract, data=balance_calldata(settings, token)))
    held: int = _WORD.decode(output)[0]
    return held
