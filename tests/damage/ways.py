"""Ways to damage one file, each a function of its bytes; None deletes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Way = Callable[[bytes], bytes | None]


def flipped(part: float) -> Way:
    """One bit, that far into the file."""

    def damage(content: bytes) -> bytes:
        if not content:
            return b"\x01"
        offset = int(part * (len(content) - 1))
        return content[:offset] + bytes((content[offset] ^ 0x10,)) + content[offset + 1 :]

    return damage


def cut_off(part: float) -> Way:
    """All after that far into the file is gone."""
    return lambda content: content[: int(part * len(content))]


def zeroed(part: float) -> Way:
    """A sector of zeros, as a disk leaves one that was never written."""

    def damage(content: bytes) -> bytes:
        start = int(part * len(content)) // 512 * 512
        end = min(start + 512, len(content))
        return content[:start] + bytes(end - start) + content[end:]

    return damage


def deleted(_content: bytes) -> None:
    return None


def grown(content: bytes) -> bytes:
    """Bytes of nobody at its end."""
    return content + bytes(range(1, 200))


def ways(parts: int) -> dict[str, Way]:
    """All of them, with flips, cuts and zeros at so many places each."""
    places = [index / max(parts - 1, 1) for index in range(parts)]
    found: dict[str, Way] = {"deleted": deleted, "grown": grown}
    for place in places:
        found[f"flipped at {place:.2f}"] = flipped(place)
        found[f"cut off at {place * 0.99:.2f}"] = cut_off(place * 0.99)
        found[f"zeroed at {place:.2f}"] = zeroed(place)
    return found


def apply(way: Way, file: Path) -> bool:
    """Damage a file, which may have other names that stay; whether that changed anything."""
    before = file.read_bytes()
    after = way(before)
    if after == before:
        return False
    file.unlink()
    if after is not None:
        file.write_bytes(after)
    return True


def replace(file: Path, other: Path) -> bool:
    """Put another file's content in the place of a file; whether that changed anything."""
    content = other.read_bytes()
    return apply(lambda _: content, file)
