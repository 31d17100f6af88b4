"""Answers of a node to what followers ask, checked as they are decoded."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

Hash: TypeAlias = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-f]{64}$")]
Height: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class NodeHead(msgspec.Struct, frozen=True, rename="camel"):
    """Version, chain and newest block of a node."""

    version: str
    chain_id: int
    genesis_hash: Hash
    number: Height
    hash: Hash


class ExportedBlocks(msgspec.Struct, frozen=True, rename="camel"):
    """The newest block of a node, and encoded ones after another."""

    number: Height
    hash: Hash
    blocks: list[str] | None
    """In hex; None where the other is not on its chain."""
    needs_archive: bool
    """True where what a cheat wrote in the next block is lost there."""


class OfferedArchive(msgspec.Struct, frozen=True, rename="camel"):
    """An archive that a node keeps."""

    archive_id: Height
    bytes: Height
    hash: Hash
    """Of the block that it is of."""
