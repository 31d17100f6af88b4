"""Adds commands, lays out their help, and reads the former spellings of `--chain`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand

_FORMER = ("--db", "--path")
"""Options that are read as `--chain`."""


class Command(TyperCommand):
    """A command that also understands how the chain's directory was given before `--chain`.

    That is as `--db` or `--path`; or as a word, where a chain is required.
    """

    place: ClassVar[int] = 0
    """Index of the chain's directory among the command's words, in its former spelling."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments as if they had been written with `--chain`."""
        names = {name for param in self.params for name in param.opts}
        if "--chain" in names:
            args = [_renamed(word, names) for word in args]
            if "--chain" in {
                name for param in self.params if param.required for name in param.opts
            }:
                args = self._with_chain(ctx, args)
        return super().parse_args(ctx, args)

    def _with_chain(self, ctx: Any, args: list[str]) -> list[str]:
        """Give `--chain` its former word if nothing else does."""
        words = [_Word(word) for word in args]
        options, rest, _ = self.make_parser(ctx).parse_args(list(words))
        if "chain" in options:
            return args
        arguments = [options.get(it.name) for it in self.params if it.param_type_name == "argument"]
        given = [word for word in (*arguments, *rest) if isinstance(word, _Word)]
        if len(given) <= self.place:
            return args
        chain = given[self.place]
        return ["--chain", str(chain), *(str(word) for word in words if word is not chain)]


class SecondWordCommand(Command):
    """A command to which the chain's directory was the second word."""

    place = 1


class _Word(str):
    """A word of the command line, distinguished from an equal one by identity."""

    __slots__ = ()


def _renamed(word: str, names: set[str]) -> str:
    for former in _FORMER:
        if former not in names and (word == former or word.startswith(f"{former}=")):
            return "--chain" + word.removeprefix(former)
    return word


def add_command(
    group: typer.Typer,
    command: Callable[..., None],
    name: str | None = None,
    *,
    hidden: bool = False,
    cls: type[Command] = Command,
) -> None:
    """Add a function whose docstring is its help."""
    text = layout(inspect.getdoc(command) or "")
    group.command(name, cls=cls, help=text, hidden=hidden)(command)


def layout(text: str) -> str:
    """Join the lines of paragraphs, which the terminal wraps anew; indent examples."""
    return "\n\n".join(
        _examples(paragraph)
        if paragraph.lstrip().startswith("evm-dex ")
        else " ".join(paragraph.split("\n"))
        for paragraph in text.strip("\n").split("\n\n")
    )


def _examples(paragraph: str) -> str:
    lines = "\n".join(f"  {line.strip()}" for line in paragraph.split("\n"))
    return f"\b\n{lines}"
