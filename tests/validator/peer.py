"""A peer in Python: it speaks the engine's P2P up to where a test lets it speak badly.

Source of the protocol: docs.cometbft.com/v0.38/spec/p2p, "Peer connection" and "Multiplex
connection".
"""

from __future__ import annotations

import hashlib
import socket
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.validator.merlin import Transcript

CHANNELS = bytes((0x00, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38, 0x40, 0x60, 0x61))
MEMPOOL = 0x30
_DATA_BYTES = 1_024
_SEALED_BYTES = 4 + _DATA_BYTES + 16
_INFO = b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN"


def varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes((*made, number))


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def delimited(message: bytes) -> bytes:
    return varint(len(message)) + message


def packet(channel: int, data: bytes, *, is_last: bool = True) -> bytes:
    """A part of a message on a channel."""
    return delimited(field(3, field(1, channel) + field(2, int(is_last)) + field(3, data)))


class Peer:
    """A connection to an engine's port for peers; what it does wrong, it is told to."""

    def __init__(self, port: int, chain_id: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self._chain_id = chain_id
        self._key = Ed25519PrivateKey.generate()
        self._sent = self._received = 0
        self._left = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def shake_hands(self, *, signs_wrong: bool = False, **info: Any) -> None:
        """Go through to where messages are taken. Raises OSError where it is refused."""
        mine = X25519PrivateKey.generate()
        public = mine.public_key().public_bytes_raw()
        self.socket.sendall(delimited(field(1, public)))
        other = self._exactly(35)[-32:]
        secret = mine.exchange(X25519PublicKey.from_public_bytes(other))
        low, high = sorted((public, other))
        transcript = Transcript(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH")
        transcript.append(b"EPHEMERAL_LOWER_PUBLIC_KEY", low)
        transcript.append(b"EPHEMERAL_UPPER_PUBLIC_KEY", high)
        transcript.append(b"DH_SECRET", secret)
        keys = HKDF(SHA256(), 96, None, _INFO).derive(secret)
        halves = (keys[:32], keys[32:64])
        reads, writes = halves if public == low else halves[::-1]
        self._reads, self._writes = ChaCha20Poly1305(reads), ChaCha20Poly1305(writes)
        challenge = transcript.challenge(b"SECRET_CONNECTION_MAC", 32)
        signature = self._key.sign(bytes(32) if signs_wrong else challenge)
        node_key = self._key.public_key().public_bytes_raw()
        self.send(delimited(field(1, field(1, node_key)) + field(2, signature)))
        self._message()
        peer_id = hashlib.sha256(node_key).digest()[:20].hex()
        self.send(delimited(self._node_info(peer_id, **info)))
        self._message()

    def _node_info(self, peer_id: str, network: str = "", channels: bytes = CHANNELS) -> bytes:
        versions = field(1, 8) + field(2, 11) + field(3, 1)
        return (
            field(1, versions)
            + field(2, peer_id)
            + field(3, "127.0.0.1:9")
            + field(4, network or self._chain_id)
            + field(5, "0.38.26")
            + field(6, channels)
            + field(7, "stranger")
            + field(8, field(1, "off"))
        )

    def send(self, data: bytes) -> None:
        """Send as much as there is, in sealed frames."""
        for at in range(0, len(data), _DATA_BYTES):
            part = data[at : at + _DATA_BYTES]
            frame = len(part).to_bytes(4, "little") + part.ljust(_DATA_BYTES, b"\0")
            nonce = bytes(4) + self._sent.to_bytes(8, "little")
            self.socket.sendall(self._writes.encrypt(nonce, frame, None))
            self._sent += 1

    def _message(self) -> bytes:
        size = shift = 0
        while True:
            byte = self._take(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return self._take(size)

    def _take(self, count: int) -> bytes:
        while len(self._left) < count:
            nonce = bytes(4) + self._received.to_bytes(8, "little")
            frame = self._reads.decrypt(nonce, self._exactly(_SEALED_BYTES), None)
            self._received += 1
            self._left += frame[4 : 4 + int.from_bytes(frame[:4], "little")]
        found, self._left = self._left[:count], self._left[count:]
        return found

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.socket.recv(count - len(found))
            if not part:
                raise ConnectionError("the engine hung up")
            found += part
        return found
