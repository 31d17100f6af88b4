"""`--help` teaches, and every command takes the chain's directory as `--chain DIR`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from evm_dex.cli import app

LONGEST_SUMMARY = 65  # more would be cut off in the list of commands
ROOT: Any = typer.main.get_command(app)


def commands() -> dict[str, Any]:
    """Every command that help lists, by what one types."""
    found = {}
    for name, command in ROOT.commands.items():
        inside = getattr(command, "commands", None)
        for part, it in (inside or {"": command}).items():
            if not it.hidden:
                found[f"{name} {part}".strip()] = it
    return found


COMMANDS = commands()


def parse(text: str) -> dict[str, Any]:
    name, *words = shlex.split(text)
    command = ROOT.commands[name]
    if hasattr(command, "commands"):
        part, *words = words
        command = command.commands[part]
    return dict(command.make_context(command.name, words).params)


def shown(name: str) -> str:
    result = CliRunner().invoke(app, [*name.split(), "--help"])
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_how_to_use_it_and_what_each_option_does(name: str) -> None:
    text, command = shown(name), COMMANDS[name]
    summary, rest = command.help.split("\n\n", 1)
    assert summary.endswith(".")
    assert len(summary) <= LONGEST_SUMMARY
    assert f"\n    evm-dex {name}" in text.split("Usage:")[1]
    assert rest.startswith("\b\n  evm-dex ")
    for param in command.params:
        if not param.hidden:
            assert param.help, param.name
            assert param.help[0].isupper() or param.help.split()[0] in {"archive", "BIP-39"}
            assert param.help.split("  [")[0].endswith("."), param.help


@pytest.mark.parametrize("name", ["", "checkpoint", "history"])
def test_examples_in_help_are_commands_that_parse(name: str) -> None:
    lines = [line.strip() for line in shown(name).splitlines()]
    examples = [line for line in lines if line.startswith("evm-dex ")]
    assert len(examples) >= 5
    for example in examples:
        parse(example.removeprefix("evm-dex "))


@pytest.mark.parametrize("name", ["", "checkpoint", "history", "contracts"])
def test_summaries_are_shown_whole(name: str) -> None:
    listed = shown(name).split("Commands:")[1]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_a_command_parse(name: str) -> None:
    lines = [line.strip() for line in shown(name).splitlines()]
    examples = [line for line in lines if line.startswith("evm-dex ")]
    assert examples
    for example in examples:
        parse(example.removeprefix("evm-dex ").split(" && ")[0].split(" > ")[0])


def test_help_wraps_paragraphs_once_and_leaves_examples_whole() -> None:
    text = shown("prune")
    paragraph = text.split("\n\n")[3].splitlines()
    assert len(paragraph) > 2
    assert min(map(len, paragraph[:-1])) > 60
    assert "\n    evm-dex prune --keep-states 128 --chain my-chain\n" in text


def test_every_command_on_a_chain_takes_it_by_the_same_name() -> None:
    without = {name for name, it in COMMANDS.items() if not takes_chain(it)}
    assert without == {
        "campaign",
        "demo",
        "contracts path",
        "contracts remapping",
        "history stream",
        # a directory of theirs holds more than a chain
        *(
            f"validator {name}"
            for name in ("init", "join", "start", "status", "members", "add", "remove")
        ),
    }
    for command in COMMANDS.values():
        names = {name for it in command.params if not it.hidden for name in it.opts}
        assert "--db" not in names
        assert "path" not in names


def takes_chain(command: Any) -> bool:
    return any("--chain" in it.opts for it in command.params)


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("check c", "check --chain c"),
        ("check --json -- c", "check --json --chain c"),
        ("book c WETH --levels 3", "book WETH --levels 3 --chain c"),
        ("book WETH WETH", "book WETH --chain WETH"),
        ("book --levels 3 c 3", "book 3 --levels 3 --chain c"),
        ("positions c WETH", "positions WETH --chain c"),
        ("prune c --dry-run", "prune --chain c --dry-run"),
        ("node --db c", "node --chain c"),
        ("node --db=c", "node --chain=c"),
        ("replay a.csv b.csv --path c", "replay a.csv b.csv --chain c"),
        ("checkpoint list c", "checkpoint list --chain c"),
        ("checkpoint create c", "checkpoint create --chain c"),
        ("checkpoint verify c", "checkpoint verify --chain c"),
        ("checkpoint verify c 12 --deep", "checkpoint verify 12 --chain c --deep"),
        ("checkpoint verify c --height 12", "checkpoint verify --chain c --height 12"),
        ("checkpoint diff c 12 head --limit 1", "checkpoint diff 12 head --limit 1 --chain c"),
        ("checkpoint restore c latest --to d", "checkpoint restore latest --to d --chain c"),
        ("checkpoint pin c 12", "checkpoint pin 12 --chain c"),
        ("checkpoint unpin c 12", "checkpoint unpin 12 --chain c"),
        ("checkpoint prune c --keep 2", "checkpoint remove --chain c --keep 2"),
        ("checkpoint export c file", "checkpoint export file --chain c"),
        ("checkpoint import file c", "checkpoint import file --chain c"),
        ("history consumers c --forget x", "history consumers --chain c --forget x"),
    ],
)
def test_former_spellings_still_work(former: str, now: str) -> None:
    assert parse(former) == parse(now)
    assert Path("c") in parse(former).values() or "WETH WETH" in former


def test_a_chain_that_was_not_given_is_asked_for() -> None:
    for words in (["check"], ["checkpoint", "verify"], ["history", "consumers"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert "Missing option '--chain'" in result.output
