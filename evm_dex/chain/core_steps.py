"""HyperCore's part of a block, as transactions that the chain adds before and after its users'.

Before: one for what is due, then one for each transfer to the EVM, from the system address of its
token. After: one with all that the block's logs say to HyperCore. A block without such work has
none of them, and they follow from the block, so that who imports it makes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from eth_hash.auto import keccak

from evm_dex.blocks.receipt import Log
from evm_dex.blocks.transaction import Transaction, system_transaction
from evm_dex.chain.block_kinds import BlockKinds
from evm_dex.chain.core_inputs import CoreInput
from evm_dex.chain.sealing import Sealer
from precompiles.abi.codec import Layout
from precompiles.hyper.core import TRANSFER_GAS
from precompiles.hyper.step_precompile import begin_calldata, end_calldata
from precompiles.hyper.steps import Credit, Sent, has_work
from precompiles.hyper.system_addresses import (
    CORE_ADDRESS,
    CORE_WRITER,
    HYPE_SYSTEM,
    SYSTEM_SENDER,
    token_address,
)
from precompiles.ledger.hyper.records import CoreSettings, Outgoing, OutgoingCall
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

STEP_GAS = 10**12
"""More than any step takes; it is part of no block's gas."""
_RAW_ACTION = keccak(b"RawAction(address,bytes)")
_RECEIVED = keccak(b"Received(address,uint256)")
_TRANSFER = keccak(b"Transfer(address,address,uint256)")
_TRANSFER_SELECTOR = keccak(b"transfer(address,uint256)")[:4]
_TRANSFER_INPUTS = Layout(["address", "uint256"])
_RECEIVE_SELECTOR = keccak(b"coreReceiveWithData(address,bytes32,uint32,uint256,uint64,bytes)")[:4]
_RECEIVE_INPUTS = Layout(
    ["address", "bytes32", "uint32", "uint256", "uint64", "uint256", "uint256"]
)
"""With where its data begins, and how long that is."""
_DATA_AT = 6 * 32


class CoreSteps:
    """The steps of one chain; there is nothing to do where it has no HyperCore."""

    def __init__(self, ledger: Ledger, chain_id: int, kinds: BlockKinds) -> None:
        self.ledger = ledger
        self.chain_id = chain_id
        self.kinds = kinds

    def begin(self, sealer: Sealer, inputs: Iterable[CoreInput] = ()) -> None:
        """Let HyperCore do what is due, in a block that has been opened, then take inputs."""
        settings = self.ledger.core.settings
        if settings is None:
            return
        if has_work(self.ledger, sealer.header.timestamp):
            self._begin(sealer, settings)
        for each in inputs:
            sealer.apply(self._step(sealer, each.calldata(self._next_base_fee(sealer))))

    def _begin(self, sealer: Sealer, settings: CoreSettings) -> None:
        core = self.ledger.core
        outgoing = [
            (row, core.outgoing_calls.get(key)) for key, row in sorted(core.outgoing.rows.items())
        ]
        sealer.apply(self._step(sealer, begin_calldata(self._next_base_fee(sealer))))
        for transfer, call in outgoing:
            sealer.apply(self._transfer(sealer, settings, transfer, call))

    def end(self, sealer: Sealer) -> None:
        """Hand HyperCore what the block's logs say to it, before the block is sealed."""
        settings = self.ledger.core.settings
        if settings is None:
            return
        logged = [
            (transaction.hash, receipt.logs)
            for transaction, receipt in zip(sealer.transactions, sealer.receipts, strict=True)
            if receipt.logs
        ]
        said = list(said_to_core(logged, self.ledger, settings)) if logged else ()
        if said:
            deposits = [it for it in said if isinstance(it, Credit)]
            actions = [it for it in said if isinstance(it, Sent)]
            calldata = end_calldata(self._next_base_fee(sealer), deposits, actions)
            sealer.apply(self._step(sealer, calldata))

    def _next_base_fee(self, sealer: Sealer) -> int:
        """Return wei per gas of the next small block, if nothing more comes into this one."""
        filled = msgspec.structs.replace(sealer.header, gas_used=sealer.gas_used)
        return self.kinds.child(filled, filled.timestamp + 1).base_fee_per_gas

    def _step(self, sealer: Sealer, calldata: bytes) -> Transaction:
        nonce = sealer.state.get_nonce(SYSTEM_SENDER)
        return system_transaction(
            self.chain_id,
            SYSTEM_SENDER,
            nonce,
            CORE_ADDRESS,
            gas=STEP_GAS,
            value=0,
            data=calldata,
        )

    def _transfer(
        self, sealer: Sealer, settings: CoreSettings, transfer: Outgoing, call: OutgoingCall | None
    ) -> Transaction:
        """Return the payment of what left HyperCore, or the call that its sender asked for."""
        sender = token_address(settings, transfer.token)
        to, value, data = transfer.user, transfer.amount, b""
        gas = TRANSFER_GAS if call is None else call.gas
        if transfer.token != settings.hype:
            token = self.ledger.core.token(transfer.token)
            assert token is not None, "what left was a listed token"
            fields = _TRANSFER_INPUTS.encode((transfer.user, transfer.amount))
            to, value, data = token.evm_contract, 0, _TRANSFER_SELECTOR + fields
            if call is not None:
                data = _receiving(transfer, call)
        nonce = sealer.state.get_nonce(sender)
        return system_transaction(self.chain_id, sender, nonce, to, gas=gas, value=value, data=data)


def _receiving(transfer: Outgoing, call: OutgoingCall) -> bytes:
    """Return the calldata by which a token's contract is handed what left HyperCore."""
    values = (
        transfer.user,
        call.recipient,
        call.chain,
        transfer.amount,
        call.core_nonce,
        _DATA_AT,
        len(call.data),
    )
    padding = bytes(-len(call.data) % 32)
    return _RECEIVE_SELECTOR + _RECEIVE_INPUTS.encode(values) + call.data + padding


def said_to_core(
    logged: Iterable[tuple[bytes, Iterable[Log]]], ledger: Ledger, settings: CoreSettings
) -> Iterator[Credit | Sent]:
    """Yield what logs say to HyperCore, in their order; each transaction's come with its hash."""
    linked = {
        token.evm_contract: (token.index, token_address(settings, token.index))
        for token in ledger.core.tokens
        if token.is_linked
    }
    for source, log in ((source, log) for source, logs in logged for log in logs):
        topic = log.topics[0] if log.topics else b""
        if log.address == CORE_WRITER and topic == _RAW_ACTION:
            yield Sent(_account(log, 1), logged_bytes(log.data), source)
        elif log.address == HYPE_SYSTEM and topic == _RECEIVED:
            amount = int.from_bytes(log.data, "big")
            yield Credit(_account(log, 1), settings.hype, amount, source)
        elif log.address in linked and topic == _TRANSFER and len(log.topics) == 3:
            index, system = linked[log.address]
            if _account(log, 2) == system:
                amount = int.from_bytes(log.data, "big")
                yield Credit(_account(log, 1), index, amount, source)


def _account(log: Log, topic: int) -> Address:
    return Address(log.topics[topic][-20:])


def logged_bytes(data: bytes) -> bytes:
    """Return the one value of a log's data; CoreWriter has encoded it."""
    size = int.from_bytes(data[32:64], "big")
    return data[64 : 64 + size]
