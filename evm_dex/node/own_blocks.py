"""Blocks that are read without asking another chain, or for what an import left out."""

from __future__ import annotations

from evm_dex.chain.chain_reader import ChainReader


def first_own_block(chain: ChainReader) -> int:
    """Return the height after the genesis, the block of a fork, or the gap that an import left."""
    blocks = chain.blocks
    first: int = blocks.heights(0, chain.head.block_number)[0]
    return max(first, blocks.first_height + 1)
