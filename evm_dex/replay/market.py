"""The market that recorded flow trades on."""

from __future__ import annotations

from typing import Any


def recorded_market() -> dict[str, Any]:
    """A genesis with one market whose units are those of the recording.

    One lot is one share, one tick is a ten-thousandth of a dollar; accounts 0 and 1 have plenty.
    """
    plenty = {"ASSET": 10**15, "USD": 10**24}
    return {
        "tokens": [
            {"symbol": "ASSET", "name": "Recorded asset", "decimals": 0},
            {"symbol": "USD", "name": "US dollar", "decimals": 4},
        ],
        "markets": [{"base": "ASSET", "quote": "USD", "tick": 1, "lot": 1}],
        "deposits": {"account0": plenty, "account1": plenty},
    }
