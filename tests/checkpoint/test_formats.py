"""Stored forms: samples written by earlier versions must be read by this one, for ever."""

from __future__ import annotations

import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from checkpoint.commit_marker import Commit
from checkpoint.errors import OtherVersion, StoreDamaged, WrongFormat
from checkpoint.families import Family, height_key, height_of, row_key
from checkpoint.head import Head
from checkpoint.manifest import CheckpointFile, Manifest
from checkpoint.record_codec import decode_undo, encode_undo
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore
from checkpoint.rocks.bookkeeping import Bookkeeping
from precompiles.ledger.storage import Commitment, RowChange

SAMPLES = Path(__file__).parent / "samples"
HASH = bytes(range(32))
HEAD = Head(
    chain_id=1337,
    height=70_000,
    block_hash=HASH,
    state_root=bytes(range(32, 64)),
    commitment=Commitment(bytes(i * 7 % 256 for i in range(2048)), {6: 100_000, 1: 1, 5: 3}),
)
CHANGES = (
    RowChange(6, b"order", None, b"x"),
    RowChange(5, bytes(40), b"", None),
    RowChange(255, b"", b"\x01old", b"y"),
)
MANIFEST = Manifest(
    format=1,
    chain_id=1337,
    height=70_000,
    block_hash=HASH.hex(),
    state_root=bytes(range(32, 64)).hex(),
    digest=bytes(range(64, 96)).hex(),
    rows={"1": 1, "5": 3, "6": 100_000},
    sequence=70_002,
    made_at="2026-01-02T03:04:05+00:00",
    versions={"python": "3.11.7", "rocksdict": "0.3.29"},
    files=(
        CheckpointFile("000012.sst", 4096, HASH.hex()),
        CheckpointFile("CURRENT", 16, bytes(range(1, 33)).hex()),
    ),
)


def sample(name: str) -> bytes:
    return bytes.fromhex((SAMPLES / name).read_text())


def test_a_database_of_another_version_is_said_to_be_one(tmp_path: Path) -> None:
    """One without a family that this version has, as those before it left them."""
    RocksStore(tmp_path).close()
    families = {str(family): Options(raw_mode=True) for family in Family}
    database = Rdict(str(tmp_path / "db"), Options(raw_mode=True), families)
    database.drop_column_family(str(Family.EVENTS))
    database.close()
    with pytest.raises(OtherVersion, match=r"another version .*events.* open it with that one"):
        RocksStore(tmp_path)


def test_keys_keep_their_layout() -> None:
    assert row_key(6, b"\x01\x02") == b"\x06\x01\x02"
    assert height_key(70_000) == b"\x00\x00\x00\x00\x00\x01\x11\x70"
    assert height_of(height_key(70_000)) == 70_000


def test_head_of_format_1_is_read_and_still_written_the_same() -> None:
    assert Head.decode(sample("head-1.hex")) == HEAD
    assert HEAD.encode() == sample("head-1.hex")


def test_head_does_not_depend_on_the_order_of_its_counts() -> None:
    counts = dict(sorted(HEAD.commitment.counts.items(), reverse=True))
    other = Commitment(HEAD.commitment.accumulator, counts)
    assert Head(1337, 70_000, HASH, HEAD.state_root, other).encode() == HEAD.encode()


def test_undo_row_of_version_1_is_read_and_still_written_the_same() -> None:
    expected = tuple(RowChange(change.table, change.key, change.old, None) for change in CHANGES)
    assert decode_undo(sample("undo-1.hex"), 9) == expected
    assert encode_undo(CHANGES) == sample("undo-1.hex")


def test_witness_of_version_1_is_read_and_still_written_the_same() -> None:
    assert Commit.decode(sample("witness-1.hex")) == Commit(2**40, 70_000, HASH)
    assert Commit(2**40, 70_000, HASH).encode() == sample("witness-1.hex")


def test_bookkeeping_of_version_1_is_read_and_still_written_the_same() -> None:
    for name, expected in (("1", Bookkeeping(2**40, 70_000)), ("1-empty", Bookkeeping(3, None))):
        stored = sample(f"bookkeeping-{name}.hex")
        assert Bookkeeping.decode(stored) == expected
        assert expected.encode() == stored


def test_manifest_of_format_1_is_read_and_still_written_the_same() -> None:
    stored = (SAMPLES / "manifest-1.json").read_bytes()
    assert Manifest.decode(stored, "sample") == MANIFEST
    assert MANIFEST.encode() == stored


def test_checkpoint_of_format_1_is_restored_and_proven(tmp_path: Path) -> None:
    """A whole checkpoint written by an earlier version, RocksDB's files included."""
    with tarfile.open(SAMPLES / "checkpoint-1.tar.xz") as archive:
        # not `filter="data"`, which Python 3.11 has from 3.11.4 on
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    assert restore(tmp_path).height == 3
    with closing(RocksStore(tmp_path, chain_id=1337)) as store:
        head = store.head()
        assert head is not None
        assert head.block_hash.hex().startswith("c341035b3324bc21a5")
        assert head.commitment.counts == {1: 8, 5: 9, 6: 9}
        assert {family for family in Family if any(store.iterate(family))} == set(Family) - {
            Family.ORIGIN
        }
        assert store.undo(0)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_other_formats_are_refused_by_name(version: int) -> None:
    head = bytes((version,)) + sample("head-1.hex")[1:]
    with pytest.raises(WrongFormat, match=rf"head.*format {version}, this program reads format 1"):
        Head.decode(head)
    undo = bytes((version,)) + sample("undo-1.hex")[1:]
    with pytest.raises(WrongFormat, match=rf"block 9 .*format {version}"):
        decode_undo(undo, 9)
    with pytest.raises(WrongFormat, match=rf"bookkeeping .*format {version}"):
        Bookkeeping.decode(bytes((version,)) + sample("bookkeeping-1.hex")[1:])
    manifest = (SAMPLES / "manifest-1.json").read_bytes()
    other = manifest.replace(b'"format": 1', b'"format": %d' % version)
    with pytest.raises(WrongFormat, match=rf"sample has format {version}"):
        Manifest.decode(other, "sample")


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01\xc0", b"\x01\xc1", b"\x01\x90"])
def test_records_that_do_not_decode_are_damage(value: bytes) -> None:
    with pytest.raises((StoreDamaged, WrongFormat)):
        Head.decode(value)


def test_every_cut_off_head_is_refused() -> None:
    stored = sample("head-1.hex")
    for length in range(len(stored)):
        with pytest.raises((StoreDamaged, WrongFormat)):
            Head.decode(stored[:length])


def test_head_with_a_field_of_wrong_size_is_refused() -> None:
    short = Head(1, 1, HASH[:31], HASH, HEAD.commitment)
    with pytest.raises(StoreDamaged, match="size"):
        Head.decode(short.encode())


def test_every_flipped_bit_of_a_witness_is_noticed() -> None:
    stored = sample("witness-1.hex")
    for bit in range(8 * len(stored)):
        torn = bytearray(stored)
        torn[bit // 8] ^= 1 << bit % 8
        assert Commit.decode(bytes(torn)) is None


def test_any_altered_fact_of_a_manifest_is_noticed() -> None:
    stored = (SAMPLES / "manifest-1.json").read_bytes()
    for old, new in ((b"70000", b"70001"), (b"4096", b"4097"), (b'"6": 1', b'"6": 2')):
        with pytest.raises(StoreDamaged, match="altered"):
            Manifest.decode(stored.replace(old, new), "sample")


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": 1}'])
def test_what_is_no_manifest_is_refused(value: bytes) -> None:
    with pytest.raises((StoreDamaged, WrongFormat)):
        Manifest.decode(value, "sample")
