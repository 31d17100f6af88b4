"""Beginning again: at the first block, or from a block of another chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import failed, invalid_params
from evm_dex.node.rpc_types import Flag, ParamType, read_quantity, read_text
from evm_dex.origin.fork import Fork, read_fork


class Forking(msgspec.Struct, frozen=True):
    """A chain to begin from; both are None where nothing is said of one."""

    url: str | None = None
    block: int | None = None
    headers: Mapping[str, str] = {}


def _read_forking(value: Any) -> Forking:
    """Read options of a reset; clients send those that are not set as null, or leave them out."""
    if not isinstance(value, Mapping):
        raise ValueError
    options = value.get("forking") if "forking" in value else value
    if not isinstance(options, Mapping | None):
        raise ValueError
    given = {name: item for name, item in (options or {}).items() if item is not None}
    if set(given) - {"jsonRpcUrl", "blockNumber", "httpHeaders"}:
        raise ValueError
    url, block = given.get("jsonRpcUrl"), given.get("blockNumber")
    return Forking(
        None if url is None else read_text(url),
        None if block is None else read_quantity(block),
        _read_headers(given.get("httpHeaders", {})),
    )


def _read_headers(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError
    return {read_text(name): read_text(text) for name, text in value.items()}


_OPTIONS = Annotated[
    Forking,
    ParamType(
        "Forking",
        "an object {forking: {jsonRpcUrl, blockNumber, httpHeaders}}",
        {"type": "object"},
        _read_forking,
    ),
]
_URL = Annotated[str, ParamType("Url", "a URL", {"type": "string"}, read_text)]


@rpc("anvil_reset", "hardhat_reset", "ganache_reset", cheat=True)
def reset(node: Node, options: _OPTIONS = Forking()) -> Flag:  # noqa: B008 - it is frozen
    """Go back to the first block, with nobody impersonated and nothing chosen.

    With `forking` the node begins anew from a block of another chain. Where the chain came about so
    and nothing is said of another, it is again one like the node began with.
    """
    if options.url is None and options.block is None:
        if node.reopen is None or not node.was_moved:
            node.cheats.reset()
        else:
            node.move_to(node.reopen(node.first_fork))
    else:
        _move(node, options)
    node.set_min_gas_price(0)
    return True


def _move(node: Node, options: Forking) -> None:
    if node.reopen is None:
        raise failed(
            "another chain can't take the place of one that is on disk, or served elsewhere too: "
            "start a node with --fork-url"
        )
    here = None if node.chain.origin is None else node.chain.origin.fork
    if options.url is None and here is None:
        raise invalid_params("a block to fork needs the chain's jsonRpcUrl, since none is forked")
    try:
        asked = here if options.url is None else Fork(url=options.url, headers=options.headers)
        assert asked is not None, "one of them names a chain"
        fork = read_fork(msgspec.structs.replace(asked, block=None), options.block)
    except ValueError as error:
        raise invalid_params(str(error)) from None
    node.move_to(node.reopen(fork))


@rpc("anvil_setRpcUrl", "hardhat_setRpcUrl", "ganache_setRpcUrl", cheat=True)
def set_rpc_url(node: Node, url: _URL) -> Flag:
    """Ask another node of the chain that this one was forked from, from now on."""
    origin = node.chain.origin
    if origin is None:
        raise failed("this chain is not forked, so it has no URL of another to change")
    try:
        origin.use(read_fork(url))
    except ValueError as error:
        raise invalid_params(str(error)) from None
    return True
