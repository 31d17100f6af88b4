"""The accounts that random transactions are about, and the transactions."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import rlp
from eth.vm.forks.prague.transactions import Authorization
from eth_hash.auto import keccak

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.gas import intrinsic_gas
from evm_dex.blocks.rules import PRAGUE
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.evm.machine import State
from precompiles.types import Address
from tests.bytecode import assemble, deployment
from tests.evm.differential.programs import LIBRARY, SLOTS, Grammar

CHAIN_ID = 31337
SENDERS = default_accounts()[:3]
AUTHORITIES = default_accounts()[3:5]
CONTRACTS = tuple(Address(bytes((0xC0 + number,)) * 20) for number in range(7))
EMPTY = tuple(Address(bytes((0xE0 + number,)) * 20) for number in range(3))
PRECOMPILES = tuple(Address(bytes(19) + bytes((number,))) for number in (1, 2, 4, 6, 0x0B))
NAMED = (
    *CONTRACTS,
    *CONTRACTS,
    *EMPTY,
    *(account.address for account in (*SENDERS, *AUTHORITIES)),
    *PRECOMPILES[:2],
    LIBRARY,
)
_CODES_TO_RETURN = ("", "CALLER SELFDESTRUCT", "ADDRESS SELFDESTRUCT", "0x02 0x01 SSTORE")
_SALTS = (0, 1)


@dataclass
class World:
    """Contracts with random programs, and what may come to be beside them."""

    library: bytes
    codes: dict[Address, bytes]
    storage: dict[Address, dict[int, int]]
    created: list[Address]
    """Where CREATE2 and the first CREATEs of the contracts put something."""

    @property
    def places(self) -> list[Address]:
        """Every account worth looking at."""
        return list(dict.fromkeys((*NAMED, *PRECOMPILES, *self.created)))

    def write(self, state: State) -> None:
        """Put it into a state."""
        state.set_code(LIBRARY, self.library)
        for address, code in self.codes.items():
            state.set_nonce(address, 1)
            state.set_code(address, code)
            state.set_balance(address, 5)
            for slot, word in self.storage[address].items():
                state.set_storage(address, slot, word)


def make_world(random: Random) -> World:
    """Contracts whose programs are random snippets, and some of random bytes."""
    grammar = Grammar(random, NAMED)
    inits = _add_inits(grammar)
    created = [
        _create2_address(creator, salt, init)
        for creator in CONTRACTS
        for salt in _SALTS
        for init in inits
    ]
    created += [_create_address(creator, nonce) for creator in CONTRACTS for nonce in (1, 2)]
    grammar.targets = (*NAMED, *random.sample(created, 12))
    codes = {address: grammar.program(14) for address in CONTRACTS[:-1]}
    codes[CONTRACTS[-1]] = grammar.noise(80)
    words = (0, 1, 2, 2**255)
    contents = [{slot: random.choice(words) for slot in SLOTS} for _ in range(3)]
    storage = {address: random.choice(contents) for address in CONTRACTS}  # some share a trie
    return World(grammar.library, codes, storage, created)


def _add_inits(grammar: Grammar) -> list[bytes]:
    """Init code that succeeds, fails, and destroys itself in every way there is."""
    inits = [
        *(deployment(assemble(text)) for text in _CODES_TO_RETURN),
        assemble("0x01 PUSH0 SSTORE CALLER SELFDESTRUCT"),
        assemble("0x02 0x01 SSTORE PUSH0 PUSH0 REVERT"),
        deployment(b"\xef\x00"),
        assemble("0x01 PUSH0 SSTORE 0x6001 PUSH0 RETURN"),
        assemble("0x03 PUSH0 TSTORE PUSH0 TLOAD 0x02 SSTORE STOP"),
    ]
    for _ in range(3):
        inits.append(grammar.init(4))
        inits.append(deployment(grammar.program(5)))
    for init in inits:
        grammar.add_init(init)
    return inits


def _create2_address(creator: Address, salt: int, init: bytes) -> Address:
    return Address(keccak(b"\xff" + creator + salt.to_bytes(32, "big") + keccak(init))[12:])


def _create_address(creator: Address, nonce: int) -> Address:
    return Address(keccak(rlp.encode([creator, nonce]))[12:])


class Transactions:
    """Random transactions on a world; nonces are read from the state they are for."""

    def __init__(self, random: Random, world: World) -> None:
        self._random = random
        self._world = world

    def next(self, state: State, base_fee: int) -> Transaction:
        """One transaction, seldom an invalid one."""
        random = self._random
        account = random.choice(SENDERS)
        type_id = random.choice((0, 1, 2, 2, 2, 3, 4, 4))
        nonce = state.get_nonce(account.address) + (random.random() < 0.02)
        to = b"" if type_id < 3 and random.random() < 0.1 else self._receiver()
        price = base_fee + random.choice((0, 0, 1, 100))
        fields: dict[str, Any] = {
            "chain_id": CHAIN_ID,
            "nonce": nonce,
            "gas": random.choice((0, 5_000, 50_000, 200_000, *(3_000_000,) * 6)),
            "to": to,
            "value": random.choice((0, 0, 0, 1, 2, 10**30 if random.random() < 0.1 else 3)),
            "data": self._data(is_init=not to),
            "access_list": self._access_list(),
            "max_fee_per_gas": price,
            "gas_price": price,
            "max_priority_fee_per_gas": random.choice((0, 0, 1)) if price > base_fee else 0,
        }
        if type_id == 3:
            fields["max_fee_per_blob_gas"] = random.choice((1, 9))
            fields["blob_versioned_hashes"] = (b"\x01" + bytes(31),) * random.randint(1, 3)
        if type_id == 4:
            fields["authorization_list"] = self._authorizations(state)
        fields["gas"] += _least_gas(fields)
        return sign(account.signer, type_id, {name: fields[name] for name in _FIELDS[type_id]})

    def _receiver(self) -> Address:
        random = self._random
        others = self._world.created if random.random() < 0.3 else [*NAMED, *PRECOMPILES]
        return random.choice(others if random.random() < 0.4 else CONTRACTS)

    def _data(self, *, is_init: bool) -> bytes:
        random = self._random
        if is_init:
            grammar = Grammar(random, (*NAMED, *self._world.created))
            code = random.choice((grammar.init(6), deployment(grammar.program(6))))
            return code if random.random() < 0.9 else grammar.noise(60)
        levels = random.choice((0, 1, 2, 4, 4, 4, 8)).to_bytes(32, "big")
        return levels + random.randbytes(random.choice((0, 0, 0, 0, 20, 3_000)))

    def _access_list(self) -> Any:
        random = self._random
        return tuple(
            (address, tuple(random.sample(SLOTS, random.randrange(3))))
            for address in random.sample(self._world.places, random.choice((0, 0, 1, 3)))
        )

    def _authorizations(self, state: State) -> tuple[Any, ...]:
        return tuple(self._authorization(state) for _ in range(self._random.randint(1, 3)))

    def _authorization(self, state: State) -> Authorization:
        random = self._random
        account = random.choice((*AUTHORITIES, *AUTHORITIES, *SENDERS))
        address = random.choice((*CONTRACTS, *CONTRACTS, bytes(20), *NAMED, *PRECOMPILES))
        nonce = state.get_nonce(account.address) + random.choice((0, 0, 0, 1))
        chain_id = random.choice((CHAIN_ID, CHAIN_ID, 0, 1))
        digest = keccak(b"\x05" + rlp.encode([chain_id, address, nonce]))
        y_parity, r, s = account.signer.sign(digest)
        if random.random() < 0.05:
            y_parity ^= 1
        return Authorization(chain_id, Address(address), nonce, y_parity, r, s)


def _least_gas(fields: dict[str, Any]) -> int:
    """What it takes before execution, to which some is added."""
    intrinsic = intrinsic_gas(
        fields["data"],
        creates=not fields["to"],
        access_list=fields["access_list"],
        authorizations=len(fields.get("authorization_list", ())),
    )
    return PRAGUE.least_gas(intrinsic, fields["data"], creates=not fields["to"])


_CALL = ("chain_id", "nonce", "gas", "to", "value", "data")
_FEES = ("max_fee_per_gas", "max_priority_fee_per_gas", "access_list")
_FIELDS = {
    0: (*_CALL, "gas_price"),
    1: (*_CALL, "gas_price", "access_list"),
    2: (*_CALL, *_FEES),
    3: (*_CALL, *_FEES, "max_fee_per_blob_gas", "blob_versioned_hashes"),
    4: (*_CALL, *_FEES, "authorization_list"),
}
