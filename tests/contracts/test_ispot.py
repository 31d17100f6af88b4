"""The committed contract artifacts are what their sources compile to, and ISpot is what we promise.

The artifacts are read by Python alone; only the recompilation needs node and solc.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

CONTRACTS = Path(__file__).parents[2] / "contracts"
ARTIFACTS = {
    path.stem: json.loads(path.read_text()) for path in sorted((CONTRACTS / "artifacts").iterdir())
}
SOURCES = {
    f"contracts/{path.relative_to(CONTRACTS).as_posix()}": path
    for path in sorted(CONTRACTS.rglob("*.sol"))
    if "node_modules" not in path.parts
}
REBUILD = "run `node contracts/build.mjs` and commit contracts/artifacts"

SEED_FUNCTIONS = (
    "placeOrder(address,uint256,uint256,bool)",
    "cancelOrder(uint256)",
    "getOrder(uint256)",
    "getBestPrices(address)",
    "getDepth(address,uint256)",
)

# An indented line goes on with the one before it.
FUNCTIONS = """
placeOrder(address asset, uint256 amount, uint256 price, bool isBuy) returns (uint256 orderId)
cancelOrder(uint256 orderId) returns (bool)
getOrder(uint256 orderId) view
  returns (uint256 id, address user, address asset, uint256 amount, uint256 price, bool isBuy,
  uint256 filled)
getBestPrices(address asset) view returns (uint256 bid, uint256 ask)
getDepth(address asset, uint256 levels) view
  returns (uint256[] bidPrices, uint256[] bidAmounts, uint256[] askPrices, uint256[] askAmounts)
placeOrderWithOptions(address asset, uint256 amount, uint256 price, bool isBuy,
  uint8 timeInForce, uint128 clientOrderId) returns (uint256 orderId, uint256 filled)
placeOrders((address asset, uint256 amount, uint256 price, bool isBuy, uint8 timeInForce,
  uint128 clientOrderId)[] requests)
  returns ((uint256 orderId, uint8 status, uint256 filled, bytes4 errorSelector)[] results)
cancelOrders(uint256[] orderIds) returns (bytes4[] errors)
cancelOrderByClientId(uint128 clientOrderId) returns (uint256 orderId)
cancelAllOrders(address asset) returns (uint256 cancelled)
replaceOrder(uint256 orderId, uint256 amount, uint256 price) returns (uint256 newOrderId)
getOrderStatus(uint256 orderId) view returns (uint8 status, uint256 remaining, uint8 reason)
getOrderIdByClientId(address user, uint128 clientOrderId) view returns (uint256 orderId)
getOpenOrders(address user, uint256 afterOrderId, uint256 limit) view
  returns (uint256[] orderIds)
deposit(address token, uint256 amount) returns (uint256 credited)
depositNative() payable returns (uint256 credited)
withdraw(address token, uint256 amount) returns (bool)
getBalance(address user, address token) view returns (uint256 available, uint256 onHold)
getMarket(address asset) view
  returns (address quote, uint256 baseUnit, uint256 tick, uint256 lot, uint256 makerFee,
  uint256 takerFee, uint8 selfTradePrevention, address feeRecipient)
getMarkets(uint256 offset, uint256 limit) view returns (address[] assets)
listMarket(address asset, address quote, uint256 baseUnit, uint256 tick, uint256 lot,
  uint256 makerFee, uint256 takerFee, uint8 selfTradePrevention, address feeRecipient)
  returns (bool)
owner() view returns (address)
transferOwnership(address newOwner) returns (bool)
"""

EVENTS = """
OrderPlaced(uint256 indexed orderId, address indexed user, address indexed asset,
  uint256 amount, uint256 price, bool isBuy, uint8 timeInForce, uint128 clientOrderId)
Trade(address indexed asset, address indexed maker, address indexed taker, uint256 tradeId,
  uint256 makerOrderId, uint256 takerOrderId, uint256 price, uint256 amount,
  uint256 quoteAmount, uint256 makerFee, uint256 takerFee, bool takerIsBuy,
  uint256 makerRemaining, uint256 takerRemaining)
OrderClosed(uint256 indexed orderId, address indexed user, address indexed asset, uint8 status,
  uint8 reason, uint256 filled, uint256 remaining)
OrderReduced(uint256 indexed orderId, address indexed user, address indexed asset,
  uint256 amount, uint256 remaining)
OrderReplaced(uint256 indexed orderId, uint256 indexed newOrderId, address indexed user)
Deposit(address indexed user, address indexed token, uint256 amount)
Withdrawal(address indexed user, address indexed token, uint256 amount)
MarketListed(address indexed asset, address indexed quote, uint256 baseUnit, uint256 tick,
  uint256 lot, uint256 makerFee, uint256 takerFee, uint8 selfTradePrevention,
  address feeRecipient)
OwnershipTransferred(address indexed previousOwner, address indexed newOwner)
"""

ERRORS = """
UnknownMethod(bytes4 selector)
MalformedCalldata(uint256 offset)
StaticCallNotAllowed(bytes4 selector)
DelegateCallNotAllowed()
ActsThroughCoreWriter(bytes4 selector)
ValueNotAccepted(uint256 value)
ReentrantCall()
UnknownMarket(address asset)
MarketExists(address asset)
InvalidMarket(bytes32 field)
NotExchangeOwner(address caller, address owner)
AmountZero()
PriceZero()
AmountTooLarge(uint256 value, uint256 max)
AmountNotMultipleOfLot(uint256 amount, uint256 lot)
PriceNotMultipleOfTick(uint256 price, uint256 tick)
InvalidTimeInForce(uint8 timeInForce)
InsufficientBalance(address token, uint256 available, uint256 needed)
OrderNotFound(uint256 orderId)
NotOrderOwner(uint256 orderId, address caller, address owner)
OrderNotActive(uint256 orderId, uint8 status)
ClientOrderIdInUse(uint128 clientOrderId, uint256 orderId)
ClientOrderIdNotFound(uint128 clientOrderId)
WouldTakeLiquidity(uint256 price, uint256 best)
CannotFillCompletely(uint256 amount, uint256 fillable)
AmountBelowFilled(uint256 amount, uint256 filled)
LimitTooLarge(uint256 value, uint256 max)
TokenCallFailed(address token)
TokenAmountMismatch(address token, uint256 expected, uint256 received)
"""


def declarations(table: str) -> set[str]:
    """One declaration per line of a table above."""
    return set(re.sub(r"\n +", " ", table.strip()).splitlines())


def parameters(items: list[dict[str, Any]]) -> str:
    """Parameters of an ABI entry as the tables above write them."""
    return "(" + ", ".join(map(parameter, items)) + ")"


def parameter(item: dict[str, Any]) -> str:
    kind = item["type"]
    if kind.startswith("tuple"):
        kind = parameters(item["components"]) + kind.removeprefix("tuple")
    indexed = "indexed" if item.get("indexed") else ""
    return " ".join(filter(None, (kind, indexed, item["name"])))


def declaration(entry: dict[str, Any]) -> str:
    """One ABI entry as the tables above write it."""
    text: str = entry["name"] + parameters(entry["inputs"])
    if entry.get("stateMutability", "nonpayable") != "nonpayable":
        text += " " + entry["stateMutability"]
    if entry.get("outputs"):
        text += " returns " + parameters(entry["outputs"])
    return text


@pytest.mark.parametrize("name", ARTIFACTS)
def test_artifact_was_made_from_the_sources_as_they_are(name: str) -> None:
    """Each recorded hash is that of the file now, the contract's own file among them."""
    artifact = ARTIFACTS[name]
    assert artifact["contractName"] == name
    assert artifact["sourceName"] in artifact["sources"]
    hashes = {
        source: "0x" + keccak(SOURCES[source].read_bytes()).hex() if source in SOURCES else None
        for source in artifact["sources"]
    }
    assert hashes == artifact["sources"], REBUILD


def test_every_source_has_its_artifacts() -> None:
    """A contract without an artifact, or an artifact without a contract, was forgotten."""
    contract = re.compile(r"^(?:abstract )?(?:contract|interface|library) (\w+)", re.MULTILINE)
    declared = {name for path in SOURCES.values() for name in contract.findall(path.read_text())}
    assert declared == set(ARTIFACTS), REBUILD


def test_artifacts_come_from_the_pinned_compiler() -> None:
    """The compiler that package.json pins and the lock file repeats made all of them."""
    pinned = json.loads((CONTRACTS / "package.json").read_text())["devDependencies"]["solc"]
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/solc"]["version"] == pinned
    assert {a["compiler"].partition("+")[0] for a in ARTIFACTS.values()} == {pinned}


def test_lock_file_names_no_registry() -> None:
    """Where packages come from is the reader's setting, not ours."""
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    assert [path for path, package in lock["packages"].items() if "resolved" in package] == []


@pytest.mark.slow
def test_sources_compile_to_the_committed_artifacts() -> None:
    """The real compiler makes the same bytes, and warns of nothing."""
    node = shutil.which("node")
    assert node, "solc needs node: run `make contracts-deps`"
    solc = CONTRACTS / "node_modules" / "solc"
    assert solc.is_dir(), "solc is not installed: run `make contracts-deps`"
    build = [node, str(CONTRACTS / "build.mjs"), "--check"]
    result = subprocess.run(build, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("signature", SEED_FUNCTIONS)
def test_seed_functions_keep_their_selectors(signature: str) -> None:
    """Contracts written against the first interface go on working."""
    selectors = ARTIFACTS["ISpot"]["methodIdentifiers"]
    assert selectors[signature] == keccak(signature.encode())[:4].hex()


@pytest.mark.parametrize(
    ("kind", "table"), [("function", FUNCTIONS), ("event", EVENTS), ("error", ERRORS)]
)
def test_interface_declares_exactly_what_is_promised(kind: str, table: str) -> None:
    """Names, types, order and mutability: a change of any is a change of the interface."""
    abi = ARTIFACTS["ISpot"]["abi"]
    assert {declaration(entry) for entry in abi if entry["type"] == kind} == declarations(table)


def test_genesis_can_write_the_storage_of_a_token() -> None:
    """The slots are those that TestToken.sol documents."""
    layout = ARTIFACTS["TestToken"]["storageLayout"]["storage"]
    assert {entry["label"]: (int(entry["slot"]), entry["offset"]) for entry in layout} == {
        "balanceOf": (0, 0),
        "allowance": (1, 0),
        "totalSupply": (2, 0),
        "name": (3, 0),
        "symbol": (4, 0),
        "decimals": (5, 0),
    }
