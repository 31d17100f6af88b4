"""The store on disk."""

from checkpoint.rocks.store import RocksStore, SyncPolicy

__all__ = ["RocksStore", "SyncPolicy"]
