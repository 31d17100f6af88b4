"""Merlin transcripts (merlin.cool) over STROBE-128, as the engine's peers agree on a challenge."""

from __future__ import annotations

_RATE = 166
_INPUT, _DATA, _CIPHER, _META = 1, 2, 4, 16
_LANE = (1 << 64) - 1


def keccak_f(state: bytearray) -> None:
    """Permute 200 bytes (FIPS 202, section 3.3)."""
    lanes = [
        [int.from_bytes(state[8 * (x + 5 * y) :][:8], "little") for y in range(5)] for x in range(5)
    ]
    register = 1
    for _ in range(24):
        sums = [column[0] ^ column[1] ^ column[2] ^ column[3] ^ column[4] for column in lanes]
        for x in range(5):
            mixed = sums[(x + 4) % 5] ^ _turned(sums[(x + 1) % 5], 1)
            lanes[x] = [lane ^ mixed for lane in lanes[x]]
        x, y, current = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], _turned(current, (step + 1) * (step + 2) // 2)
        for y in range(5):
            row = [lanes[x][y] for x in range(5)]
            for x in range(5):
                lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _LANE)
        for power in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            if register & 2:
                lanes[0][0] ^= 1 << ((1 << power) - 1)
    for x in range(5):
        for y in range(5):
            state[8 * (x + 5 * y) : 8 * (x + 5 * y) + 8] = lanes[x][y].to_bytes(8, "little")


def _turned(lane: int, by: int) -> int:
    by %= 64
    return (lane << by | lane >> (64 - by)) & _LANE


class Transcript:
    def __init__(self, label: bytes) -> None:
        self._state = bytearray(200)
        self._state[:18] = bytes((1, _RATE + 2, 1, 0, 1, 96)) + b"STROBEv1.0.2"
        keccak_f(self._state)
        self._at = self._began = 0
        self._operate(_META | _DATA, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        self._operate(_META | _DATA, label)
        self._absorb(len(message).to_bytes(4, "little"))
        self._operate(_DATA, message)

    def challenge(self, label: bytes, size: int) -> bytes:
        self._operate(_META | _DATA, label)
        self._absorb(size.to_bytes(4, "little"))
        self._operate(_INPUT | _DATA | _CIPHER, b"")
        found = bytes(self._state[:size])
        self._state[:size] = bytes(size)
        self._at = size
        return found

    def _operate(self, flags: int, data: bytes) -> None:
        began, self._began = self._began, self._at + 1
        self._absorb(bytes((began, flags)))
        if flags & _CIPHER and self._at:
            self._permute()
        self._absorb(data)

    def _absorb(self, data: bytes) -> None:
        for byte in data:
            self._state[self._at] ^= byte
            self._at += 1
            if self._at == _RATE:
                self._permute()

    def _permute(self) -> None:
        self._state[self._at] ^= self._began
        self._state[self._at + 1] ^= 0x04
        self._state[_RATE + 1] ^= 0x80
        keccak_f(self._state)
        self._at = self._began = 0
