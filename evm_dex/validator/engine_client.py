"""Questions to an engine's RPC."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import Any

from evm_dex.errors import EngineUnreachable

_SECONDS = 20.0


def ask_engine(url: str, method: str, **params: str) -> Any:
    """Return the result of one question. Raises EngineUnreachable."""
    if not url.startswith(("http://", "https://")):
        raise EngineUnreachable(f"an engine's RPC must be http://HOST:PORT, got {url}")
    query = "&".join(f"{name}={value}" for name, value in params.items())
    try:
        with urllib.request.urlopen(f"{url}/{method}?{query}", timeout=_SECONDS) as reply:  # noqa: S310 - checked above
            answer = json.load(reply)
    except (OSError, ValueError, HTTPException) as error:
        raise EngineUnreachable(f"no engine answers at {url}: {error}") from error
    if not isinstance(answer, dict) or "result" not in answer:
        raise EngineUnreachable(f"{url} does not answer as an engine does: {answer}")
    return answer["result"]
