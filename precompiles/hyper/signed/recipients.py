"""Recipients on other chains, as 32 bytes: accounts of EVM chains in hex, others in base 58."""

from __future__ import annotations

from precompiles.hyper.signed.errors import InvalidRecipient

_WORD = 32
_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MOST_DIGITS = 64


def parse_recipient(text: str, encoding: str) -> bytes:
    """Return a recipient's 32 bytes, those of a shorter one at the end. Raises InvalidRecipient."""
    if len(text) > 2 + _MOST_DIGITS:
        raise InvalidRecipient
    if encoding == "hex":
        try:
            raw = bytes.fromhex(text.removeprefix("0x"))
        except ValueError as error:
            raise InvalidRecipient from error
        number = int.from_bytes(raw, "big")
    else:
        number = 0
        for digit in text:
            if digit not in _DIGITS:
                raise InvalidRecipient
            number = number * len(_DIGITS) + _DIGITS.index(digit)
    if not number or number >> (8 * _WORD):
        raise InvalidRecipient
    return number.to_bytes(_WORD, "big")
