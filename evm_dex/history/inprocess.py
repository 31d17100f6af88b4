"""The order history in the chain's process, under the name that the docs give."""

from evm_dex.history.embedded import EmbeddedHistory as History

__all__ = ["History"]
