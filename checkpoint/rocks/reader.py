"""Reading a store from its database; also one this process does not write, as a checkpoint's."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from checkpoint.errors import StoreDamaged, StoreFailed
from checkpoint.families import HEAD_KEY, Family
from checkpoint.head import Head
from checkpoint.layout import BINDING_NAME
from checkpoint.rocks.bookkeeping import Bookkeeping
from checkpoint.rocks.database import MOST_OPEN, Database
from checkpoint.rocks.wal import check_wal
from checkpoint.store import StoreReader

_HELD = Path("/proc/self/fd")
"""Linux's directory of a process's open files, each of which can be opened again."""


class DatabaseReader(StoreReader):
    """Reads that every store on disk has from its database."""

    _database: Database
    _head: Head | None
    bookkeeping: Bookkeeping

    def head(self) -> Head | None:
        return self._head

    def get(self, family: Family, key: bytes) -> bytes | None:
        return self._database.get(family, key)

    def iterate(
        self, family: Family, *, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        return self._database.iterate(family, prefix, max(prefix, start or b""))

    def _read_records(self) -> None:
        """Read head and bookkeeping, None and zeros if new. Raises WrongFormat, StoreDamaged."""
        head = self._database.get(Family.HEAD, HEAD_KEY)
        self._head = None if head is None else Head.decode(head)
        self.bookkeeping = Bookkeeping.read(self._database)


class RocksReader(DatabaseReader):
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
            links = opening.enter_context(_mirror(directory, is_written=is_written))
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
            self._read_records()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the files."""
        self._database.close()
        self._links.close()


@contextmanager
def _mirror(directory: Path, *, is_written: bool) -> Iterator[Path]:
    """Make a private directory of links to the files of a database.

    The binding writes a file of its own wherever it opens a database, even to read it. Opening
    reads the logs and, without a bound, opens every row file: nothing goes by the links afterwards.
    """
    try:
        links = Path(tempfile.mkdtemp(prefix="evm-dex-"))
    except OSError as error:
        raise StoreFailed(f"reading needs a temporary directory: {error}; set TMPDIR") from error
    try:
        with ExitStack() as held:
            if is_written and _HELD.is_dir():
                _mirror_moment(directory, links, held)
            else:
                for entry in _linked(directory):
                    (links / entry.name).symlink_to(entry.path)
            yield links
    except FileNotFoundError as error:
        raise StoreDamaged(f"the directory is missing: {error}", str(directory)) from error
    except OSError as error:
        raise StoreFailed(f"{directory}: {error}") from error
    finally:
        shutil.rmtree(links, ignore_errors=True)


def _linked(directory: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files of a database that opening it for reading needs."""
    for entry in os.scandir(directory.absolute()):
        if entry.name not in (BINDING_NAME, "LOCK") and not entry.name.startswith("LOG"):
            yield entry


def _mirror_moment(directory: Path, links: Path, held: ExitStack) -> None:
    """Mirror a database that is written meanwhile, as it is when its manifest is copied.

    The manifest names the row files of that moment. They were there before it was copied, or came
    just before, so files are held open around it; a held file can be opened again though its
    writer has removed it.
    """
    current = (directory / "CURRENT").read_bytes()
    named = re.fullmatch(rb"(MANIFEST-[0-9]+)\n", current)
    if named is None:
        raise StoreDamaged("it names no manifest", str(directory / "CURRENT"))
    manifest = named[1].decode()
    _hold(directory, links, held)
    (links / "CURRENT").write_bytes(current)
    shutil.copyfile(directory / manifest, links / manifest)
    _hold(directory, links, held)


def _hold(directory: Path, links: Path, held: ExitStack) -> None:
    """Open the files that are not held yet, and link to the open files."""
    for entry in _linked(directory):
        link = links / entry.name
        if link.is_symlink() or entry.name == "CURRENT" or entry.name.startswith("MANIFEST"):
            continue
        with suppress(FileNotFoundError):  # removed since it was listed
            file = os.open(entry.path, os.O_RDONLY)
            held.callback(os.close, file)
            link.symlink_to(_HELD / str(file))
