"""Whatever the record of ended rows says: another state is not opened, and nothing breaks.

The one thing taken on trust: who forges a row that ended, and the record with it, down to the inode
and time of each file, is found out by a proof in full and not by opening.
"""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import evm_dex
from checkpoint.families import Family, row_key
from checkpoint.record_codec import sign_record
from checkpoint.rocks.database import Database
from checkpoint.rocks.read_only_store import ReadOnlyStore
from checkpoint.rocks.reader import RocksReader
from checkpoint.verify import verify_store
from precompiles.ledger.commitment import SetHash, expand
from precompiles.ledger.spot import Order
from precompiles.ledger.storage import UntrustedStorage
from precompiles.ledger.table import TableNumber
from tests.damage.test_forged_stores import forge

WETH, USDC = 10**18, 10**6
ENDED, LIVE = ((number).to_bytes(8, "big") for number in (1, 5))
STRANGE: tuple[Any, ...] = (
    *(-1, 0, 1, 2**63, 2**70, None, True, 1.5, "", "00", "zz", [], {}, [[]], [[6, 1]]),
    *([[99, 3]], [[6, -4]], [["6", 1]], [[1, 1]], [["000009.sst", 1, 2, 3]], "ff" * 2048),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forged") / "chain"
    with evm_dex.open(path, checkpoint_interval=1_000) as dex:
        for number in range(8):
            dex.spot.send("placeOrder", dex.tokens["WETH"], WETH, (3_000 + number) * USDC, False)
        for order in range(1, 5):
            dex.spot.send("cancelOrder", order)
    return path


def fields_of(chain: Path) -> dict[str, Any]:
    fields = msgspec.json.decode((chain / "ended.json").read_bytes(), type=dict[str, Any])
    del fields["digest"]
    return fields


def write(chain: Path, fields: dict[str, Any]) -> None:
    (chain / "ended.json").write_bytes(sign_record(fields))


def made_to_fit(chain: Path, fields: dict[str, Any]) -> dict[str, Any]:
    """The record for the files that are there now."""
    files = [
        (file.name, status.st_ino, status.st_size, status.st_mtime_ns)
        for file in (chain / "db").iterdir()
        if file.suffix in (".sst", ".log") or file.name.startswith(("MANIFEST", "CURRENT"))
        for status in [file.stat()]
    ]
    return {**fields, "files": sorted(files), "later_logs": None}


def pricier(value: bytes) -> bytes:
    return msgspec.structs.replace(Order.decode(value), price=9_999 * USDC).encode()


def alter(chain: Path, key: bytes) -> tuple[bytes, bytes]:
    """Another price for an order; its row as it was and as it is."""
    place = row_key(TableNumber.ORDERS, key)
    with closing(RocksReader(chain / "db")) as reader:
        before = reader.get(Family.ROWS, place)
    assert before is not None
    after = pricier(before)
    forge(chain / "db", lambda _: {Family.ROWS: {place: after}})
    return before, after


def closed(chain: Path) -> dict[str, Any]:
    """The record that a clean end leaves."""
    with evm_dex.open(chain):
        pass
    return fields_of(chain)


@pytest.fixture
def ended(path: Path, tmp_path: Path) -> Path:
    """A copy that came to a clean end where it is."""
    copy = Path(shutil.copytree(path, tmp_path / "chain"))
    closed(copy)
    return copy


@pytest.mark.parametrize("key", [ENDED, LIVE], ids=["ended", "live"])
def test_an_altered_row_is_refused(ended: Path, key: bytes) -> None:
    alter(ended, key)
    for opening in (evm_dex.open, evm_dex.open_beside):
        with pytest.raises(UntrustedStorage, match="at least one was altered"):
            opening(ended)


def test_an_altered_live_row_is_refused_though_the_record_fits(ended: Path) -> None:
    fields = fields_of(ended)
    alter(ended, LIVE)
    write(ended, made_to_fit(ended, fields))
    for opening in (evm_dex.open_beside, evm_dex.open):
        with pytest.raises(UntrustedStorage, match="at least one was altered"):
            opening(ended)


def test_what_opening_trusts_a_proof_in_full_does_not(ended: Path) -> None:
    """An ended row; and a live one where the sum of the ended ones is bent to make up for it."""
    fields = fields_of(ended)
    alter(ended, ENDED)
    write(ended, made_to_fit(ended, fields))
    found_out(ended)


def test_a_sum_that_was_bent_is_found_out_by_a_proof_in_full(ended: Path) -> None:
    fields = fields_of(ended)
    before, after = alter(ended, LIVE)
    total = SetHash(bytes.fromhex(fields["accumulator"]))
    total.add([expand(TableNumber.ORDERS, LIVE, before)])
    total.remove([expand(TableNumber.ORDERS, LIVE, after)])
    write(ended, made_to_fit(ended, {**fields, "accumulator": total.accumulator().hex()}))
    found_out(ended)


def found_out(chain: Path) -> None:
    with evm_dex.open_beside(chain) as dex:
        assert not dex.chain.recovery.in_full, "the forgery is one that opening takes"
    with closing(ReadOnlyStore(chain)) as store:
        assert "at least one was altered" in (verify_store(store).difference or "")
    with pytest.raises(UntrustedStorage, match="at least one was altered"):
        evm_dex.open_beside(chain, prove=True)
    with pytest.raises(UntrustedStorage, match="at least one was altered"):
        evm_dex.open(chain, prove=True)


def test_a_hidden_live_row_is_refused(ended: Path) -> None:
    """Out of the index, and counted as ended."""
    fields = fields_of(ended)
    forge(ended / "db", lambda _: {Family.ACTIVE: {LIVE: None}})
    write(ended, made_to_fit(ended, {**fields, "counts": [[6, 5]]}))
    with evm_dex.open(ended) as dex:
        assert dex.chain.recovery.in_full
        assert len(dex.repairs) == 1
        assert dex.self_check() == []


@pytest.mark.parametrize("entry", [b"", b"\x06", bytes(8), ENDED, b"\x17" + LIVE, b"\xff" * 9])
def test_a_strange_index_is_repaired(ended: Path, entry: bytes) -> None:
    fields = fields_of(ended)
    forge(ended / "db", lambda _: {Family.ACTIVE: {entry: b""}})
    write(ended, made_to_fit(ended, fields))
    with evm_dex.open(ended) as dex:
        assert dex.chain.recovery.in_full
        assert len(dex.repairs) == 1
    with evm_dex.open(ended) as dex:
        assert (dex.repairs, dex.chain.recovery.in_full) == ((), False)


@pytest.mark.parametrize("seed", range(6))
def test_any_record_leads_to_the_same_state(ended: Path, seed: int) -> None:
    """Twenty forgeries a seed, each with its digest right and of the files that are there."""
    rng, fields = random.Random(seed), fields_of(ended)
    with evm_dex.open_beside(ended, prove=True) as dex:
        expected = dex.chain.ledger
        rows = {number: dict(table.rows) for number, table in expected.tables.items()}
        commitments = expected.commitment, expected.ended
    taken = 0
    for _ in range(20):
        forged = dict(fields)
        for name in rng.sample(sorted(forged), rng.choice((1, 1, 2))):
            forged[name] = bent(forged[name], rng)
        write(ended, forged)
        with evm_dex.open_beside(ended) as dex:
            found = dex.chain.ledger
            assert {n: dict(table.rows) for n, table in found.tables.items()} == rows
            assert (found.commitment, found.ended) == commitments
            taken += not dex.chain.recovery.in_full
    assert taken < 15, "most forgeries are noticed"


def bent(value: Any, rng: random.Random) -> Any:
    """Another value, mostly of the same kind."""
    if isinstance(value, int) and rng.random() < 0.6:
        return value + rng.choice((-1, 1, 7))
    if isinstance(value, str) and value and rng.random() < 0.6:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice("0123456789abcdef") + value[at + 1 :]
    if isinstance(value, list) and value and rng.random() < 0.6:
        at = rng.randrange(len(value))
        return [*value[:at], bent(value[at], rng), *value[at + 1 :]]
    return rng.choice(STRANGE)


def test_the_files_of_another_chain_do_not_fit(path: Path, ended: Path, tmp_path: Path) -> None:
    """The record of a chain that went on from here, over this one's files."""
    other = Path(shutil.copytree(path, tmp_path / "other"))
    with evm_dex.open(other) as dex:
        dex.spot.send("cancelOrder", 5)
    fields = fields_of(other)
    write(ended, made_to_fit(ended, fields))
    with evm_dex.open(ended) as dex:
        assert dex.chain.recovery.in_full
        assert dex.self_check() == []


def test_an_old_manifest_is_noticed(ended: Path) -> None:
    """RocksDB goes by what its file list says: one that was put back hides files."""
    fields = fields_of(ended)
    database = Database(ended / "db")
    database.close()
    assert fields["files"] != made_to_fit(ended, fields)["files"]
    with evm_dex.open_beside(ended) as dex:
        assert dex.chain.recovery.in_full
