"""Read access to a database directory that this process does not write, as a checkpoint's."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from checkpoint.errors import StoreDamaged, StoreError, StoreFailed
from checkpoint.families import HEAD_KEY, Family
from checkpoint.head import Head
from checkpoint.layout import BINDING_NAME
from checkpoint.rocks.bookkeeping import Bookkeeping
from checkpoint.rocks.database import MOST_OPEN, Database
from checkpoint.rocks.wal import check_wal
from checkpoint.store import StoreReader


class RocksReader(StoreReader):
    """A database directory as a store to read; changes none of its files."""

    def __init__(
        self, directory: Path, *, accept_loss: bool = False, is_written: bool = False
    ) -> None:
        """Open a database directory, not a store's root. Raises StoreDamaged, WrongFormat.

        It shows what is there now. `is_written` by another process, opening may fail or miss the
        last commits, see `checkpoint.rocks.read_only_store`; every row file is opened at once
        then, since the writer may remove it at any time.
        """
        self.directory = directory
        check_wal(directory)
        with ExitStack() as opening:
            links = opening.enter_context(_mirror(directory))
            is_small = is_written or sum(1 for _ in links.glob("*.sst")) <= MOST_OPEN
            self._database = Database(
                directory,
                read_only=True,
                accept_loss=accept_loss,
                by=links,
                most_open=-1 if is_small else MOST_OPEN,
            )
            self._links = ExitStack() if is_small else opening.pop_all()
        try:
            self._head = read_head(self._database)
            self.bookkeeping = Bookkeeping.read(self._database)
        except StoreError:
            self.close()
            raise

    def head(self) -> Head | None:
        return self._head

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._database.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._database.iterate(family, prefix, max(prefix, start or b""))

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()
        self._links.close()


@contextmanager
def _mirror(directory: Path) -> Iterator[Path]:
    """Make a private directory of links to the files of a database.

    The binding writes a file of its own wherever it opens a database, even to read it. Opening
    reads the logs and, without a bound, opens every row file: nothing goes by the links afterwards.
    """
    try:
        links = Path(tempfile.mkdtemp(prefix="evm-dex-"))
    except OSError as error:
        raise StoreFailed(f"reading needs a temporary directory: {error}; set TMPDIR") from error
    try:
        for entry in os.scandir(directory.absolute()):
            if entry.name not in (BINDING_NAME, "LOCK") and not entry.name.startswith("LOG"):
                (links / entry.name).symlink_to(entry.path)
        yield links
    except FileNotFoundError as error:
        raise StoreDamaged(f"the directory is missing: {error}", str(directory)) from error
    except OSError as error:
        raise StoreFailed(f"{directory}: {error}") from error
    finally:
        shutil.rmtree(links, ignore_errors=True)


def read_head(database: Database) -> Head | None:
    """Read the head record; None in a new database. Raises WrongFormat, StoreDamaged."""
    value = database.get(Family.HEAD, HEAD_KEY)
    return None if value is None else Head.decode(value)
