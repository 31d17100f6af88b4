"""Commands with which validators vote on who is one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from evm_dex.cli.shared import AsJson, print_json, report_errors
from evm_dex.terminal.console import console
from evm_dex.terminal.tables import plain_table

if TYPE_CHECKING:
    from evm_dex.validator.home import Home
    from evm_dex.validator.voting import Ballot

_Value = TypeVar("_Value")
_Homes = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR…",
        help="Directory of a validator that votes, or one that holds several.",
        show_default=False,
    ),
]
_Candidate = Annotated[
    str,
    typer.Argument(
        metavar="KEY:ACCOUNT",
        help="The new validator, as `evm-dex validator join` told it.",
        show_default=False,
    ),
]
_Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="Key of the validator, as `evm-dex validator members` tells it.",
        show_default=False,
    ),
]


def members(directories: _Homes, as_json: AsJson = False) -> None:
    """Show who is a validator, as the chain says.

      evm-dex validator members my-network

    The first directory's validator is asked.
    """
    from evm_dex.validator.home import homes_in  # noqa: PLC0415 - loads the whole chain
    from evm_dex.validator.voting import listed_members, member_of  # noqa: PLC0415 - as above

    with report_errors():
        homes = homes_in(directories)
        found = listed_members(homes[0])
        names = {member_of(home).key: home.path.name for home in homes}
    rows = [
        {
            "name": names.get(member.key),
            "key": member.key.hex(),
            "account": f"0x{member.account.hex()}",
        }
        for member in found
    ]
    if as_json:
        print_json(rows)
        return
    table = plain_table("Validators", ("directory", "key", "account"), right=())
    for row in rows:
        table.add_row(row["name"] or "", row["key"], row["account"])
    console().print(table)


def add(candidate: _Candidate, directories: _Homes) -> None:
    """Vote that one more be a validator.

      evm-dex validator join fifth --trust … --from …
      evm-dex validator start fifth
      evm-dex validator add 5c0f…9e:0x71C7…6F my-network

    Each validator in DIR votes; those on other machines by the same command there. With more than
    two thirds of all, the new one has a vote on blocks two blocks later. Add it when it is at the
    head: from then on the others count on it. Each vote sends its account 1 ETH, for the gas of its
    own votes.
    """
    from evm_dex.validator.voting import read_candidate, vote_to_add  # noqa: PLC0415 - loads the whole chain

    member = _read(read_candidate, candidate)
    _vote(directories, lambda home: vote_to_add(home, member), "it is a validator")


def remove(key: _Key, directories: _Homes) -> None:
    """Vote that one be a validator no more.

      evm-dex validator members my-network
      evm-dex validator remove 5c0f…9e my-network/validator0 my-network/validator1

    One that is lost for ever counts as absent until then. More than two thirds must vote, as for
    `evm-dex validator add`. One that was removed and comes back follows without a vote.
    """
    from evm_dex.validator.voting import read_key, vote_to_remove  # noqa: PLC0415 - loads the whole chain

    found = _read(read_key, key)
    _vote(directories, lambda home: vote_to_remove(home, found), "it is no validator any more")


def _read(read: Callable[[str], _Value], text: str) -> _Value:
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _vote(directories: list[Path], vote: Callable[[Home], Ballot], outcome: str) -> None:
    """Let validators vote until it is decided."""
    from evm_dex.validator.home import homes_in  # noqa: PLC0415 - loads the whole chain

    with report_errors():
        for home in homes_in(directories):
            ballot = vote(home)
            said = f"[green]✓[/] {outcome}" if ballot.is_decided else "more votes are needed"
            console().print(f"{ballot.voter} is vote {ballot.votes}: {said}", highlight=False)
            if ballot.is_decided:
                return
