"""Archives that somebody put together: every checksum right, the content not that of a chain."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import rlp
from eth_hash.auto import keccak

from checkpoint.archive.record_types import RowRecord, Section, StateKind, StateRecord
from checkpoint.block_record import BlockRecord
from tests.checkpoint.archive.archives import Sections

Forgery = Callable[[Sections], None]

STRANGE: tuple[Any, ...] = (
    *(b"", b"\0", b"\x80", b"\xc0", b"\xff" * 9, bytes(31), bytes(33), bytes(256), bytes(70_000)),
    *(rlp.encode([[]] * 3), rlp.encode([b"", b"", [b"\1"] * 32, b""]), b"\xf8" * 40),
    *(-1, 0, 1, 255, 256, 2**63, 2**64 - 1, "text", None, True, 1.5, [], [[]] * 9, {}),
)


def forgeries(sections: Sections, seed: int, count: int) -> Iterator[tuple[str, Forgery]]:
    """The named ones, and so many at random, each of one place."""
    yield from NAMED.items()
    rng = random.Random(seed)
    for number in range(count):
        section = Section(rng.choice(list(sections)))
        yield f"{section.name} {number}", _at_random(section, rng.randrange(2**32))


def forged_lines(lines: list[bytes], seed: int) -> list[bytes]:
    """JSON Lines with one place forged: a line, a field, or a few letters."""
    rng, forged = random.Random(seed), list(lines)
    at = rng.randrange(len(forged))
    match rng.randrange(6):
        case 0:
            del forged[at]
        case 1:
            forged.insert(at, forged[at])
        case 2:
            other = rng.randrange(len(forged))
            forged[at], forged[other] = forged[other], forged[at]
        case 3:
            letter = rng.randrange(len(forged[at]))
            cut, more = letter + rng.randrange(3), bytes(rng.choices(b'0f"{}[],: -e', k=2))
            forged[at] = forged[at][:letter] + more + forged[at][cut:]
        case 4:
            fields = msgspec.json.decode(forged[at])
            fields[rng.choice(sorted(fields))] = _plainly(rng.choice(STRANGE))
            forged[at] = msgspec.json.encode(fields)
        case 5:
            fields = msgspec.json.decode(forged[at])
            inner = fields.get("fields", fields)
            name = rng.choice(sorted(inner))
            inner[name] = inner[name] + 1 if isinstance(inner[name], int) else _plainly(inner[name])
            forged[at] = msgspec.json.encode(fields)
    return forged


def _plainly(value: Any) -> Any:
    return f"0x{value.hex()}" if isinstance(value, bytes) else value


def _at_random(section: int, seed: int) -> Forgery:
    def forge(sections: Sections) -> None:
        rng, records = random.Random(seed), sections[section]
        at = rng.randrange(len(records)) if records else 0
        match rng.randrange(8 if records else 1):
            case 0:
                records.insert(at, rng.choice(STRANGE))
            case 1:
                del records[at]
            case 2:
                records.insert(at, records[at])
            case 3:
                other = rng.randrange(len(records))
                records[at], records[other] = records[other], records[at]
            case 4:
                records[at] = _with_field(records[at], rng, lambda _: rng.choice(STRANGE))
            case 5:
                records[at] = _with_field(records[at], rng, lambda value: _flipped(value, rng))
            case 6:
                records[at] = _with_field(records[at], rng, lambda value: _relisted(value, rng))
            case 7:
                records[at] = [*_fields(records[at]), rng.choice(STRANGE)]

    return forge


def _fields(record: Any) -> list[Any]:
    return list(record) if isinstance(record, tuple) else [record]


def _with_field(record: Any, rng: random.Random, change: Callable[[Any], Any]) -> Any:
    if not isinstance(record, tuple):
        return change(record)
    fields = list(record)
    at = rng.randrange(len(fields))
    fields[at] = change(fields[at])
    return fields


def _flipped(value: Any, rng: random.Random) -> Any:
    if not isinstance(value, bytes) or not value:
        return rng.choice(STRANGE)
    at = rng.randrange(len(value))
    return value[:at] + bytes((value[at] ^ 1 << rng.randrange(8),)) + value[at + 1 :]


def _relisted(value: Any, rng: random.Random) -> Any:
    """Another item in the RLP or msgpack of a value."""
    if not isinstance(value, bytes):
        return rng.choice(STRANGE)
    strange = [item for item in STRANGE if isinstance(item, bytes | list)]
    try:
        items = rlp.decode(value)
    except rlp.exceptions.RLPException:
        return rng.choice(strange)
    if not isinstance(items, list) or not items:
        return rlp.encode(rng.choice(strange))
    items = list(items)
    items[rng.randrange(len(items))] = rng.choice(strange)
    return rlp.encode(items)


def _code_of_nobody(sections: Sections) -> None:
    code = b"\xfe" * 24_000
    for number in range(3_000):
        own = code + number.to_bytes(4, "big")
        sections[Section.STATE].insert(0, StateRecord(StateKind.CODE, keccak(own), own))


def _code_again(sections: Sections) -> None:
    records = sections[Section.STATE]
    at = next(at for at, record in enumerate(records) if record.kind == StateKind.CODE)
    records.insert(at, records[at])


def _endless_index(sections: Sections) -> None:
    sections[Section.ACTIVE] = [number.to_bytes(8, "big") for number in range(3_000_000)]


def _empty_index_keys(sections: Sections) -> None:
    sections[Section.ACTIVE] = [b""] * 3_000_000


def _other_index(sections: Sections) -> None:
    """Keys of orders that have ended, or none: the rows say which are active."""
    sections[Section.ACTIVE] = [(1).to_bytes(8, "big")]


def _long_row_key(sections: Sections) -> None:
    sections[Section.ROWS].append(RowRecord(255, bytes(256), b"x"))


def _account_of_lists(sections: Sections) -> None:
    records = sections[Section.STATE]
    at = next(at for at, record in enumerate(records) if record.kind == StateKind.ACCOUNT)
    value = rlp.encode([[b"\1", b"\2"], [b""], [b"\1"] * 32, [b"\2"] * 32])
    records[at] = StateRecord(StateKind.ACCOUNT, records[at].key, value)


def _deep_account(sections: Sections) -> None:
    value = b"\xc0"
    for _ in range(20_000):
        value = rlp.codec.length_prefix(len(value), 0xC0) + value
    records = sections[Section.STATE]
    at = next(at for at, record in enumerate(records) if record.kind == StateKind.ACCOUNT)
    records[at] = StateRecord(StateKind.ACCOUNT, records[at].key, value)


def _many_counts(sections: Sections) -> None:
    (chain,) = sections[Section.CHAIN]
    sections[Section.CHAIN] = [chain._replace(counts=((1, 1),) * 2_000_000)]


def _logs_without_end(sections: Sections, log: list[Any]) -> None:
    block: BlockRecord = sections[Section.BLOCKS][1]
    receipts = msgspec.msgpack.decode(block.receipts[1:])
    for place, field in enumerate(receipts[0]):
        if isinstance(field, list):
            receipts[0][place] = [log] * (12_000_000 // len(msgspec.msgpack.encode(log)))
    forged = block.receipts[:1] + msgspec.msgpack.encode(receipts)
    sections[Section.BLOCKS][1] = block._replace(receipts=forged)


def _short_logs_without_end(sections: Sections) -> None:
    _logs_without_end(sections, [b"", [], b""])


def _longer_logs_without_end(sections: Sections) -> None:
    _logs_without_end(sections, [bytes(20), [], b""])


def _transactions_without_end(sections: Sections) -> None:
    block: BlockRecord = sections[Section.BLOCKS][1]
    body = msgspec.msgpack.decode(block.body[1:])
    body[0] = [[b"", bytes(20)]] * 500_000
    forged = block.body[:1] + msgspec.msgpack.encode(body)
    sections[Section.BLOCKS][1] = block._replace(body=forged)


NAMED: dict[str, Forgery] = {
    "code that no account has": _code_of_nobody,
    "code twice": _code_again,
    "an index of millions": _endless_index,
    "an index of empty keys": _empty_index_keys,
    "an index of other orders": _other_index,
    "a row with a key of 256 bytes": _long_row_key,
    "an account of lists": _account_of_lists,
    "an account of lists in lists": _deep_account,
    "millions of counts": _many_counts,
    "millions of short logs": _short_logs_without_end,
    "hundreds of thousands of logs": _longer_logs_without_end,
    "millions of transactions": _transactions_without_end,
}
