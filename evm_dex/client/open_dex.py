"""Opening a chain as a Python object, in memory or at a path."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoint.memory_store import MemoryStore
from checkpoint.store import Store
from evm_dex.chain.genesis.genesis_file import GenesisSource, profile_genesis
from evm_dex.chain.open_chain import open_chain
from evm_dex.chain.replicated_chain import ReplicatedChain
from evm_dex.client.dex import Dex
from evm_dex.origin.fork import Fork, read_fork
from precompiles.factory import get_precompiles_with_storage

if TYPE_CHECKING:
    from checkpoint.manager import CheckpointManager
    from checkpoint.rocks import SyncPolicy


def open_dex(
    path: str | Path | None = None,
    *,
    genesis: GenesisSource | None = None,
    profile: str | None = None,
    checkpoint_interval: int | None = None,
    keep_checkpoints: int | None = None,
    automine: bool = True,
    sync: SyncPolicy = "never",
    keep_limit: int = 0,
    history: bool | None = None,
    balance_log: bool | None = None,
    accept_loss: bool = False,
    prove: bool = False,
    fork: str | Fork | None = None,
    fork_block: int | None = None,
) -> Dex:
    """Open a chain in memory or at a path; a chain that is there goes on at its head.

    - `genesis`: a TOML or JSON file, or a dict. An empty store without one begins with two tokens
      and a spot and a perpetual market.
    - `profile`: "hyperevm" or "hyperevm-testnet", for the genesis of HyperEVM with HyperCore
      (docs/hyperevm.md).
    - `checkpoint_interval`, `keep_checkpoints`: blocks between checkpoints, and how many of them
      stay. By default as last time, at first 1000 and 10; a chain in memory has none.
    - `automine`: put each transaction into a block of its own at once.
    - `sync`: when blocks are forced to the disk: "never" (a killed process loses nothing, a power
      failure may), "block", or every k blocks.
    - `keep_limit`: most triggers and liquidations that the keeper fires at the head of a block; 0
      for no keeper.
    - `history`: record what happens to orders (docs/history.md). By default as last time, at first
      on; what happens while it is off is not made up for.
    - `balance_log`: log balances with a version (`chain.outbox.balances`). By default as last time,
      at first off.
    - `accept_loss`: open a store whose last blocks are lost with the end of its log.
    - `fork`: go on from a block of another chain, by the URL of its node or with more options as a
      `Fork` (docs/forks.md). At a path what was fetched stays, and is there without that node.
    - `fork_block`: height of that block; by default the newest.
    - `prove`: read the rows of ended orders and positions too, where they are as the last run left
      them.

    Raises GenesisError, OriginError, StoreError, UntrustedStorage, ChainError, and ValueError for
    options that contradict each other; nothing is left open.
    """
    if profile is not None:
        if genesis is not None:
            raise ValueError("a profile is a genesis: give one of the two")
        genesis = profile_genesis(profile)
    if fork is None and fork_block is not None:
        raise ValueError("a fork_block is a block of a chain to fork: give its URL as fork too")
    origin = None if fork is None else read_fork(fork, fork_block)
    if path is None:
        store: Store = MemoryStore()
        dex = _opened(store, None, genesis, automine, keep_limit, prove, origin)
        return _recording(dex, history, balance_log)
    # Only a chain on disk pays for loading the database.
    from checkpoint.manager import CheckpointManager  # noqa: PLC0415 - see above
    from checkpoint.rocks import RocksStore  # noqa: PLC0415 - see above

    on_disk = RocksStore(path, sync=sync, accept_loss=accept_loss)
    try:
        manager = CheckpointManager(on_disk, checkpoint_interval, keep_checkpoints)
    except BaseException:
        on_disk.close()
        raise
    dex = _opened(on_disk, manager, genesis, automine, keep_limit, prove, origin)
    return _recording(dex, history, balance_log)


def open_replicated(
    path: str | Path, *, genesis: GenesisSource, checkpoint_interval: int | None = None
) -> Dex:
    """Open the chain at a path as a validator does: it goes on by decided blocks alone.

    Its `chain` is a ReplicatedChain. Raises like `open_dex`.
    """
    from checkpoint.manager import CheckpointManager  # noqa: PLC0415 - loads the database
    from checkpoint.rocks import RocksStore  # noqa: PLC0415 - as above

    store = RocksStore(path)
    try:
        manager = CheckpointManager(store, checkpoint_interval)
        chain = open_chain(store, genesis, automine=False, kind=ReplicatedChain)
    except BaseException:
        store.close()
        raise
    return _recording(Dex(chain, store, manager), None, None)


def open_beside(path: str | Path, *, prove: bool = False) -> Dex:
    """Open the chain at a path as it is now, read beside the process that holds it.

    It does not follow the writer, and refuses new blocks. `prove` as for `open_dex`. Raises
    NotAStore, StoreDamaged, UntrustedStorage, ChainError.
    """
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database

    return _opened(ReadOnlyStore(path), None, None, automine=True, prove=prove)


def _opened(
    store: Store,
    manager: CheckpointManager | None,
    genesis: GenesisSource | None,
    automine: bool,
    keep_limit: int = 0,
    prove: bool = False,
    fork: Fork | None = None,
) -> Dex:
    restore = partial(get_precompiles_with_storage, in_full=prove)
    try:
        chain = open_chain(
            store, genesis, automine=automine, keep_limit=keep_limit, restore=restore, fork=fork
        )
    except BaseException:
        store.close()
        raise
    return Dex(chain, store, manager)


def _recording(dex: Dex, history: bool | None, balance_log: bool | None) -> Dex:
    try:
        dex.chain.record_orders(history)
        dex.chain.outbox.balances.switch(balance_log, dex.chain.head)
    except BaseException:
        dex.close()
        raise
    return dex
