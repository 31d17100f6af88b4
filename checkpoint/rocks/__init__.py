"""The store on disk."""

from checkpoint.rocks.rocks_store import RocksStore, SyncPolicy

__all__ = ["RocksStore", "SyncPolicy"]
