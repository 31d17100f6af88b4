"""A server in the foreground, to try the CQL store with: `make history-cassandra`."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

from tests.history.cassandra.server import Server

_ENDS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Until interrupted; its data is gone then."""
    server = Server(Path(tempfile.mkdtemp(prefix="evm-dex-cassandra-")))
    try:
        print("starting Cassandra ...", flush=True)
        server.start()
        server.wait()
        print(f"serves CQL on 127.0.0.1:{server.port} until interrupted; says {server.log}")
        print(f"the tests use it with EVM_DEX_CQL=127.0.0.1:{server.port}", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        signal.sigwait(_ENDS)
    finally:
        server.remove()


main()
