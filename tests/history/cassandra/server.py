"""One Cassandra server in a directory of its own: start, stop, kill, start again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.history.cassandra.settings import LOGGING, MAIN, configuration, jvm_options
from tests.ports import free_ports

MADE = Path(__file__).parents[3] / ".cassandra"
"""Where .ci/cassandra puts the jars and a link to a Java that runs them."""
SECONDS_TO_START = 120
_LOG_LINES_SHOWN = 40


class ServerFailed(Exception):  # noqa: N818 - says what happened
    """The server did not come up; the end of its log is in the message."""


class Server:
    """Keeps its ports and its data over restarts."""

    def __init__(self, home: Path, *, with_jmx: bool = False) -> None:
        self.home = home
        self.port = free_ports(3)
        self.jmx_port, storage_port = self.port + 1, self.port + 2
        self._process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        (home / "cassandra.yaml").write_text(configuration(home, self.port, storage_port))
        (home / "logback.xml").write_text(LOGGING)
        options = jvm_options(home, MADE / "jars", self.jmx_port if with_jmx else None)
        self._command = [str(MADE / "java"), *options, "-cp", f"{MADE}/jars/*", MAIN]

    @property
    def log(self) -> Path:
        """What the server says, over all its starts."""
        return self.home / "server.log"

    @property
    def is_running(self) -> bool:
        """Whether there is a process, which may be coming up or hang."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Begin to come up; see `wait`."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Until clients are served. Raises ServerFailed."""
        deadline = time.monotonic() + SECONDS_TO_START
        while not _listens(self.port):
            if not self.is_running:
                raise ServerFailed(f"the server ended:\n{self._end_of_log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"the server takes too long:\n{self._end_of_log()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it with no chance to write anything more."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; its tables are on disk then."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def nodetool(self, *arguments: str) -> None:
        """Runs the server's own administration tool; needs `with_jmx`."""
        jmx = ["-h", "127.0.0.1", "-p", str(self.jmx_port)]
        main = "org.apache.cassandra.tools.NodeTool"
        command = [*self._command[:-1], main, *jmx, *arguments]
        subprocess.run(command, cwd=self.home, check=True, capture_output=True)

    def processor_seconds(self) -> float:
        """Spent by the server since it was started, in all its threads. Only on Linux."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    def remove(self) -> None:
        """Kill it and delete all it wrote."""
        self.kill()
        shutil.rmtree(self.home)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
