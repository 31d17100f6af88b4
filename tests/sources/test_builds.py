"""Artifacts of each tool lead to their compilation, as the tools lay them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from evm_dex import Dex, Recorder, Reverted
from evm_dex.abi.artifact import ArtifactError, load_artifact
from evm_dex.sources.builds import read_contracts
from evm_dex.sources.known_code import KnownCode
from tests.sources.compiling import compiled

LEDGER = Path(__file__).with_name("Ledger.sol")
BIDDER = Path(__file__).with_name("Bidder.json")


def of(output: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = output["output"]["contracts"]["Ledger.sol"][name]
    return found


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def hardhat_2(root: Path) -> Path:
    """npmjs: hardhat 2, "Compilation artifacts"."""
    build = compiled(LEDGER)
    write(root / "artifacts/build-info/abc.json", {"id": "abc", **build})
    beside = root / "artifacts/contracts/Ledger.sol"
    write(beside / "Entry.dbg.json", {"buildInfo": "../../build-info/abc.json"})
    contract = of(build, "Entry")
    code = {field: "0x" + contract["evm"][field]["object"] for field in CODES}
    named = {"contractName": "Entry", "sourceName": "Ledger.sol", "abi": contract["abi"]}
    return write(beside / "Entry.json", {"_format": "hh-sol-artifact-1", **named, **code})


def hardhat_3(root: Path) -> Path:
    """The input and the output in files of their own, and no file that leads there."""
    build = compiled(LEDGER)
    write(root / "artifacts/build-info/solc-1.json", {"input": build["input"]})
    write(root / "artifacts/build-info/solc-1.output.json", {"output": build["output"]})
    contract = of(build, "Entry")
    code = {field: "0x" + contract["evm"][field]["object"] for field in CODES}
    named = {"contractName": "Entry", "buildInfoId": "solc-1", "abi": contract["abi"]}
    return write(root / "artifacts/contracts/Ledger.sol/Entry.json", {**named, **code})


def foundry(root: Path) -> Path:
    """One file per contract, sources on disk, and numbers of files in build-info."""
    build = compiled(LEDGER)
    (root / "src").mkdir(parents=True)
    (root / "src/Ledger.sol").write_text(LEDGER.read_text())
    write(root / "out/build-info/1.json", {"source_id_to_path": {"0": "src/Ledger.sol"}})
    for name in ("Entry", "Ledger", "Maths"):
        contract = of(build, name)
        codes = {field: dict(contract["evm"][field]) for field in CODES}
        for code in codes.values():
            code["object"] = "0x" + code["object"]
        target = {"settings": {"compilationTarget": {"src/Ledger.sol": name}}}
        artifact = {"abi": contract["abi"], "metadata": target, "id": 0, **codes}
        write(root / f"out/Ledger.sol/{name}.json", artifact)
    return root / "out/Ledger.sol/Entry.json"


CODES = ("bytecode", "deployedBytecode")


@pytest.mark.parametrize("lay_out", [hardhat_2, hardhat_3, foundry])
def test_a_tools_artifact_leads_to_all_of_its_compilation(
    dex: Dex, tmp_path: Path, lay_out: Callable[[Path], Path]
) -> None:
    path = lay_out(tmp_path)
    names = {contract.name for contract in read_contracts(load_artifact(path))}
    assert {"Entry", "Ledger", "Maths"} <= names
    with pytest.raises(Reverted) as failure:
        dex.deploy(path, 13)
    line = LEDGER.read_text()[: LEDGER.read_text().index("require(number_")].count("\n") + 1
    assert f"Ledger.sol:{line})" in failure.value.tree


def test_without_a_syntax_tree_there_are_lines_and_functions(tmp_path: Path) -> None:
    path = foundry(tmp_path)
    with Recorder() as recorder, evm_dex.open() as dex:
        entry = dex.deploy(path, 7)
        with pytest.raises(Reverted):
            entry.call("fail", 7)
    (file,) = recorder.coverage(tmp_path).files.values()
    lines = {text.strip(): at for at, text in enumerate(LEDGER.read_text().splitlines(), 1)}
    assert file.functions["Entry.fail"] == (lines[_FAIL], 1)
    assert file.lines[lines["assert(code != number); // line: assert"]] == 1
    assert file.lines[lines["return 10 / code; // line: division"]] == 0
    assert not file.branches


_FAIL = "function fail(uint256 code) external view onlyOwner returns (uint256) {"


def test_vyper_tells_lines_and_covers_them(tmp_path: Path) -> None:
    source = json.loads(BIDDER.read_text())["input"]["sources"]["Bidder.vy"]["content"]
    (tmp_path / "Bidder.vy").write_text(source)
    build = tmp_path / "Bidder.json"
    build.write_text(BIDDER.read_text())
    lines = {text.strip(): at for at, text in enumerate(source.splitlines(), 1)}
    with Recorder() as recorder, evm_dex.open() as dex:
        bidder = dex.deploy(f"{build}:Bidder")
        bidder.send("bid", 5)
        expected = [
            ((13,), 'assert amount != 13, "unlucky"'),
            ((2**256 - 1,), "self.total += amount"),
        ]
        for arguments, statement in expected:
            with pytest.raises(Reverted) as failure:
                bidder.call("bid", *arguments)
            assert f"(Bidder.vy:{lines[statement]})" in failure.value.tree.splitlines()[2]
        with pytest.raises(Reverted) as failure:
            bidder.call("bid", 1, sender=dex.accounts[1])
        first, second = failure.value.tree.splitlines()[2:]
        assert f"Bidder._check (Bidder.vy:{lines['assert msg.sender == owner']})" in first
        assert f"Bidder.bid (Bidder.vy:{lines['self._check(amount)']})" in second
    (file,) = recorder.coverage(tmp_path).files.values()
    assert file.functions["Bidder.bid"][1] == 4
    assert file.lines[lines["return self.total"]] == 1
    assert recorder.gas().contracts["Bidder"].functions.keys() == {"bid"}


def test_one_of_several_contracts_is_named(tmp_path: Path) -> None:
    build = write(tmp_path / "build.json", compiled(LEDGER))
    assert load_artifact(f"{build}:Entry")["contractName"] == "Entry"
    assert load_artifact(f"{build}:Ledger.sol:Entry")["abi"]
    with pytest.raises(ArtifactError, match=r"no contract named Nobody; it has Ledger.sol:Entry, "):
        load_artifact(f"{build}:Nobody")
    with pytest.raises(ArtifactError, match=r"name one, as in build.json:Name"):
        load_artifact(build)


def test_what_can_not_be_read_is_told_and_nothing_fails(tmp_path: Path) -> None:
    path = hardhat_2(tmp_path)
    (tmp_path / "artifacts/build-info/abc.json").write_text('{"input": {}}')
    known = KnownCode()
    known.add(load_artifact(path))
    assert known.find(b"\x60\x01") is None
    (problem,) = known.problems
    assert problem.startswith("the sources of Entry can't be read: ")
