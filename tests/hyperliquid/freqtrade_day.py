"""Freqtrade's own worker and strategy loop, unmodified, by a clock that somebody else turns.

Run as a program with freqtrade's packages. Each line `wait TIME` that it prints, in seconds since
1970, is answered by a line once it is that late; the last line is JSON of what it traded.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import time_machine

STRATEGY = '''
from datetime import timedelta
from freqtrade.strategy import IStrategy

class Swings(IStrategy):
    """Buys what fell, sells what rose, both ways and with a stop at the exchange."""
    INTERFACE_VERSION = 3
    timeframe = "30m"
    can_short = True
    minimal_roi = {"0": 0.02, "60": 0.002}
    stoploss = -0.06
    trailing_stop = True
    trailing_stop_positive = 0.004
    trailing_stop_positive_offset = 0.006
    trailing_only_offset_is_reached = True
    startup_candle_count = 12
    process_only_new_candles = True
    position_adjustment_enable = True
    max_entry_position_adjustment = 1
    order_types = {"entry": "limit", "exit": "limit", "stoploss": "limit",
                   "emergency_exit": "market", "stoploss_on_exchange": True}

    def populate_indicators(self, frame, metadata):
        frame["mean"] = frame["close"].rolling(12).mean()
        return frame

    def populate_entry_trend(self, frame, metadata):
        frame.loc[frame["close"] < frame["mean"] * 0.9995, "enter_long"] = 1
        frame.loc[frame["close"] > frame["mean"] * 1.0005, "enter_short"] = 1
        return frame

    def populate_exit_trend(self, frame, metadata):
        frame.loc[frame["close"] > frame["mean"] * 1.0003, "exit_long"] = 1
        frame.loc[frame["close"] < frame["mean"] * 0.9997, "exit_short"] = 1
        return frame

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit,
                              min_stake, max_stake, **_):
        if trade.nr_of_successful_entries == 1 and current_profit < -0.001:
            return trade.stake_amount / 2
        return None

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
                 entry_tag, side, **_):
        return min(5.0, max_leverage)
'''


def config(url: str, address: str, key: str, directory: Path) -> dict[str, Any]:
    """Return freqtrade's configuration of a bot that trades for real, at our address."""
    side = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "bot_name": "swings",
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "dry_run": False,
        "cancel_open_orders_on_exit": True,
        "stake_currency": "USDC",
        "stake_amount": 300,
        "max_open_trades": 2,
        "unfilledtimeout": {"entry": 29, "exit": 29, "unit": "minutes"},
        "entry_pricing": {**side, "check_depth_of_market": {"enabled": False}},
        "exit_pricing": side,
        "exchange": {
            "name": "hyperliquid",
            "walletAddress": address,
            "privateKey": key,
            "ccxt_config": {
                "urls": {"api": {"public": url, "private": url}},
                "enableRateLimit": False,
            },
            "pair_whitelist": ["ETH/USDC:USDC", "SOL/USDC:USDC"],
            "enable_ws": False,
        },
        "pairlists": [{"method": "StaticPairList"}],
        "initial_state": "running",
        "internals": {"process_throttle_secs": 3_600},
        "user_data_dir": str(directory),
        "strategy": "Swings",
        "strategy_path": str(directory),
        "db_url": f"sqlite:///{directory / 'trades.sqlite'}",
    }


def main(url: str, address: str, key: str, begin: int, end: int) -> None:
    """Trade from one time to another."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    with tempfile.TemporaryDirectory() as made, time_machine.travel(begin, tick=True) as clock:
        directory = Path(made)
        (directory / "swings.py").write_text(STRATEGY)
        (directory / "config.json").write_text(json.dumps(config(url, address, key, directory)))
        print(json.dumps(_trade(directory, clock, end)), flush=True)


def _trade(directory: Path, clock: time_machine.Coordinates, end: int) -> dict[str, Any]:
    import time  # noqa: PLC0415 - freqtrade's modules look at the clock of the day they trade

    # It tells systemd how the bot is where that is configured, and has no wheel.
    sys.modules.setdefault("sdnotify", ModuleType("sdnotify"))
    from freqtrade.enums import RunMode, State  # noqa: PLC0415 - as above
    from freqtrade.persistence import Trade  # noqa: PLC0415 - as above
    from freqtrade.worker import Worker  # noqa: PLC0415 - as above

    def sleep(seconds: float) -> None:
        """Wait for the market instead of the machine's clock."""
        until = int(time.time() + seconds) + 1
        print(f"wait {until}", flush=True)
        sys.stdin.readline()
        clock.move_to(until)

    arguments = {"config": [str(directory / "config.json")], "runmode": RunMode.LIVE}
    worker: Any = Worker(arguments)
    worker._sleep = sleep
    state = None
    rounds = 0
    while time.time() < end:
        state = worker._worker(old_state=state)
        rounds += 1
        if state is not State.RUNNING:
            raise SystemExit(f"freqtrade stopped by itself: {state}")
    still_open = [it for it in Trade.get_trades_proxy() if it.is_open]
    closed = [it for it in Trade.get_trades_proxy() if not it.is_open]
    orders = [order for trade in Trade.get_trades_proxy() for order in trade.orders]
    worker.exit()
    return {
        "rounds": rounds,
        "trades": len(Trade.get_trades_proxy()),
        "closed": len(closed),
        "open": {
            trade.base_currency: -trade.amount if trade.is_short else trade.amount
            for trade in still_open if trade.amount
        },
        "shorts": sum(trade.is_short for trade in closed),
        "profit": sum(trade.close_profit_abs or 0 for trade in closed),
        "funding": sum(trade.funding_fees or 0 for trade in closed),
        "orders": [[order.order_id, order.ft_order_side, order.status, order.filled, order.average]
                   for order in orders],
        "reasons": sorted({str(trade.exit_reason) for trade in closed}),
    }  # fmt: skip


if __name__ == "__main__":
    place, user, secret, first, last = sys.argv[1:]
    main(place, user, secret, int(first), int(last))
