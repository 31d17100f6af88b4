"""The market that recorded flow trades on."""

from __future__ import annotations

from typing import Any


def recorded_market() -> dict[str, Any]:
    """A genesis with one market whose units are those of the recording.

    One lot is one share, one tick is a ten-thousandth of a dollar.
    """
    return {
        "tokens": [
            {"symbol": "ASSET", "name": "Recorded asset", "decimals": 0},
            {"symbol": "USD", "name": "US dollar", "decimals": 4},
        ],
        "markets": [{"base": "ASSET", "quote": "USD", "tick": 1, "lot": 1}],
    }
