"""A server in the foreground, to try the CQL store with: `make history-cassandra`."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

from tests.history.cassandra.server import Server


def main() -> None:
    """Until interrupted; its data is gone then."""
    if sys.argv[1:]:
        sys.exit("takes no arguments; its data is deleted when it ends")
    server = Server(Path(tempfile.mkdtemp(prefix="evm-dex-cassandra-")))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print("starting Cassandra ...", flush=True)
        server.start()
        server.wait()
        print(f"serves CQL on 127.0.0.1:{server.port} until interrupted; says {server.log}")
        print(f"the tests use it with EVM_DEX_CQL=127.0.0.1:{server.port}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        server.remove()


main()
