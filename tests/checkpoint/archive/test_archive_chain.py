"""A real chain, exported and imported: it goes on as if nothing had been."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import evm_dex
from checkpoint.archive import export_archive, export_json_lines, import_archive
from checkpoint.archive.json_lines import readable
from checkpoint.archive.record_types import RECENT_BLOCKS, Section
from checkpoint.block_record import BlockRecord
from checkpoint.errors import ArchiveDamaged, StoreDamaged, UndoExpired
from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from checkpoint.trie.account import Account
from checkpoint.trie.walk import walk_trie
from evm_dex.blocks.body import decode_body, decode_receipts, encode_body, encode_receipts
from evm_dex.chain.block_proof import inspect_block
from evm_dex.client.dex import Dex
from evm_dex.errors import UnknownBlock
from evm_dex.node.log_query import find_logs, read_query
from evm_dex.node.request_limits import Limits
from evm_dex.node.rpc_errors import RpcError
from precompiles.ledger.table import TableNumber
from precompiles.types import PERP_ADDRESS, OrderStatus
from tests.chain.trading import transactions
from tests.checkpoint.archive.archives import inspect, put_together, take_apart
from tests.checkpoint.fake_chain import FakeChain
from tests.perp_world import FUNDS, LEVERAGE, PRICE, USDC, WETH, open_world

SEED = 8
BEFORE, AFTER = 24, 24


@pytest.fixture(scope="module")
def raws() -> tuple[bytes, ...]:
    return transactions(SEED, BEFORE + AFTER)


@pytest.fixture(scope="module")
def archive(raws: tuple[bytes, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a chain in memory after the first half of its transactions."""
    path = tmp_path_factory.mktemp("chain") / "archive"
    with evm_dex.open() as dex:
        for raw in raws[:BEFORE]:
            dex.send_raw(raw)
        export_archive(dex.store, path, inspect=inspect_block)
    return path


def test_the_same_transactions_lead_to_the_same_blocks(
    raws: tuple[bytes, ...], archive: Path, tmp_path: Path
) -> None:
    import_archive(archive, tmp_path / "chain", inspect=inspect_block)
    with evm_dex.open() as original, evm_dex.open(tmp_path / "chain") as imported:
        for raw in raws[:BEFORE]:
            original.send_raw(raw)
        assert imported.head == original.head
        assert imported.repairs == ()
        assert set(imported.tokens) == set(original.tokens)
        for raw in raws[BEFORE:]:
            original.send_raw(raw)
            imported.send_raw(raw)
            assert imported.head.hash == original.head.hash
        assert imported.self_check() == []
        assert imported.logs() == original.logs()
        assert dict(imported.store.iterate(Family.ROWS)) == dict(
            original.store.iterate(Family.ROWS)
        )
        for height in range(1, BEFORE + AFTER + 1):
            block = imported.block(height)
            assert block == original.block(height)
            for transaction_hash in block.transactions:
                assert imported.receipt(transaction_hash) == original.receipt(transaction_hash)


def test_positions_and_prices_of_the_perpetuals_exchange_travel_too(tmp_path: Path) -> None:
    with open_world() as world:
        trader = world.dex.accounts[1]
        world.deposit(trader, FUNDS)
        world.order(WETH, PRICE, is_buy=False)
        position = world.open(trader, LEVERAGE)
        export_archive(world.dex.store, tmp_path / "archive", inspect=inspect_block)
        import_archive(tmp_path / "archive", tmp_path / "chain", inspect=inspect_block)
        with evm_dex.open(tmp_path / "chain") as imported:
            for dex in (world.dex, imported):
                perp = dex.contract(PERP_ADDRESS, "IPerp")
                assert perp.call("getPosition", position).isOpen
                perp.send("setOraclePrice", world.weth, PRICE + USDC, sender=dex.accounts[9])
                perp.send("closePosition", position, sender=trader)
            assert imported.head == world.dex.head
            assert imported.self_check() == []
            export_json_lines(imported.store, tmp_path / "lines", inspect=inspect_block)
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    owners = {
        line["key"]: line["fields"]["owner"] for line in lines if line.get("table") == "positions"
    }
    assert owners[position] == f"0x{trader.address[2:].lower()}"


def test_books_are_kept_from_the_imported_block_on(archive: Path, tmp_path: Path) -> None:
    import_archive(archive, tmp_path / "chain", inspect=inspect_block)
    with evm_dex.open(tmp_path / "chain") as dex:
        weth, at = dex.tokens["WETH"], dex.head.number
        best = dex.spot.call("getBestPrices", weth)
        dex.mine(3)
        assert dex.spot.call("getBestPrices", weth, block=at) == best
        with pytest.raises(UndoExpired, match=f"oldest are those of block {at + 1}"):
            dex.spot.call("getBestPrices", weth, block=at - 1)


def test_blocks_that_did_not_travel_are_unknown_and_hashes_a_contract_asks_for_are_there(
    tmp_path: Path,
) -> None:
    # PUSH2 height, BLOCKHASH, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN
    with evm_dex.open() as original:
        original.mine(RECENT_BLOCKS + 40)
        first = original.head.number - RECENT_BLOCKS + 1
        export_archive(original.store, tmp_path / "archive", inspect=inspect_block)
        import_archive(tmp_path / "archive", tmp_path / "chain", inspect=inspect_block)
        with evm_dex.open(tmp_path / "chain") as imported:
            code = b"\x61" + first.to_bytes(2, "big") + bytes.fromhex("405f5260205ff3")
            assert imported.call(data=code) == original.call(data=code)
            assert imported.call(data=code) == original.block(first).hash
            assert imported.block(0) == original.block(0)
            assert imported.block(first) == original.block(first)
            expected = f"block {first - 1} is not in this store.*next it has is block {first}"
            with pytest.raises(UnknownBlock, match=expected):
                imported.block(first - 1)
            with pytest.raises(UnknownBlock, match="block 1 is not in this store"):
                imported.logs(from_block=1)
            assert imported.logs(from_block=first) == []


def test_logs_from_the_earliest_block_are_those_that_travelled(tmp_path: Path) -> None:
    """By the defaults of `Dex.logs`, and of eth_getLogs within the most blocks at once."""
    with evm_dex.open() as original:
        place_some(original, 2)
        original.mine(RECENT_BLOCKS)
        place_some(original, 2)
        export_archive(original.store, tmp_path / "archive", inspect=inspect_block)
        import_archive(tmp_path / "archive", tmp_path / "chain", inspect=inspect_block)
        first = original.head.number - RECENT_BLOCKS + 1
        with evm_dex.open(tmp_path / "chain") as imported:
            assert imported.logs() == original.logs(from_block=first)
            assert imported.logs()
            query = read_query({"fromBlock": "earliest", "toBlock": "latest"})
            limits = Limits(log_blocks=RECENT_BLOCKS)
            assert len(find_logs(imported.chain, limits, query)) == len(imported.logs())
            with pytest.raises(RpcError, match="at most"):
                find_logs(imported.chain, Limits(log_blocks=RECENT_BLOCKS - 1), query)


def place_some(dex: Dex, orders: int) -> None:
    for number in range(orders):
        dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, (3_000 + number) * 10**6, False)


def body_of(**changes: Any) -> Callable[[BlockRecord], BlockRecord]:
    def change(block: BlockRecord) -> BlockRecord:
        body = msgspec.structs.replace(decode_body(block.body), **changes)
        return block._replace(body=encode_body(body))

    return change


def first_transaction(**changes: Any) -> Callable[[BlockRecord], BlockRecord]:
    def change(block: BlockRecord) -> BlockRecord:
        stored = msgspec.structs.replace(decode_body(block.body).transactions[0], **changes)
        return body_of(transactions=(stored,))(block)

    return change


def more_gas_used(block: BlockRecord) -> BlockRecord:
    (receipt,) = decode_receipts(block.receipts)
    gas = receipt.cumulative_gas_used + 1
    receipt = msgspec.structs.replace(receipt, cumulative_gas_used=gas)
    return block._replace(receipts=encode_receipts((receipt,)))


@pytest.mark.parametrize(
    ("height", "change", "message"),
    [
        (3, body_of(transactions=()), "transactions are not those of its header"),
        (3, first_transaction(raw=b"\x02"), "transaction 0 does not decode"),
        (3, first_transaction(sender=bytes(20)), "not signed by 0x0{40}"),
        (3, more_gas_used, "receipts are not those of its header"),
        (3, lambda block: block._replace(receipts=encode_receipts(())), "0 receipts for 1"),
        (
            3,
            lambda block: block._replace(receipts=b"\x02"),
            "version must be 01, got 02",
        ),
        (3, lambda block: block._replace(body=b"\x01\xc1"), "block 3: "),
        (3, body_of(genesis=b"{}"), "which only the first block has"),
        (0, body_of(genesis=b"{}"), "genesis definition is not that of its header"),
        (0, body_of(genesis=b""), "genesis definition is not that of its header"),
    ],
)
def test_blocks_whose_parts_are_not_their_headers_are_refused(
    archive: Path,
    tmp_path: Path,
    height: int,
    change: Callable[[BlockRecord], BlockRecord],
    message: str,
) -> None:
    sections = take_apart(archive)
    sections[Section.BLOCKS][height] = change(sections[Section.BLOCKS][height])
    put_together(sections, tmp_path / "forged")
    with pytest.raises(ArchiveDamaged, match=message):
        import_archive(tmp_path / "forged", tmp_path / "chain", inspect=inspect_block)


def test_the_chain_id_is_held_against_the_genesis(archive: Path, tmp_path: Path) -> None:
    sections = take_apart(archive)
    sections[Section.CHAIN][0] = sections[Section.CHAIN][0]._replace(chain_id=1)
    put_together(sections, tmp_path / "forged")
    with pytest.raises(ArchiveDamaged, match="genesis is that of chain 31337, not of chain 1"):
        import_archive(tmp_path / "forged", tmp_path / "chain", inspect=inspect_block)


# JSON Lines


def test_json_lines_tell_the_whole_state(archive: Path, tmp_path: Path) -> None:
    import_archive(archive, tmp_path / "chain", inspect=inspect_block)
    summary = export_json_lines(tmp_path / "chain", tmp_path / "lines", inspect=inspect_block)
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_kind.setdefault(line["kind"], []).append(line)
    assert len(by_kind["header"]) == summary.blocks
    assert len(by_kind["account"]) == summary.accounts
    assert len(by_kind["storage"]) == summary.slots
    assert len(by_kind["row"]) == summary.rows
    assert by_kind["chain"][0]["block_hash"] == f"0x{summary.head.block_hash.hex()}"
    assert by_kind["header"][-1]["height"] == summary.head.height
    with evm_dex.open(tmp_path / "chain") as dex:
        _compare_rows(dex, by_kind["row"])
        walked = dict(walk_trie(dex.store, summary.head.state_root))
    for line in by_kind["account"]:
        account = Account.decode(walked[bytes.fromhex(line["address_hash"][2:])])
        assert int(line["balance"]) == account.balance
        assert int(line["nonce"]) == account.nonce


def _compare_rows(dex: evm_dex.Dex, rows: list[dict[str, Any]]) -> None:
    orders = {row["key"]: row["fields"] for row in rows if row["table"] == "orders"}
    assert len(orders) == dex.counts()["orders"]
    for order_id, fields in orders.items():
        order = dex.chain.ledger.spot_order(order_id)
        assert order is not None
        assert int(fields["amount"]) == order.amount
        assert fields["owner"] == f"0x{order.owner.hex()}"
        assert fields["status"] == OrderStatus(order.status).name.lower()
    for token, total in dex.chain.ledger.spot.tokens.rows.items():
        found = sum(
            int(row["fields"]["total"])
            for row in rows
            if row["table"] == "balances" and row["key"].startswith(f"0x{token.hex()}")
        )
        assert found == total.total


def test_values_are_exact_for_every_reader() -> None:
    struct = msgspec.defstruct("Pair", ["left", "right"])(b"\x01", (1, None))
    values = [2**53, 2**53 + 1, -(2**64), True, b"\xff", OrderStatus.FILLED, struct, {b"k": [0.5]}]
    assert readable(values) == [
        *(2**53, str(2**53 + 1), str(-(2**64)), True, "0xff", "filled"),
        *({"left": "0x01", "right": [1, None]}, {"0x6b": [0.5]}),
    ]


def test_rows_this_program_has_no_table_for_come_as_bytes_and_undecodable_ones_are_damage(
    tmp_path: Path,
) -> None:
    store, chain = MemoryStore(), FakeChain()
    store.write(chain.block({(200, b"k"): b"v"}))
    with closing(store):
        export_json_lines(store, tmp_path / "lines", inspect=inspect)
        last = json.loads((tmp_path / "lines").read_text().splitlines()[-1])
        assert last == {"kind": "row", "table": 200, "key": "0x6b", "value": "0x76"}
        store.write(chain.block({(TableNumber.TOKENS, bytes(20)): b"\x09"}))
        with pytest.raises(StoreDamaged, match=r"table 3, key 0{40}.*version 9"):
            export_json_lines(store, tmp_path / "more", inspect=inspect)
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]
