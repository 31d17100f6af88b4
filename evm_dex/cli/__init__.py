"""The command line: `evm-dex --help` teaches it."""

from evm_dex.cli.app import app, main

__all__ = ["app", "main"]
