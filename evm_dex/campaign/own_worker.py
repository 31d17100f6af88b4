"""Preparation of a campaign's own workers, loaded as they start."""

from __future__ import annotations

import signal


def dask_setup(_worker: object) -> None:
    """Leave Ctrl-C to the campaign, which a terminal tells of it too and which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
