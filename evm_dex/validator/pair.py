"""One validator's two processes, started together, watched, and started again together.

The engine ends without its application, and the application is of no use without the engine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from evm_dex.errors import ValidatorStopped
from evm_dex.validator.engine import engine_config, find_engine, read_keys
from evm_dex.validator.home import Home
from evm_dex.validator.single_start import await_ports, only_start

READY = b"ready\n"
"""The application's line on standard output once it listens."""
NO_USE_AGAIN = 3
"""The application's exit status where it would fail again: its last line says why."""
_APPLICATION = "evm_dex.validator.application_process"
_SECONDS_TO_STOP = 10.0
MADE_A_BLOCK = b"made a block\n"
"""Its next line, once."""
_MOST_FAILURES = 5
"""Starts in a row that may end before a block."""
_LONGEST_PAUSE = 5.0
MOST_LOG_BYTES = 20_000_000
"""After which a log is put aside, in place of the one before."""
_TAIL_BYTES = 20_000

Tell = Callable[[str], object]


class Pair:
    """The processes of one validator."""

    def __init__(self, home: Home, tell: Tell) -> None:
        """`tell` is given a line for each thing that happens. Raises what `Home` raises."""
        self.home = home
        self.application: Process | None = None
        self.engine: Process | None = None
        self._tell = tell
        self._said = b""
        """The application's lines after READY, once it has ended."""
        self._program = find_engine()
        self._check()

    def _check(self) -> None:
        """Find out before anything is begun what would end it."""
        name = self.home.settings().name
        self.home.check_engine_data(self.home.genesis().chain_id)
        read_keys(self.home.path, name)

    async def run(self) -> None:
        """Keep both going until this is cancelled. Raises ValidatorStopped, AlreadyInUse."""
        with only_start(self.home):
            await await_ports(self.home)
            await self._keep_going()

    async def _keep_going(self) -> None:
        failures, pause = 0, 0.1
        while True:
            try:
                what = await self._once()
            finally:
                await self._stop()
            if MADE_A_BLOCK in self._said:
                failures, pause = 0, 0.1
            failures += 1
            if failures > _MOST_FAILURES:
                raise ValidatorStopped(
                    f"{what}, {failures} times in a row; see {self.home.application_log} and "
                    f"{self.home.engine_log}: {self._last_words()}"
                )
            self._tell(f"{what}: starting both again")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(self) -> str:
        """Start both and wait until one has ended; what ended. Raises ValidatorStopped."""
        home = self.home
        home.forget_half_joined()
        (home.config / "config.toml").write_text(
            "# Written from validator.toml each time the validator starts.\n"
            + engine_config(home.engine_settings())
        )
        for grown in (home.engine_log, home.application_log):
            _bound(grown)
        with home.application_log.open("ab") as log:
            self.application = application = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _APPLICATION, str(home.path)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert application.stdout is not None, "it is a pipe"
        self._said = await application.stdout.readline()
        if self._said != READY:
            return await self._application_ended(application)
        home.mark_engine_data(home.genesis().chain_id)
        with home.engine_log.open("ab") as log:
            self.engine = engine = await asyncio.create_subprocess_exec(
                *(str(self._program), "start", "--home", str(home.path)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=home.path,
            )
        self._tell(f"JSON-RPC on http://{home.settings().host}:{home.settings().port}")
        waiting = [asyncio.create_task(each.wait()) for each in (application, engine)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        # One that the other takes along is named as what it is: the second.
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await application.wait()
        if application.returncode is not None:
            return await self._application_ended(application)
        return f"the engine ended ({_ending(engine.returncode)})"

    async def _application_ended(self, application: Process) -> str:
        status = await application.wait()
        await self._hear(application)
        if status == NO_USE_AGAIN:
            raise ValidatorStopped(self._said.decode(errors="replace").splitlines()[-1])
        return f"the application ended ({_ending(status)})"

    async def _hear(self, application: Process) -> None:
        """Take in what an application that has ended said."""
        assert application.stdout is not None, "it is a pipe"
        self._said += await application.stdout.read()

    async def _stop(self) -> None:
        """End what of the two is running: the engine first, so that it is not told of an error."""
        for process in (self.engine, self.application):
            if process is not None and process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                try:
                    async with asyncio.timeout(_SECONDS_TO_STOP):
                        await process.wait()
                except TimeoutError:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        if self.application is not None:
            await self._hear(self.application)
        self.engine = self.application = None

    def _last_words(self) -> str:
        """Return the engine's last error, as far as it left one."""
        try:
            with self.home.engine_log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return "nothing"
        marks = ("panic:", "ERROR:", "E[", "failed to")
        found = [line.strip() for line in lines if line.startswith(marks)]
        return found[-1] if found else (lines[-1].strip() if lines else "nothing")


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"with status {status}"


def _bound(log: Path) -> None:
    """Put a log that has grown long aside, in place of the one before."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > MOST_LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
