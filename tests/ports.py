"""Ports that nobody listens at, for programs that can't be given one by the system."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _first_ephemeral() -> int:
    """The first port that the system gives to whoever connects, or asks for any."""
    return int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens at, nor is given by the system.

    They are drawn at random, so that two who ask at once hardly get the same.
    """
    chance, end = random.SystemRandom(), max(_first_ephemeral(), 16_000)
    while True:
        first = chance.randrange(10_000, end - count, count)
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as tried:
                    tried.bind(("127.0.0.1", port))
            return first


def free_port() -> int:
    """A port that nobody listens at."""
    return free_ports(1)
