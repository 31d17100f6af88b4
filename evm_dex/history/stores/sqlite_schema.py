"""The tables of the SQLite store.

What the history is partitioned by elsewhere is an index here: `order_history` has every update
once, with its payload, and is the stream, the history of users, of markets and of orders.
"""

from __future__ import annotations

FORMAT = 1
"""Of these tables; a file of another is refused by name."""

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE users (number INTEGER PRIMARY KEY, address BLOB NOT NULL UNIQUE);
CREATE TABLE markets (
    number INTEGER PRIMARY KEY, exchange INTEGER NOT NULL, address BLOB NOT NULL,
    UNIQUE (exchange, address)
);

CREATE TABLE order_history (
    event_id INTEGER PRIMARY KEY,
    timestamp INTEGER NOT NULL,
    user INTEGER, market INTEGER, order_id INTEGER,
    status INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX history_of_user ON order_history (user, timestamp, event_id, market, status);
CREATE INDEX history_of_market ON order_history (market, timestamp, event_id, user, status);
CREATE INDEX history_of_order ON order_history (order_id);

CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL,
    user INTEGER NOT NULL, client_order_id BLOB
);
CREATE INDEX orders_by_client_id ON orders (user, client_order_id)
    WHERE client_order_id IS NOT NULL;

CREATE TABLE active_orders (
    user INTEGER, order_id INTEGER, market INTEGER NOT NULL, event_id INTEGER NOT NULL,
    PRIMARY KEY (user, order_id)
) WITHOUT ROWID;

CREATE TABLE fills (
    order_id INTEGER, trade_id INTEGER,
    event_id INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    user INTEGER NOT NULL, market INTEGER NOT NULL,
    PRIMARY KEY (order_id, trade_id)
) WITHOUT ROWID;
CREATE INDEX fills_of_user ON fills (user, timestamp, event_id, market);
CREATE INDEX fills_of_market ON fills (market, timestamp, event_id, user);

CREATE TABLE order_statistics (
    user INTEGER, market INTEGER,
    orders INTEGER, filled INTEGER, cancelled INTEGER, rejected INTEGER, expired INTEGER,
    partial_fills INTEGER, volume TEXT, fees_in_base TEXT, fees_in_quote TEXT,
    last_event_id INTEGER NOT NULL,
    PRIMARY KEY (user, market)
) WITHOUT ROWID;
"""

TABLES = ("users", "markets", "order_history", "orders", "active_orders", "fills")
EMPTIED = (*TABLES, "order_statistics")
"""What `clear` empties; amounts that outgrow 64 bits are text."""
