"""An archive that was altered, cut off, put together by somebody, or is something else."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak

from checkpoint.archive import container
from checkpoint.archive.container import HEAD_FIELDS, MAGIC, PREAMBLE, TRAILER
from checkpoint.archive.record_types import FORMAT, RowRecord, Section, StateKind, StateRecord
from checkpoint.errors import ArchiveDamaged, NotAnArchive, WrongFormat
from checkpoint.trie.account import Account
from tests.checkpoint.archive.archives import (
    Sections,
    big,
    export,
    filled,
    frame_starts,
    load,
    put_together,
    take_apart,
)

NAMES = {**{int(section): section.name.lower() for section in Section}, TRAILER: "trailer"}
FLIPS_PER_FRAME = 16


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """With several frames in its longest section."""
    path = tmp_path_factory.mktemp("damage") / "archive"
    _, store = big(9_000)
    export(store, path)
    assert len(frame_starts(path.read_bytes())) > 2 * len(Section) + 2
    return path.read_bytes()


def refused(archive: bytes, tmp_path: Path) -> ArchiveDamaged:
    """The error; nothing may be left of the import."""
    path = tmp_path / "archive"
    path.write_bytes(archive)
    with pytest.raises(ArchiveDamaged) as caught:
        load(path, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
    return caught.value


@pytest.mark.slow
def test_every_flipped_bit_is_noticed_and_its_section_named(archive: bytes, tmp_path: Path) -> None:
    """In each frame: every byte of its head, and some of its data, of which the last."""
    rng, starts = random.Random(1), frame_starts(archive)
    flips = 0
    for (start, section), (end, _) in zip(starts, [*starts[1:], (len(archive), 0)], strict=True):
        data = start + HEAD_FIELDS.size + container.DIGEST_BYTES
        inside = range(data, end)
        chosen = [start, start + 1, start + 8, *range(start + 9, start + 13), data - 32, data - 1]
        chosen += rng.sample(inside, min(FLIPS_PER_FRAME, len(inside)))
        chosen += [end - 1]
        for at in chosen:
            altered = bytearray(archive)
            altered[at] ^= 1 << rng.randrange(8)
            error = refused(bytes(altered), tmp_path)
            assert f"byte {start}" in error.where
            # A head whose section number was altered names another, or none there is.
            assert at == start or NAMES[section] in error.where
            flips += 1
    assert flips > 150


@pytest.mark.slow
def test_every_cut_is_noticed(archive: bytes, tmp_path: Path) -> None:
    """At each boundary, next to it, and inside."""
    rng = random.Random(2)
    boundaries = [start for start, _ in frame_starts(archive)]
    cuts = {0, 1, PREAMBLE.size - 1, len(archive) - 1, *rng.sample(range(len(archive)), 40)}
    for boundary in boundaries:
        cuts |= {boundary - 1, boundary, boundary + 1, boundary + HEAD_FIELDS.size}
    for cut in sorted(cuts):
        assert "ends" in refused(archive[:cut], tmp_path).what


@pytest.mark.slow
def test_frames_left_out_repeated_or_exchanged_are_noticed(archive: bytes, tmp_path: Path) -> None:
    starts = [start for start, _ in frame_starts(archive)] + [len(archive)]
    frames = [archive[a:b] for a, b in pairwise(starts)]
    preamble = archive[: PREAMBLE.size]
    for at in range(len(frames)):
        refused(preamble + b"".join(frames[:at] + frames[at + 1 :]), tmp_path)
        refused(preamble + b"".join([*frames[:at], frames[at], *frames[at:]]), tmp_path)
        if at:
            exchanged = [*frames[: at - 1], frames[at], frames[at - 1], *frames[at + 1 :]]
            refused(preamble + b"".join(exchanged), tmp_path)


def test_what_follows_the_end_is_noticed(archive: bytes, tmp_path: Path) -> None:
    assert "more follows" in refused(archive + b"\0", tmp_path).what


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip file", b"\0" * 99])
def test_another_kind_of_file_is_named_as_such(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(NotAnArchive, match="give a file that `evm-dex checkpoint export` wrote"):
        load(tmp_path / "other", tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize("version", [0, FORMAT + 1, 65535])
def test_other_formats_are_refused_naming_both(
    archive: bytes, tmp_path: Path, version: int
) -> None:
    other = PREAMBLE.pack(MAGIC, version) + archive[PREAMBLE.size :]
    (tmp_path / "other").write_bytes(other)
    with pytest.raises(WrongFormat, match=rf"format {version}, this program reads format {FORMAT}"):
        load(tmp_path / "other", tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_frame_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    head = HEAD_FIELDS.pack(Section.CHAIN, 1, container.MAX_FRAME_BYTES + 1)
    start = PREAMBLE.pack(MAGIC, FORMAT)
    assert "no frame is so large" in refused(start + head + bytes(100), tmp_path).what


def test_what_decompresses_to_too_much_is_not_decompressed() -> None:
    with pytest.raises(ValueError, match="claims to hold"):
        container.decompress(container.compress(bytes(container.MAX_FRAME_BYTES + 1)))
    for data in (b"", b"no frame", container.compress(b"x") + b"more", container.compress(b"")):
        with pytest.raises(ValueError, match=r"."):
            container.decompress(data)


# Archives whose checksums are right, but which are not the state of the block they claim.

Change = Callable[[Sections], Any]


def alter_row(sections: Sections) -> None:
    table, key, value = sections[Section.ROWS][3]
    sections[Section.ROWS][3] = RowRecord(table, key, value + b"\0")


def rename_row(sections: Sections) -> None:
    table, key, value = sections[Section.ROWS][-1]
    sections[Section.ROWS][-1] = RowRecord(table, key + b"\0", value)


def add_table(sections: Sections) -> None:
    sections[Section.ROWS].append(RowRecord(99, b"k", b"v"))


def claim_fewer_rows(sections: Sections) -> None:
    sections[Section.CHAIN][0] = sections[Section.CHAIN][0]._replace(counts=())


def drop_row(sections: Sections) -> None:
    del sections[Section.ROWS][0]
    chain = sections[Section.CHAIN][0]
    table = 1
    counts = tuple((at, count - (at == table)) for at, count in chain.counts)
    sections[Section.CHAIN][0] = chain._replace(counts=counts)


def reward(sections: Sections) -> None:
    """One more wei for an account without storage."""
    records = sections[Section.STATE]
    at = next(i for i, record in enumerate(records) if record.kind == StateKind.ACCOUNT)
    account = Account.decode(records[at].value)
    fields = [account.nonce, account.balance + 1, account.storage_root, account.code_hash]
    records[at] = StateRecord(StateKind.ACCOUNT, records[at].key, rlp.encode(fields))


def exchange_accounts(sections: Sections) -> None:
    """The first two, which have no storage."""
    records = sections[Section.STATE]
    records[:2] = records[1::-1]


def of_kind(kind: StateKind, sections: Sections) -> int:
    return next(i for i, r in enumerate(sections[Section.STATE]) if r.kind == kind)


def alter_slot(sections: Sections) -> None:
    at = of_kind(StateKind.SLOT, sections)
    record = sections[Section.STATE][at]
    sections[Section.STATE][at] = record._replace(value=rlp.encode(1))


def set_state(first: StateKind, **fields: Any) -> Change:
    def change(sections: Sections) -> None:
        at = of_kind(first, sections)
        sections[Section.STATE][at] = sections[Section.STATE][at]._replace(**fields)

    return change


def set_block(at: int, **fields: Any) -> Change:
    def change(sections: Sections) -> None:
        sections[Section.BLOCKS][at] = sections[Section.BLOCKS][at]._replace(**fields)

    return change


def set_chain(**fields: Any) -> Change:
    def change(sections: Sections) -> None:
        sections[Section.CHAIN][0] = sections[Section.CHAIN][0]._replace(**fields)

    return change


def reverse(section: Section) -> Change:
    return lambda sections: sections[section].reverse()


def empty(section: Section) -> Change:
    return lambda sections: sections[section].clear()


def add(section: Section, record: Any) -> Change:
    return lambda sections: sections[section].append(record)


FORGERIES: tuple[tuple[Change, str], ...] = (
    (alter_row, "section rows.* altered"),
    (rename_row, "section rows.* altered"),
    (drop_row, "section rows.* altered"),
    (add_table, "table 99 has 1 rows, not 0"),
    (claim_fewer_rows, r"table 1 has \d+ rows, not 0"),
    (reverse(Section.ROWS), "section rows.* out of order"),
    (add(Section.ROWS, RowRecord(300, b"k", b"v")), "table 300 .*no such row"),
    (add(Section.ROWS, (1, 2)), "section rows.* does not decode"),
    (reward, "accounts and storage have root"),
    (alter_slot, "account .*its storage has root"),
    (reverse(Section.STATE), "account .*its storage has root"),
    (exchange_accounts, "account .*out of order"),
    (empty(Section.STATE), "accounts and storage have root"),
    (set_state(StateKind.CODE, value=b"\xff"), "code .*its hash differs"),
    (set_state(StateKind.CODE, kind=9), "unknown kind 9"),
    (set_state(StateKind.CODE, kind=StateKind.SLOT), "account .*slot .*does not decode"),
    (set_state(StateKind.ACCOUNT, value=b"\xc0"), "account .*does not decode"),
    (set_state(StateKind.ACCOUNT, key=b"short"), "account .*wrong size"),
    (set_state(StateKind.SLOT, value=b""), "slot .*wrong size"),
    (
        set_state(StateKind.ACCOUNT, value=rlp.encode([1, 1, keccak(b"\x80"), bytes(32)])),
        "its code 0{64} does not come before it",
    ),
    (set_block(1, header=b"\x80"), "block 1: its header does not decode"),
    (set_block(1, header=b"\xff"), "block 1: its header does not decode"),
    (set_block(1, body=b"body 2 "), "block 1: its body is that of another block"),
    (set_block(2, height=3), "block 3: block 2 is due"),
    (reverse(Section.BLOCKS), "block 0 is due"),
    (lambda sections: sections[Section.BLOCKS].pop(), "block 5 is missing"),
    (empty(Section.BLOCKS), "block 0 is missing"),
    (set_chain(height=4), "block 4: its header has hash"),
    (set_chain(height=6), "block 6 is missing"),
    (set_chain(height=-1), "must name one block"),
    (set_chain(block_hash=bytes(32)), "block 5: its header has hash"),
    (set_chain(digest=bytes(32)), "section rows.* claims 0{64}"),
    (empty(Section.CHAIN), "section blocks: it comes before the chain"),
    (add(Section.CHAIN, (1, 0, b"", b"", ())), "must name one block"),
    (lambda sections: sections.update({9: [b"x"]}), "section 9: format 1 has no such section"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("change", "message"), FORGERIES)
def test_a_forged_archive_is_refused_by_what_it_contradicts(
    tmp_path: Path, change: Change, message: str
) -> None:
    _, store = filled(11, 6)
    export(store, tmp_path / "archive")
    sections = take_apart(tmp_path / "archive")
    change(sections)
    put_together(sections, tmp_path / "archive")
    with pytest.raises(ArchiveDamaged, match=message):
        load(tmp_path / "archive", tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_a_block_with_another_parent_or_of_another_height_is_refused(tmp_path: Path) -> None:
    _, store = filled(11, 6)
    export(store, tmp_path / "archive")
    for field, value, message in (
        (0, bytes(32), "is not its parent"),
        (8, b"\x09", "its header is that of block 9"),
    ):
        sections = take_apart(tmp_path / "archive")
        block = sections[Section.BLOCKS][2]
        header = rlp.decode(block.header)
        header[field] = value
        sections[Section.BLOCKS][2] = block._replace(header=rlp.encode(header))
        put_together(sections, tmp_path / "forged")
        with pytest.raises(ArchiveDamaged, match=f"block 2.*{message}"):
            load(tmp_path / "forged", tmp_path / "store")


def test_state_of_one_chain_with_rows_of_another_is_refused(tmp_path: Path) -> None:
    """Both whole and proven by themselves: only the ledger account's storage tells."""
    parts = []
    for seed in (1, 2):
        export(filled(seed, 4)[1], tmp_path / f"{seed}")
        parts.append(take_apart(tmp_path / f"{seed}"))
    first, second = parts
    chain, other = first[Section.CHAIN][0], second[Section.CHAIN][0]
    mixed = {**first, Section.ROWS: second[Section.ROWS]}
    mixed[Section.CHAIN] = [chain._replace(digest=other.digest, counts=other.counts)]
    put_together(mixed, tmp_path / "mixed")
    with pytest.raises(ArchiveDamaged, match="the ledger account's storage says"):
        load(tmp_path / "mixed", tmp_path / "store")
