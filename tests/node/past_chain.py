"""The chain of ethereum/execution-apis' tests, behind our node's methods.

It has every fork from Homestead to Prague; our chain knows only Prague. So py-evm's own chain
imports it with full validation, into a store in our formats, and our chain goes on from its head.
What blocks before Prague have not, or have otherwise, is put right in `as_of_fork` alone.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import rlp
from eth.chains.base import Chain as PyEvmChain
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB

from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.memory_store import MemoryStore
from checkpoint.overlay_store import OverlayStore
from checkpoint.record_codec import encode_undo
from checkpoint.store import Store
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.body import (
    Body,
    StoredTransaction,
    encode_body,
    encode_position,
    encode_receipts,
)
from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log, Receipt
from evm_dex.chain.block_store import BlockId, BlockStore
from evm_dex.chain.chain import Chain
from evm_dex.evm.vm import build_vm
from evm_dex.node.methods.node_info import fork_id
from evm_dex.node.node import Node
from precompiles.factory import get_precompiles_with_storage
from precompiles.types import Address

TESTS = Path(__file__).parents[2].parent / "shared" / "data" / "execution-apis" / "tests"
_SECONDS = 12
"""From block to block, as the answers have it."""
_BYZANTIUM = 9
_PARIS = 36
"""Before it blocks are sealed by work, which these blocks only pretend to have done."""
_FORKS = (
    (0, "Homestead"),
    (3, "TangerineWhistle"),
    (6, "SpuriousDragon"),
    (9, "Byzantium"),
    (12, "Constantinople"),
    (15, "Petersburg"),
    (18, "Istanbul"),
    (21, "MuirGlacier"),
    (24, "Berlin"),
    (27, "London"),
    (30, "ArrowGlacier"),
    (33, "GrayGlacier"),
    (36, "Paris"),
    (39, "Shanghai"),
    (42, "Cancun"),
    (45, "Prague"),
)
_ADDED = (
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
"""Header fields that came with forks, in the order of the header's RLP list."""
_FRONTIER_FIELDS = 15
_HEADER_FIELDS = Header.__struct_fields__


class PastHistory(BlockStore):
    """Reads headers of all forks; fields that are not there yet are zero."""

    def header(self, block: BlockId, head: int) -> Header:
        block_hash = block if isinstance(block, bytes) else self._hash(block, head)
        encoded = self._store.get(Family.HEADERS, block_hash)
        if encoded is None:
            return super().header(block, head)
        return _past_header(encoded)


def _past_header(encoded: bytes) -> Header:
    items = rlp.decode(encoded)
    values: dict[str, Any] = {"base_fee_per_gas": 0}
    for name, item in zip(_HEADER_FIELDS, items, strict=False):
        is_number = Header.__annotations__[name] == "int"
        values[name] = int.from_bytes(item, "big") if is_number else item
    header = Header(**values)
    header.__dict__["encoded"] = encoded  # what its hash is made of
    return header


class PastChain:
    """The node over that chain, and what our formats can't tell of its older blocks."""

    def __init__(self) -> None:
        self._chain = _imported()
        self._head = self._chain.get_canonical_head()
        self.node = Node(self._our_chain(), cheats=False)

    def as_of_fork(self, result: Any) -> Any:
        """A block or receipt as the fork of its time has it."""
        if not isinstance(result, dict):
            return [self.as_of_fork(item) for item in result] if _is_list(result) else result
        if "current" in result:
            return {**result, "current": self._config_of_fork(result["current"])}
        if "parentHash" in result:
            return self._block_of_fork(result)
        height = int(result.get("blockNumber") or "0x0", 16)
        if "cumulativeGasUsed" in result and 0 < height < _BYZANTIUM:
            receipt = self._receipts(height)[int(result["transactionIndex"], 16)]
            kept = {name: value for name, value in result.items() if name != "status"}
            return {**kept, "root": "0x" + receipt.state_root.hex()}
        return result

    def _config_of_fork(self, result: dict[str, Any]) -> dict[str, Any]:
        """What came with the forks after Prague, by time: they change no block of the chain."""
        config = json.loads((TESTS / "genesis.json").read_text())["config"]
        forks = {config[name] for name in config if name.endswith(("Block", "Time"))}
        genesis: Any = self._chain.get_canonical_block_by_number(0)
        identity = fork_id(genesis.hash, sorted(forks - {0}))
        return {
            **result,
            "activationTime": config["bpo2Time"],
            "blobSchedule": config["blobSchedule"]["bpo2"],
            "forkId": "0x" + identity.hex(),
            "precompiles": {**result["precompiles"], "P256VERIFY": f"0x{0x100:040x}"},
        }

    def _block_of_fork(self, result: dict[str, Any]) -> dict[str, Any]:
        if int(result["number"], 16) > self._head.block_number:
            return result  # one that is simulated
        block: Any = self._chain.get_canonical_block_by_number(int(result["number"], 16))
        fields = len(rlp.decode(rlp.encode(block.header)))
        absent = set(_ADDED[fields - _FRONTIER_FIELDS :])
        found = {name: value for name, value in result.items() if name not in absent}
        if "withdrawalsRoot" in absent:
            del found["withdrawals"]
            found["size"] = hex(len(rlp.encode(block)))
        elif block.withdrawals:
            found["withdrawals"] = [_withdrawal(item) for item in block.withdrawals]
            found["size"] = hex(len(rlp.encode(block)))
        return found

    def _receipts(self, height: int) -> Any:
        block: Any = self._chain.get_canonical_block_by_number(height)
        return block.get_receipts(self._chain.chaindb)

    def _our_chain(self) -> Chain:
        store = MemoryStore()
        precompiles = get_precompiles_with_storage(store)
        ledger = precompiles.ledger
        batch = BlockBatch()
        nodes: Any = self._chain.chaindb.db
        for key, value in nodes.wrapped_db.kv_store.items():
            batch.put(Family.NODES, key, value)
        for height in range(self._head.block_number + 1):
            self._put_block(batch, height)
        head = self._head
        batch.set_head(
            Head(
                self._chain.chain_id,
                head.block_number,
                head.hash,
                head.state_root,
                ledger.commitment,
            )
        )
        store.write(batch)
        store._oldest_undo = 1
        return self._opened(store, ledger)

    def _opened(self, store: Store, ledger: Any) -> Chain:
        staged = OverlayStore(store)
        chain = Chain(staged, build_vm({}, ledger), ledger, automine=False)
        chain._blocks = PastHistory(staged)
        chain.settings.set_interval(_SECONDS)
        return chain

    def _put_block(self, batch: BlockBatch, height: int) -> None:
        block: Any = self._chain.get_canonical_block_by_number(height)
        header = block.header
        stored = tuple(
            StoredTransaction(item.encode(), Address(item.sender)) for item in block.transactions
        )
        batch.put(Family.HEADERS, header.hash, rlp.encode(header))
        batch.put(Family.BODIES, header.hash, encode_body(Body(stored)))
        receipts = tuple(_receipt(item) for item in self._receipts(height))
        batch.put(Family.RECEIPTS, header.hash, encode_receipts(receipts))
        batch.put(Family.HASHES, height_key(height), header.hash)
        batch.put(Family.UNDO, height_key(height), encode_undo(()))  # there is no exchange on it
        for index, item in enumerate(block.transactions):
            batch.put(Family.TRANSACTIONS, item.hash, encode_position(height, index))


def _imported() -> Any:
    genesis = json.loads((TESTS / "genesis.json").read_text())
    chain_class: Any = PyEvmChain.configure(
        vm_configuration=tuple((height, _vm(height, name)) for height, name in _FORKS),
        chain_id=genesis["config"]["chainId"],
    )
    params = {
        "difficulty": int(genesis["difficulty"], 16),
        "gas_limit": int(genesis["gasLimit"], 16),
        "timestamp": int(genesis["timestamp"], 16),
        "extra_data": _bytes(genesis["extraData"]),
        "nonce": _bytes(genesis["nonce"]).rjust(8, b"\0"),
        "mix_hash": _bytes(genesis["mixHash"]),
        "coinbase": _bytes(genesis["coinbase"]),
    }
    state = {
        _bytes(address): {
            "balance": int(account.get("balance", "0x0"), 16),
            "nonce": int(account.get("nonce", "0x0"), 16),
            "code": _bytes(account.get("code", "0x")),
            "storage": {
                int(slot, 16): int(value, 16) for slot, value in account.get("storage", {}).items()
            },
        }
        for address, account in genesis["alloc"].items()
    }
    chain = chain_class.from_genesis(AtomicDB(), params, state)
    encoded, at = (TESTS / "chain.rlp").read_bytes(), 0
    while at < len(encoded):
        _, _, length, start = rlp.codec.consume_length_prefix(encoded, at)
        block_class = chain.get_vm_class_for_block_number(
            chain.get_canonical_head().block_number + 1
        ).get_block_class()
        chain.import_block(rlp.decode(encoded[at : start + length], block_class))
        at = start + length
    return chain


def _vm(height: int, name: str) -> Any:
    forks: Any = import_module("eth.vm.forks")
    vm = getattr(forks, f"{name}VM")
    if height == 0:
        vm = vm.configure(support_dao_fork=False)
    return vm.configure(consensus_class=NoProofConsensus) if height < _PARIS else vm


def _receipt(receipt: Any) -> Receipt:
    logs = tuple(
        Log(Address(log.address), tuple(it.to_bytes(32, "big") for it in log.topics), log.data)
        for log in receipt.logs
    )
    return Receipt(receipt.state_root != b"", receipt.gas_used, logs, b"", "")


def _withdrawal(item: Any) -> dict[str, str]:
    return {
        "index": hex(item.index),
        "validatorIndex": hex(item.validator_index),
        "address": "0x" + item.address.hex(),
        "amount": hex(item.amount),
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _bytes(text: str) -> bytes:
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))
