"""HyperCore in the ledger: what it is made of, and what waits there."""
