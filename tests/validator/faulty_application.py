"""An application that does wrong on demand: it dies at a step, or proposes what nobody should.

Run as `python -m tests.validator.faulty_application start DIR…`: validators whose applications do
what the file `fault` in their directory says. It is taken away before it is done, once.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from pathlib import Path

from evm_dex.validator import application_process, pair
from evm_dex.validator.abci.abci_pb2 import Request, Response
from evm_dex.validator.application import Application
from evm_dex.validator.home import Home

STARTER = (sys.executable, "-m", "tests.validator.faulty_application", "start")
STEPS = ("prepare_proposal", "process_proposal", "finalize_block", "commit")
MOMENTS = ("before", "within", "after")
"""`after` a step, its answer is not sent; `before` the commit is after the block's answer was."""
_LONGEST_STEP = 0.03


def order_death(home: Home, step: str, moment: str, *victims: str) -> None:
    """Let an application, its engine or both die the next time that a step is asked of it."""
    _order(home, "die", step, moment, *victims)


def order_proposals(home: Home, *raws: bytes) -> None:
    """Let an application propose these, whatever they are, the next time it is its turn."""
    _order(home, "propose", *(raw.hex() for raw in raws))


def is_done(home: Home) -> bool:
    return not (home.path / "fault").exists()


def _order(home: Home, *words: str) -> None:
    made = home.path / "fault.making"
    made.write_text(" ".join(words))
    made.replace(home.path / "fault")


class FaultyApplication(Application):
    """Answers as the application does, until it is told to do otherwise."""

    async def answer(self, request: Request) -> Response:
        kind = request.WhichOneof("value") or ""
        file = _home.path / "fault"
        if kind not in STEPS or not file.exists():
            return await super().answer(request)
        match file.read_text().split(" "):
            case ["die", step, moment, *victims] if step == kind:
                file.unlink()
                if moment == "before":
                    _kill(victims)
                if moment == "within":
                    threading.Timer(random.random() * _LONGEST_STEP, _kill, [victims]).start()
                answer = await super().answer(request)
                if moment == "after":
                    _kill(victims)
                return answer
            case ["propose", *raws] if kind == "prepare_proposal":
                file.unlink()
                return Response(prepare_proposal={"txs": [bytes.fromhex(raw) for raw in raws]})
        return await super().answer(request)


def _kill(victims: list[str]) -> None:
    if "engine" in victims:
        os.kill(_engine(), signal.SIGKILL)
    if "application" in victims:
        os.kill(os.getpid(), signal.SIGKILL)


def _engine() -> int:
    """The process id of the engine: the starter's other child for the same directory."""
    siblings = Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read_text().split()
    for pid in siblings:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"start" in words and str(_home.path).encode() in words:
            return int(pid)
    raise AssertionError("there is no engine")


if __name__ == "__main__":
    if sys.argv[1] == "start":
        from evm_dex.cli import main

        pair._APPLICATION = "tests.validator.faulty_application"
        sys.argv[1:1] = ["validator"]
        main()
    else:
        _home = Home(Path(sys.argv[1]))
        sys.exit(application_process.run_application(Path(sys.argv[1]), FaultyApplication))
