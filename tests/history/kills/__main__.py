"""Run kills on their own: `python -m tests.history.kills DIRECTORY`; prints one JSON line."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path

from tests.history.kills.places import CassandraPlace, Place, SqlitePlace
from tests.history.kills.run import Run

_PLACES: dict[str, Callable[[Path], Place]] = {"sqlite": SqlitePlace, "cassandra": CassandraPlace}


def main() -> None:
    """Fails at the first thing that is lost, doubled, or not what was recounted."""
    parser = argparse.ArgumentParser(prog="python -m tests.history.kills", description=__doc__)
    parser.add_argument("directory", type=Path, help="for the chain and the store; not there yet")
    parser.add_argument("--store", choices=_PLACES, default="sqlite", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=800, help="each kills one or two processes")
    parser.add_argument("--events", type=int, default=1_000_000, help="at least, in all rounds")
    parser.add_argument("--seed", type=int, default=7, help="of kills and traffic")
    options = parser.parse_args()
    # That a service waits for what was killed is as it should be.
    logging.getLogger("evm_dex").setLevel(logging.ERROR)
    options.directory.mkdir(parents=True)
    place = _PLACES[options.store](options.directory)
    try:
        run = Run(options.directory, place, options.rounds, options.events, options.seed)
        print(json.dumps(run.run()))
    finally:
        place.close()


main()
