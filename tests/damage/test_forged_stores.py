"""What somebody put into a store or checkpoint, with every digest right, is refused by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from eth_hash.auto import keccak

import evm_dex
from checkpoint.chain_identity import read_identity
from checkpoint.errors import StoreDamaged, StoreError
from checkpoint.families import Family, height_key
from checkpoint.head import Head
from checkpoint.manifest import Manifest, describe_files, list_checkpoints, read_checkpoint
from checkpoint.restore import restore, restore_to, verify_checkpoint
from checkpoint.retention import Retention, read_retention, resolve_retention
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import Database
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.reader import RocksReader
from checkpoint.verify import verify_store
from evm_dex.chain.block_proof import inspect_block

Changes = dict[str, dict[bytes, bytes | None]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "chain"
    trade(path)
    return path


@pytest.fixture
def chain(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "chain"))


def trade(path: Path) -> None:
    with evm_dex.open(path, checkpoint_interval=3) as dex:
        for number in range(7):
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**18, (3000 + number) * 10**6, False)


def begin_another(path: Path) -> None:
    """With another genesis, and the same chain id and heights."""
    genesis = {"timestamp": 1_700_000_001}
    with evm_dex.open(path, checkpoint_interval=3, genesis=genesis) as dex:
        for _ in range(7):
            dex.mine()


def forge(database: Path, change: Callable[[RocksReader], Changes]) -> None:
    """Write to a database past all checks; a checkpoint's manifest is made anew to fit."""
    with closing(RocksReader(database)) as reader:
        changes = change(reader)
    opened = Database(database)
    opened.write(changes, sync=True)
    opened.close()
    manifest = database.parent / "manifest.json"
    if manifest.exists():
        told = Manifest.decode(manifest.read_bytes(), "manifest")
        with closing(RocksReader(database)) as reader:
            head = reader.head()
        assert head is not None
        told = msgspec.structs.replace(
            told,
            height=head.height,
            block_hash=head.block_hash.hex(),
            files=describe_files(database, None),
        )
        manifest.write_bytes(told.encode())


def hash_at(reader: RocksReader, height: int) -> bytes:
    found = reader.get(Family.HASHES, height_key(height))
    assert found is not None
    return found


def swapped(family: Family) -> Callable[[RocksReader], Changes]:
    def change(reader: RocksReader) -> Changes:
        one, other = hash_at(reader, 1), hash_at(reader, 2)
        return {family: {one: reader.get(family, other), other: reader.get(family, one)}}

    return change


def another_header(reader: RocksReader) -> Changes:
    block_hash = hash_at(reader, 2)
    header = reader.get(Family.HEADERS, block_hash)
    assert header is not None
    return {Family.HEADERS: {block_hash: header[:-1] + bytes((header[-1] ^ 1,))}}


def another_place(reader: RocksReader) -> Changes:
    one, other = hash_at(reader, 1), hash_at(reader, 2)
    return {Family.HASHES: {height_key(1): other, height_key(2): one}}


def another_transaction_place(reader: RocksReader) -> Changes:
    key, _ = next(reader.iterate(Family.TRANSACTIONS))
    return {Family.TRANSACTIONS: {key: height_key(1) + b"\0\0\0\7"}}


def more_headers(_: RocksReader) -> Changes:
    return {Family.HEADERS: {keccak(b"header"): b"header"}}


def another_node(reader: RocksReader) -> Changes:
    """One that no proof of the rows goes by: any of those that the state root does not name."""
    head = reader.head()
    assert head is not None
    nodes = [key for key, value in reader.iterate(Family.NODES) if len(value) > 100]
    return {Family.NODES: {key: b"\xc0" for key in nodes if key != head.state_root}}


def invented_height(reader: RocksReader) -> Changes:
    head = reader.head()
    assert head is not None
    higher = Head(head.chain_id, 5, head.block_hash, head.state_root, head.commitment)
    hashes: dict[bytes, bytes | None] = {
        height_key(height): head.block_hash if height == 5 else hash_at(reader, min(height, 3))
        for height in range(6)
    }
    return {Family.HEAD: {b"head": higher.encode()}, Family.HASHES: hashes}


DEEP = [
    (swapped(Family.BODIES), "block 1: its transactions are not those"),
    (swapped(Family.RECEIPTS), "block 1: its receipts are not those"),
    (another_header, "block 2: its header is missing or another one"),
    (another_place, "block 1: its header is that of block 2"),
    (another_transaction_place, "is not listed there"),
    (more_headers, "family headers has"),
    (another_node, "node"),
]


@pytest.mark.parametrize(("change", "message"), DEEP)
def test_deep_verification_finds_what_the_head_does_not_prove(
    chain: Path, change: Callable[[RocksReader], Changes], message: str
) -> None:
    with closing(ReadOnlyStore(chain)) as store:
        assert verify_store(store, deep=True, inspect=inspect_block).difference is None
    forge(chain / "db", change)
    with closing(ReadOnlyStore(chain)) as store:
        found = verify_store(store, deep=True, inspect=inspect_block).difference
    assert message in (found or "nothing found")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (another_header, "block 2: its header is missing or another one"),
        (another_place, "block 1: its header is that of block 2"),
        (more_headers, "family headers has"),
        (another_node, "node"),
        (invented_height, r"height"),
    ],
)
def test_a_forged_checkpoint_is_not_restored(
    chain: Path, change: Callable[[RocksReader], Changes], message: str
) -> None:
    place = chain / "checkpoints" / "000000000003"
    forge(place / "db", change)
    height = 3
    if change is invented_height:
        place = place.rename(place.with_name("000000000005"))
        height = 5
    assert read_checkpoint(place).problem is None, "its manifest was made to fit"
    with pytest.raises(StoreDamaged, match=message):
        restore(chain, height)
    with pytest.raises(StoreDamaged, match=message):
        restore_to(chain, chain.parent / "branch", height)
    assert not (chain.parent / "branch").exists()
    with evm_dex.open(chain) as dex:
        assert dex.head.number == 7


@pytest.mark.parametrize("has_record", [True, False], ids=["recorded", "by its database"])
def test_a_checkpoint_of_another_chain_is_not_restored(
    chain: Path, tmp_path: Path, has_record: bool
) -> None:
    other = tmp_path / "other"
    begin_another(other)
    if not has_record:
        (chain / "chain.json").unlink()
    shutil.rmtree(chain / "checkpoints" / "000000000003")
    shutil.copytree(other / "checkpoints" / "000000000003", chain / "checkpoints" / "000000000003")
    with pytest.raises(StoreDamaged, match="with genesis"):
        restore(chain, 3)
    with pytest.raises(StoreDamaged, match="with genesis"):
        restore_to(chain, tmp_path / "branch", 3)
    if has_record:
        (info,) = [info for info in list_checkpoints(chain) if info.height == 3]
        with pytest.raises(StoreDamaged, match="with genesis"):
            verify_checkpoint(info)
    restore(chain, 6)


def test_a_database_of_another_chain_is_not_opened(chain: Path, tmp_path: Path) -> None:
    """Though it went further than the last commit here, so that nothing is missed."""
    other = tmp_path / "other"
    begin_another(other)
    with evm_dex.open(other) as dex:
        dex.mine(9)
    shutil.rmtree(chain / "db")
    shutil.copytree(other / "db", chain / "db")
    with pytest.raises(StoreDamaged, match="with genesis"):
        evm_dex.open(chain)
    with pytest.raises(StoreDamaged, match="with genesis"):
        evm_dex.open_beside(chain)
    assert restore(chain).height == 6


def test_a_chain_without_a_record_gets_one(chain: Path) -> None:
    """As chains have that were begun before there was one."""
    record = read_identity(chain / "chain.json")
    (chain / "chain.json").unlink()
    with evm_dex.open(chain) as dex:
        assert record is not None
        assert record.genesis == dex.chain.header(0).hash
    assert read_identity(chain / "chain.json") == record


@pytest.mark.parametrize("name", ["chain.json", "retention.json"])
def test_every_flipped_bit_of_a_record_is_noticed(chain: Path, name: str) -> None:
    content = (chain / name).read_bytes()
    for bit in range(0, 8 * (len(content) - 1)):
        altered = bytearray(content)
        altered[bit // 8] ^= 1 << bit % 8
        (chain / name).write_bytes(altered)
        read: Callable[[Path], object] = read_identity if name == "chain.json" else read_retention
        with pytest.raises(StoreError, match=name):
            read(chain / name)


def test_retention_of_version_1_is_read(tmp_path: Path) -> None:
    record = tmp_path / "retention.json"
    record.write_bytes(b'{"version":1,"interval":7,"keep":9}\n')
    assert read_retention(record) == Retention(7, 9)
    assert resolve_retention(record, None, None) == Retention(7, 9)
    assert b'"version":2' in record.read_bytes()
    assert read_retention(record) == Retention(7, 9)


def test_a_manifest_may_not_name_files_elsewhere(chain: Path) -> None:
    place = chain / "checkpoints" / "000000000003"
    told = Manifest.decode((place / "manifest.json").read_bytes(), "manifest")
    outside = msgspec.structs.replace(told.files[0], name="../../../secret")
    forged = msgspec.structs.replace(told, files=(*told.files, outside))
    (place / "manifest.json").write_bytes(forged.encode())
    assert "must be named without folders" in (read_checkpoint(place).problem or "")


def test_a_store_of_its_own_keeps_its_record(chain: Path, tmp_path: Path) -> None:
    restore_to(chain, tmp_path / "branch", 3)
    assert read_identity(tmp_path / "branch" / "chain.json") == read_identity(chain / "chain.json")
    with closing(RocksStore(tmp_path / "branch")) as store:
        assert store.head() is not None
