"""Questions to a validator's JSON-RPC."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import Any

from evm_dex.errors import NodeRefused, NodeUnreachable

_SECONDS = 20.0


def ask_node(url: str, method: str, *params: Any) -> Any:
    """Return the result of one request. Raises NodeUnreachable, NodeRefused for an error."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    request = urllib.request.Request(  # noqa: S310 - http://, from the settings
        url, json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as reply:  # noqa: S310 - as above
            answer = json.load(reply)
    except (OSError, ValueError, HTTPException) as error:
        raise NodeUnreachable(f"no validator answers at {url}: {error}") from error
    if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
        raise NodeUnreachable(f"{url} does not answer as a node does: {answer}")
    if "error" in answer:
        raise NodeRefused(str(answer["error"].get("message")), answer["error"].get("data"))
    return answer["result"]
