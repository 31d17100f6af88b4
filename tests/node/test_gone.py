"""A client that leaves before its answer is no error of the node's."""

from __future__ import annotations

import json
import socket
import struct

import pytest

from tests.node.served import Served

BODY = json.dumps(
    [{"jsonrpc": "2.0", "id": at, "method": "dex_markets", "params": []} for at in range(20)]
)
REQUEST = (
    f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
)
RESET = struct.pack("ii", 1, 0)


def test_the_node_logs_nothing_and_goes_on(
    shared_node: Served, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", shared_node.port)) as leaving:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            leaving.sendall(REQUEST)
    assert shared_node.result("eth_chainId") == "0x7a69"
    assert caplog.records == []
