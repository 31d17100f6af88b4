"""Looking at a chain that another process runs."""

from __future__ import annotations

from pathlib import Path

from evm_dex.chain.opening import open_chain
from evm_dex.dex import Dex


def open_beside(path: str | Path) -> Dex:
    """The chain at a path as it is now, read beside the process that holds it.

    It does not follow the writer, and refuses new blocks. Raises NotAStore, StoreDamaged,
    UntrustedStorage, ChainError.
    """
    from checkpoint.rocks.beside import BesideStore  # noqa: PLC0415 - loads the database

    store = BesideStore(path)
    try:
        return Dex(open_chain(store), store, None)
    except BaseException:
        store.close()
        raise
