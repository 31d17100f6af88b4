"""Precompiles over a storage.

spot = get_precompile_with_storage(SPOT_ADDRESS, storage)
output = spot.run(context, calldata)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import RecoveryReport, open_ledger
from precompiles.ledger.storage import RowStorage
from precompiles.perp.interface import Perp
from precompiles.precompile import Precompile, ReentrancyGuard
from precompiles.spot.interface import Spot
from precompiles.types import Address

PRECOMPILES: tuple[type[Precompile], ...] = (Spot, Perp)


@dataclass(frozen=True, slots=True)
class Precompiles:
    """All precompiles on one ledger, by address."""

    by_address: Mapping[Address, Precompile]
    ledger: Ledger
    report: RecoveryReport


def get_precompiles_with_storage(storage: RowStorage, *, in_full: bool = False) -> Precompiles:
    """Restore the ledger from `storage`, and create every precompile on it.

    `in_full` reads those of ended orders too, also where the storage knows what they add up to.
    Raises UntrustedStorage when the rows are not the state their commitment names.
    """
    ledger, report = open_ledger(storage, in_full=in_full)
    guard = ReentrancyGuard()
    return Precompiles({cls.address: cls(ledger, guard) for cls in PRECOMPILES}, ledger, report)


def get_precompile_with_storage(address: Address, storage: RowStorage) -> Precompile:
    """Return the precompile at `address`, with its state restored from `storage`.

    Raises UntrustedStorage when the rows are not the state their commitment names, and KeyError
    for an address that has no precompile. To let two precompiles see each other's changes,
    take both from one call of `get_precompiles_with_storage`.
    """
    if address not in {cls.address for cls in PRECOMPILES}:
        known = ", ".join(f"0x{cls.address.hex()} ({cls.__name__})" for cls in PRECOMPILES)
        raise KeyError(f"no precompile at 0x{address.hex()}: address must be one of {known}")
    return get_precompiles_with_storage(storage).by_address[address]
