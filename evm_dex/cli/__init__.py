"""The command line; see `evm-dex --help`."""

from evm_dex.cli.app import app, main

__all__ = ["app", "main"]
