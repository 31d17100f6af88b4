"""Commands that print where the Solidity sources are, for compilers."""

from __future__ import annotations

import typer

HELP = """Find the Solidity sources that come with evm-dex.

Let Foundry, or Hardhat by npm, resolve imports of evm-dex/contracts/…:

  evm-dex contracts remapping
  evm-dex contracts path
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
    """Print the remapping for imports of evm-dex/contracts/….

      evm-dex contracts remapping

    Foundry takes it as `forge build --remappings "$(evm-dex contracts remapping)"`, or as a line of
    remappings.txt.
    """
    from evm_dex.abi.artifact import package_root  # noqa: PLC0415 - as above

    typer.echo(f"evm-dex/={package_root()}/")
