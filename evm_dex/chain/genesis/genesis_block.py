"""The first block: accounts, tokens, markets and deposits put into state and ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from eth.constants import BLANK_ROOT_HASH, ZERO_HASH32
from eth.vm.forks.london.constants import INITIAL_BASE_FEE
from eth.vm.forks.prague import PragueVM
from eth_hash.auto import keccak

from checkpoint.families import Family
from checkpoint.store import Store
from evm_dex.abi.artifact import Artifact, ArtifactError, code_of, load_artifact
from evm_dex.blocks.header import Header
from evm_dex.chain.block_store import block_batch
from evm_dex.chain.genesis.forked_genesis import forked_header, hide_original, read_by_genesis
from evm_dex.chain.genesis.genesis_core import GenesisCore, GenesisCoreToken, fill_core
from evm_dex.chain.genesis.genesis_perp import GenesisPerp
from evm_dex.chain.genesis.known_contracts import KNOWN_CONTRACTS, known_code
from evm_dex.chain.genesis.resolved import Genesis, GenesisToken
from evm_dex.chain.market_grid import warn_of_rounding
from evm_dex.chain.sealing import SealedBlock
from evm_dex.chain.validator_set import VALIDATOR_SET, Member, storage_words
from evm_dex.evm.machine import Machine, State
from evm_dex.evm.state import write_commitment
from evm_dex.evm.system_contracts import SYSTEM_CONTRACTS
from evm_dex.evm.trie_db import NodeBuffer
from evm_dex.origin.origin import Origin
from evm_dex.origin.origin_block import OriginBlock
from precompiles.execution import Execution
from precompiles.hyper.system_addresses import (
    CORE_WRITER,
    HYPE_SYSTEM,
    USDC,
    WHYPE,
    token_address,
)
from precompiles.ledger.ledger import Ledger
from precompiles.perp import collateral, insurance, markets, oracle
from precompiles.spot.funds import credit
from precompiles.spot.markets import list_market
from precompiles.types import NATIVE_COIN, PERP_ADDRESS, SPOT_ADDRESS, Address

STUB_CODE = b"\xfe"
"""INVALID: what a precompile's account holds, so that Solidity sees a contract there."""
_ERC20 = "TestToken"
_SHORT_STRING = 31
_NEW_ACCOUNT_FEE = 10**8
"""USDC of HyperCore that a deposit for a new account on a perpetuals dex is less by."""
_HYPEREVM_CONTRACTS = {CORE_WRITER: "CoreWriter", HYPE_SYSTEM: "HypeSystem", WHYPE: "WHYPE"}


def write_genesis(
    store: Store,
    genesis: Genesis,
    vm_class: type[PragueVM],
    ledger: Ledger,
    precompiles: Iterable[Address],
    forked: tuple[Origin, OriginBlock] | None = None,
) -> None:
    """Make the first block in an empty store, in one batch like any other block.

    Block 0, or the one in the place of the block that the chain is forked at. Raises OriginError.
    """
    nodes = NodeBuffer(store)
    encoded = genesis.encode()
    header = Header(
        parent_hash=ZERO_HASH32,
        state_root=BLANK_ROOT_HASH,
        block_number=0,
        gas_limit=genesis.gas_limit,
        timestamp=genesis.timestamp,
        extra_data=keccak(encoded),
        mix_hash=ZERO_HASH32,
        base_fee_per_gas=INITIAL_BASE_FEE,
    )
    if genesis.core is not None:
        header = msgspec.structs.replace(
            header, base_fee_per_gas=genesis.rules.least_base_fee, requests_hash=None
        )
    precompiles = tuple(precompiles)
    if forked is not None:
        origin, block = forked
        header = forked_header(genesis, block, header)
        origin.state.prefetch(read_by_genesis(genesis, precompiles))
    machine = Machine(vm_class, genesis.chain_id, lambda _: ())
    state = machine.state(nodes, header)
    fill_genesis(state, ledger, genesis, precompiles)
    changes = ledger.seal()
    write_commitment(state, changes.commitment)
    state.persist()
    header = header.with_state_root(state.state_root)
    sealed = SealedBlock(header, (), (), changes, nodes.take())
    batch = block_batch(sealed, sealed.head(genesis.chain_id), genesis=encoded)
    if forked is not None:
        batch.put_all(Family.ORIGIN, forked[0].take_fetched())
    store.write(batch)
    ledger.accept(changes)


def fill_genesis(
    state: State, ledger: Ledger, genesis: Genesis, precompiles: Iterable[Address]
) -> None:
    """Put a genesis into an empty ledger and a state that has none of its accounts."""
    _fill_ledger(ledger, genesis)
    _fill_state(state, genesis, precompiles)


def _fill_ledger(ledger: Ledger, genesis: Genesis) -> None:
    ledger.set_owner(genesis.owner)
    owner = Execution(ledger, genesis.owner, 0, genesis.timestamp)
    for market in genesis.markets:
        warn_of_rounding(f"0x{market.asset.hex()}", market.base_unit, market.tick, market.lot)
        list_market(owner, **msgspec.structs.asdict(market))
    for deposit in genesis.deposits:
        credit(owner, deposit.user, deposit.token, deposit.amount)
    if genesis.perp is not None:
        _fill_perp(ledger, genesis.perp, owner)
    if genesis.core is not None:
        fill_core(genesis.core, sum(balance for _, balance in genesis.balances), owner)


def _fill_perp(ledger: Ledger, perp: GenesisPerp, owner: Execution) -> None:
    markets.set_collateral(owner, perp.collateral)
    markets.set_backstop(owner, perp.backstop)
    for market in perp.markets:
        rules = msgspec.structs.asdict(market)
        asset, price, feeder = rules.pop("asset"), rules.pop("price"), rules["feeder"]
        del rules["symbol"]
        tiers = markets.stored_tiers(rules.pop("tiers"))
        most = tiers[0][1]
        warn_of_rounding(market.symbol, market.base_unit, market.tick, market.lot)
        markets.list_market(owner, asset, market.base_unit, market.tick, market.lot, most, feeder)
        markets.change_market(owner, asset, "genesis", tiers=tiers, **rules)
        if price:
            oracle.set_price(owner.acting_for(feeder), asset, price, 0)
    for user, amount in perp.deposits:
        collateral.credit(owner, user, amount)
    if perp.insurance:
        collateral.credit(owner, owner.caller, perp.insurance)
        ledger.perp.change_cash(owner.caller, -perp.insurance)
        insurance.pay_in(owner, perp.insurance)


def _fill_state(state: State, genesis: Genesis, precompiles: Iterable[Address]) -> None:
    for address in precompiles:
        hide_original(state, address)
        state.set_nonce(address, 1)
        state.set_code(address, STUB_CODE)
    for address, balance in genesis.balances:
        if balance or genesis.fork is not None:
            state.set_balance(address, balance)
        if state.get_code(address) not in (b"", STUB_CODE):
            state.set_code(address, b"")
    if genesis.core is not None:
        _fill_hyperevm(state, genesis.core)
    backing = _deposited(genesis)
    state.delta_balance(SPOT_ADDRESS, backing.get(NATIVE_COIN, 0))
    codes = SYSTEM_CONTRACTS if genesis.system_contracts else {}
    known = {KNOWN_CONTRACTS[name]: known_code(name) for name in genesis.contracts}
    for address, code in {**codes, **known}.items():
        if not state.get_code(address):
            state.set_nonce(address, 1)
            state.set_code(address, code)
    if genesis.validators:
        _place_validator_set(state, genesis.validators)
    for token in genesis.tokens:
        held = {SPOT_ADDRESS: backing.get(token.address, 0)}
        if genesis.perp is not None and genesis.perp.collateral == token.address:
            held[PERP_ADDRESS] = genesis.perp.backing
        _place_token(state, token, held)


def _fill_hyperevm(state: State, core: GenesisCore) -> None:
    """Put the contracts of HyperEVM in place, and what backs tokens on HyperCore."""
    for address, name in _HYPEREVM_CONTRACTS.items():
        _place(state, address, load_artifact(name))
    for listed in core.tokens:
        token, backing = listed.token, core.backing(listed)
        address = token_address(core.settings, token.index)
        if token.index == core.settings.hype:
            state.set_balance(address, backing)
        elif token.index == USDC:
            _place_wallet(state, token.evm_contract, core.usdc)
            held = {token.evm_contract: backing}
            _place_token(state, _erc20(core.usdc, listed), held, "AuthorizedToken")
        elif token.is_linked:
            _place_token(state, _erc20(token.evm_contract, listed), {address: backing})


def _erc20(address: Address, listed: GenesisCoreToken) -> GenesisToken:
    token = listed.token
    decimals = token.wei_decimals + token.evm_extra_decimals
    return GenesisToken(address, token.name, token.name, decimals, listed.evm)


def _place_validator_set(state: State, members: Sequence[Member]) -> None:
    _place(state, VALIDATOR_SET, load_artifact("ValidatorSet"))
    for slot, word in storage_words(members):
        state.set_storage(VALIDATOR_SET, slot, word)


def _place_wallet(state: State, address: Address, usdc: Address) -> None:
    artifact = load_artifact("CoreDepositWallet")
    layout = StorageLayout(artifact)
    words = [
        layout.integer("token", int.from_bytes(usdc, "big")),
        layout.integer("newCoreAccountFee", _NEW_ACCOUNT_FEE),
        *layout.mapping("isEnabled", ((b"\0", 1),)),
    ]
    _place(state, address, artifact)
    for slot, word in words:
        state.set_storage(address, slot, word)


def _place(state: State, address: Address, artifact: Artifact) -> None:
    """Put a contract in place as if it had been deployed."""
    hide_original(state, address)
    state.set_nonce(address, 1)
    state.set_code(address, code_of(artifact, "deployedBytecode"))


def _place_token(
    state: State, token: GenesisToken, held: Mapping[Address, int], artifact_name: str = _ERC20
) -> None:
    """Put a token contract in place as if it had been deployed and minted.

    `held` is what the exchanges have of it, beside its balances.
    """
    artifact = load_artifact(artifact_name)
    layout = StorageLayout(artifact)
    if state.get_code(token.address) == code_of(artifact, "deployedBytecode"):
        _mint(state, token.address, layout, held)
        return
    holders = dict(token.balances)
    for address, amount in held.items():
        holders[address] = holders.get(address, 0) + amount
    words = [
        layout.integer("totalSupply", sum(holders.values())),
        layout.short_string("name", token.name),
        layout.short_string("symbol", token.symbol),
        layout.integer("decimals", token.decimals),
        *layout.mapping("balanceOf", tuple(holders.items())),
    ]
    _place(state, token.address, artifact)
    for slot, word in words:
        state.set_storage(token.address, slot, word)


def _mint(state: State, token: Address, layout: StorageLayout, held: Mapping[Address, int]) -> None:
    """Give out more of a token that is the origin's."""
    added = [layout.integer("totalSupply", sum(held.values()))]
    for slot, amount in (*added, *layout.mapping("balanceOf", tuple(held.items()))):
        if amount:
            state.set_storage(token, slot, state.get_storage(token, slot) + amount)


def _deposited(genesis: Genesis) -> dict[Address, int]:
    """Return what the exchange must really hold, by token."""
    totals: dict[Address, int] = {}
    for deposit in genesis.deposits:
        totals[deposit.token] = totals.get(deposit.token, 0) + deposit.amount
    return totals


class StorageLayout:
    """Storage slots of a compiled Solidity contract's variables, where one has a slot of its own.

    Source: docs.soliditylang.org, "Layout of State Variables in Storage".
    """

    def __init__(self, artifact: Artifact) -> None:
        """Read the compiler's `storageLayout`. Raises ArtifactError where there is none."""
        entries: list[dict[str, Any]] = artifact.get("storageLayout", {}).get("storage", [])
        if not entries:
            raise ArtifactError(f"{artifact.get('contractName')} has no `storageLayout`")
        self._slots = {entry["label"]: int(entry["slot"]) for entry in entries}

    def integer(self, label: str, value: int) -> tuple[int, int]:
        """Return (slot, word) of an unsigned integer."""
        return self._slots[label], value

    def short_string(self, label: str, text: str) -> tuple[int, int]:
        """Return (slot, word) of a string of at most 31 bytes."""
        data = text.encode()
        assert len(data) <= _SHORT_STRING
        word = data.ljust(_SHORT_STRING, b"\x00") + bytes((2 * len(data),))
        return self._slots[label], int.from_bytes(word, "big")

    def mapping(
        self, label: str, values: tuple[tuple[bytes, int], ...]
    ) -> Iterator[tuple[int, int]]:
        """Yield (slot, word) of each entry of a mapping from addresses to integers."""
        base = self._slots[label].to_bytes(32, "big")
        for key, value in values:
            yield int.from_bytes(keccak(key.rjust(32, b"\x00") + base), "big"), value
