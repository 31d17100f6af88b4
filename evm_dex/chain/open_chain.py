"""Opening a chain on a store: begin it with a genesis, or go on where it was."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from checkpoint.metrics import RecoveryMetrics, stopwatch
from checkpoint.overlay_store import OverlayStore
from checkpoint.store import Store
from evm_dex.blocks.rules import HYPEREVM, Rules
from evm_dex.chain.block_store import BlockStore
from evm_dex.chain.chain import Chain
from evm_dex.chain.genesis.forked_genesis import resolve_forked
from evm_dex.chain.genesis.genesis_block import write_genesis
from evm_dex.chain.genesis.genesis_file import (
    OF_THE_FORK,
    GenesisSource,
    default_genesis_file,
    read_genesis_file,
    told_fields,
)
from evm_dex.chain.genesis.resolved import (
    Genesis,
    decode_genesis,
    differing_fields,
    resolve_genesis,
)
from evm_dex.chain.rollback import check_commitment
from evm_dex.errors import ChainStopped, GenesisMismatch, StateMissing
from evm_dex.evm.machine import missing_state_as
from evm_dex.evm.precompile_adapter import Precompile
from evm_dex.evm.vm import build_vm
from evm_dex.origin.fetched_values import FetchedStore
from evm_dex.origin.fork import Fork
from evm_dex.origin.origin import Origin, begin, resume
from evm_dex.origin.origin_block import OriginBlock
from precompiles.factory import get_precompiles_with_storage
from precompiles.hyper.read_precompiles import read_precompiles
from precompiles.hyper.step_precompile import StepPrecompile
from precompiles.hyper.system_addresses import CORE_ADDRESS
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.storage import RowStorage
from precompiles.ledger.table import TableNumber
from precompiles.types import Address

_logger = logging.getLogger(__name__)


class Recovery(Protocol):
    """The report of opening the ledger."""

    @property
    def repairs(self) -> Mapping[bytes, bool]:
        """Keys whose entry in the active index was wrong, and what it should be."""

    @property
    def in_full(self) -> bool:
        """True if every row was read; False if rows of ended orders and positions were skipped."""

    def repair_lines(self) -> list[str]:
        """Return the repairs in words."""


class Precompiles(Protocol):
    """Precompiles on one ledger, restored from a store."""

    @property
    def by_address(self) -> Mapping[Address, Precompile]:
        """The precompiles by their addresses."""

    @property
    def ledger(self) -> Ledger:
        """The state they share."""

    @property
    def report(self) -> Recovery:
        """The report of opening it."""


Restore = Callable[[RowStorage], Precompiles]


def open_chain(
    store: Store,
    genesis: GenesisSource | None = None,
    *,
    automine: bool = True,
    keep_limit: int = 0,
    restore: Restore = get_precompiles_with_storage,
    kind: type[Chain] = Chain,
    fork: Fork | None = None,
) -> Chain:
    """Open the chain in a store; an empty store begins with `genesis` or the default one.

    A `keep_limit` of 0 is the one in its genesis; `kind` is the class that the chain is of. With
    `fork` it goes on from a block of another chain; a store that was begun so needs it only for
    values that were not fetched before.

    Raises OriginError, GenesisError, GenesisMismatch when the store was begun with another genesis,
    UntrustedStorage when its rows are not what the head commits to, ChainStopped when the head's
    state does not commit to those rows, and StateMissing when it is not all there.
    """
    staged = OverlayStore(store)
    is_empty = store.head() is None
    if is_empty:
        begun, origin, block = _begun(genesis, fork, staged)
    else:
        begun = _first_genesis(store)
        origin = _resumed(begun, fork, staged)
    with stopwatch() as watch:
        precompiles = restore(staged)
    ledger = precompiles.ledger
    rules = begun.rules
    vm_class = build_vm(
        {**precompiles.by_address, **_core_precompiles(ledger, rules)},
        ledger,
        rules,
        None if origin is None else origin.state,
    )
    if is_empty:
        forked = None if origin is None or block is None else (origin, block)
        write_genesis(store, begun, vm_class, ledger, precompiles.by_address, forked)
    elif genesis is not None:
        _check_same_genesis(genesis, begun)
    if precompiles.report.repairs:
        store.set_active(precompiles.report.repairs)
    if precompiles.report.in_full and not is_empty:
        store.set_ended(ledger.ended)
    rows = {TableNumber(table).name.lower(): n for table, n in ledger.commitment.counts.items()}
    repairs = tuple(precompiles.report.repair_lines())
    with missing_state_as(StateMissing):
        chain = kind(
            staged,
            vm_class,
            ledger,
            automine=automine,
            keep_limit=keep_limit or begun.keep_limit,
            recovery=RecoveryMetrics(watch.seconds, rows, repairs, precompiles.report.in_full),
            origin=origin,
        )
        _check_commitment(chain, ledger)
    _log(chain)
    return chain


def _core_precompiles(ledger: Ledger, rules: Rules) -> dict[Address, Precompile]:
    """Return what HyperEVM has beside the exchanges: its reads, and HyperCore's part of a block."""
    if rules is not HYPEREVM:
        return {}
    return {**read_precompiles(ledger), CORE_ADDRESS: StepPrecompile(ledger)}


def _log(chain: Chain) -> None:
    recovery = chain.recovery
    height, rows = chain.head.block_number, sum(recovery.rows.values())
    read = "all read" if recovery.in_full else "ended ones not read"
    _logger.info("opened at block %d: %d rows, %s, %.3f s", height, rows, read, recovery.seconds)
    for repair in recovery.repairs:
        _logger.warning("repaired: %s", repair)


def _begun(
    genesis: GenesisSource | None, fork: Fork | None, store: FetchedStore
) -> tuple[Genesis, Origin | None, OriginBlock | None]:
    """Return what an empty store begins with. Raises GenesisError, OriginError."""
    if fork is None:
        file = default_genesis_file() if genesis is None else read_genesis_file(genesis)
        return resolve_genesis(file), None, None
    origin, block = begin(fork, store)
    return resolve_forked(genesis, origin.point, block), origin, block


def _resumed(begun: Genesis, fork: Fork | None, store: FetchedStore) -> Origin | None:
    """Return the origin of a chain that is there. Raises GenesisMismatch, OriginMismatch."""
    if begun.fork is not None:
        return resume(begun.fork, fork, store)
    if fork is not None:
        raise GenesisMismatch(
            f"the chain in the store began from nothing, not from {fork.shown}: leave the fork "
            "out to go on, or choose another path"
        )
    return None


def _first_genesis(store: Store) -> Genesis:
    blocks = BlockStore(store)
    first = blocks.header(blocks.first_height, blocks.first_height)
    return decode_genesis(blocks.body(first.hash).genesis)


def _check_same_genesis(source: GenesisSource, begun: Genesis) -> None:
    """Compare a genesis with the one of a store, which settles what it leaves open."""
    file = read_genesis_file(source)
    wanted = resolve_genesis(file)
    if file.system_contracts is None:
        wanted = msgspec.structs.replace(wanted, system_contracts=begun.system_contracts)
    if begun.fork is not None:
        untold = OF_THE_FORK - told_fields(source) | {"timestamp", "fork"}
        same = {name: getattr(begun, name) for name in untold}
        wanted = msgspec.structs.replace(wanted, **same)
    if wanted == begun:
        return
    fields = ", ".join(differing_fields(begun, wanted))
    raise GenesisMismatch(
        f"the store was begun with another genesis (they differ in: {fields}); "
        "open it without a genesis to go on, or choose another path"
    )


def _check_commitment(chain: Chain, ledger: Ledger) -> None:
    """Check that the state has the digest of the rows; the ledger checked the rows against it."""
    problem = check_commitment(chain.state, ledger.commitment, chain.head.block_number)
    if problem:
        raise ChainStopped(f"{problem}: restore a checkpoint")
