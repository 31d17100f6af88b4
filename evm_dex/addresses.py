"""Addresses and accounts, under the name that the docs give."""

from evm_dex.blocks.addresses import Account, AddressLike, HashLike, checksum, to_address, to_hash

__all__ = ["Account", "AddressLike", "HashLike", "checksum", "to_address", "to_hash"]
