"""Decimal numbers as texts, the form in which signed actions give prices, sizes and amounts."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_MOST_DIGITS = 40


def parse_decimal(text: str, places: int) -> int | None:
    """Return a text's value times 10**places; None where it is no number of so few places.

    Not below 0. Takes an exponent too, since Python's `str` of a small float has one.
    """
    if len(text) > _MOST_DIGITS or not text.isascii():
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value < 0 or value.adjusted() > _MOST_DIGITS:
        return None
    scaled = value.scaleb(places)
    whole = int(scaled)
    return whole if whole == scaled else None


def format_decimal(value: int, places: int) -> str:
    """Return value / 10**places without needless zeros: "0.5", "12", "-3.25"."""
    sign, digits = ("-", -value) if value < 0 else ("", value)
    whole, rest = divmod(digits, 10**places)
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:0{places}d}".rstrip("0")


def canonical_decimal(text: str) -> str:
    """Return a number's text as a server writes it before hashing: no exponent, no end zeros."""
    if "." in text and "e" not in text.lower():
        return text.rstrip("0").rstrip(".")
    return text
