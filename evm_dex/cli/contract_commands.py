"""Commands that say where the contracts are that others import."""

from __future__ import annotations

import typer

HELP = """Find the Solidity sources and artifacts that come with evm-dex.

  forge build --remappings "$(evm-dex contracts remapping)"
  npm install "$(evm-dex contracts path)"
"""


def path() -> None:
    """Print the directory that has contracts/ and package.json.

      evm-dex contracts path

    `npm install "$(evm-dex contracts path)"` lets Hardhat and Foundry resolve imports such as
    evm-dex/contracts/ISpot.sol from node_modules.
    """
    from evm_dex.abi.artifact import package_root  # noqa: PLC0415 - other commands need no contracts

    typer.echo(package_root())


def remapping() -> None:
    """Print the remapping that resolves imports of evm-dex/contracts/….

      evm-dex contracts remapping

    Foundry takes it by `--remappings`, or as a line of remappings.txt.
    """
    from evm_dex.abi.artifact import package_root  # noqa: PLC0415 - as above

    typer.echo(f"evm-dex/={package_root()}/")
