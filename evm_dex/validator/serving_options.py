"""Options of keeping and serving a validator's chain."""

from __future__ import annotations

from pathlib import Path

import msgspec


class ServingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The directory of a chain, and where it is served."""

    path: Path
    host: str = "127.0.0.1"
    port: int = 0
    names: tuple[str, ...] = ()
    """Names that the host goes by beside its own."""
    checkpoint_interval: int | None = None
