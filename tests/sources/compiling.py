"""The Solidity compiler of the tests, as a function."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.clients.running import HERE, ROOT, javascript, skip_without


@cache
def compiled(*paths: Path, optimizer: bool = False, via_ir: bool = False) -> dict[str, Any]:
    """The input and output of a compilation, as Hardhat keeps them, by names of files."""
    node = javascript()
    skip_without(ROOT / "contracts/node_modules/solc", "the npm package solc", "contracts-deps")
    given = {
        "language": "Solidity",
        "sources": {path.name: {"content": path.read_text()} for path in paths},
        "settings": {
            "evmVersion": "prague",
            "optimizer": {"enabled": optimizer},
            "viaIR": via_ir,
            "outputSelection": {
                "*": {"": ["ast"], "*": ["abi", "metadata", "evm.bytecode", "evm.deployedBytecode"]}
            },
        },
    }
    command = [str(node), str(HERE / "solc"), "--standard-json"]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, check=True, text=True
    )
    output = json.loads(done.stdout)
    assert not [it for it in output.get("errors", ()) if it["severity"] == "error"], output
    return {"input": given, "output": output}


def written(directory: Path, *paths: Path, **settings: bool) -> Path:
    """The same in a file."""
    place = directory / "build.json"
    place.write_text(json.dumps(compiled(*paths, **settings)))
    return place
