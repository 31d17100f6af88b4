"""The calls of the official Python SDK's examples, by their names; each returns what was answered.

Its package does not have the examples, and they are not ours to ship, so these make the same calls
in the same order. Source: github.com/hyperliquid-dex/hyperliquid-python-sdk, examples/.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from evm_dex.abi.artifact import load_artifact

Answers = list[Any]
ZERO = "0x" + "0" * 40
NOBODY = "0x" + "0" * 39 + "5"
GTC = {"limit": {"tif": "Gtc"}}
LOW = 1_100


class Stage(NamedTuple):
    """The account of an example, and its node."""

    url: str
    address: str
    info: Any
    exchange: Any
    key: str
    as_agent: Callable[[str], Any]
    """An exchange for another key, in the name of the same account."""
    as_vault: Callable[[str], Any]
    """The same key, trading for a vault or sub-account."""
    with_socket: Callable[[], Any]
    """An `Info` that hears channels."""


def _rest_and_cancel(stage: Stage, exchange: Any, coin: str, size: float, price: float) -> Answers:
    placed = exchange.order(coin, True, size, price, GTC)
    answers = [placed]
    if placed["status"] == "ok":
        resting = placed["response"]["data"]["statuses"][0].get("resting")
        if resting:
            answers += [
                stage.info.query_order_by_oid(stage.address, resting["oid"]),
                exchange.cancel(coin, resting["oid"]),
            ]
    return answers


def basic_adding(stage: Stage) -> Answers:
    """Quote both sides a little away from the book, and again after a fill, with its channels."""
    heard: Answers = []
    info = stage.with_socket()
    try:
        info.subscribe({"type": "l2Book", "coin": "ETH"}, heard.append)
        info.subscribe({"type": "userEvents", "user": stage.address}, heard.append)
        deadline = time.monotonic() + 90
        while not heard and time.monotonic() < deadline:
            time.sleep(0.01)
        answers: Answers = []
        for side, (place, sign) in {"A": (1, 1), "B": (0, -1)}.items():
            best = float(heard[0]["data"]["levels"][place][0]["px"])
            price = float(f"{best * (1 + 0.003 * sign):.5g}")
            alo = {"limit": {"tif": "Alo"}}
            placed = stage.exchange.order("ETH", side == "B", 0.01, price, alo)
            oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"]
            answers += [placed, info.open_orders(stage.address), stage.exchange.cancel("ETH", oid)]
        return [*answers, info.user_state(stage.address)]
    finally:
        info.disconnect_websocket()


def basic_agent(stage: Stage) -> Answers:
    answers: Answers = []
    for name in (None, "persist"):
        approved, key = stage.exchange.approve_agent(*([] if name is None else [name]))
        agent = stage.as_agent(key)
        answers += [approved, *_rest_and_cancel(stage, agent, "ETH", 0.2, 1000)]
    return answers


def basic_builder_fee(stage: Stage) -> Answers:
    builder = "0x8c967E73E7B15087c42A10D344cFf4c96D877f1D"
    return [
        stage.exchange.approve_builder_fee(builder, "0.001%"),
        stage.exchange.market_open("ETH", True, 0.05, None, 0.01, builder={"b": builder, "f": 1}),
    ]


def basic_convert_to_multi_sig_user(stage: Stage) -> Answers:
    """Those who are to sign must be there, as there."""
    paid = [stage.exchange.usd_transfer(1, user) for user in (ZERO, NOBODY)]
    return [*paid, stage.exchange.convert_to_multi_sig_user([ZERO, NOBODY], 1)]


def basic_evm_use_big_blocks(stage: Stage) -> Answers:
    return [stage.exchange.use_big_blocks(True), stage.exchange.use_big_blocks(False)]


def basic_leverage_adjustment(stage: Stage) -> Answers:
    """Needs a position in ETH, as there."""
    stage.exchange.update_leverage(10, "ETH")
    opened = stage.exchange.market_open("ETH", True, 0.05)
    before = stage.info.user_state(stage.address)["assetPositions"][0]["position"]["leverage"]
    closed = stage.exchange.market_close("ETH")
    answers = [stage.exchange.update_leverage(21, "ETH"),
               stage.exchange.update_leverage(21, "ETH", False)]  # fmt: skip
    again = stage.exchange.market_open("ETH", True, 0.05)
    answers += [opened, closed, again, stage.exchange.update_isolated_margin(1, "ETH")]
    after = stage.info.user_state(stage.address)["assetPositions"][0]["position"]["leverage"]
    assert (before["value"], after["value"], after["type"]) == (10, 21, "isolated")
    return answers


def basic_market_order(stage: Stage) -> Answers:
    opened = stage.exchange.market_open("ETH", False, 0.05, None, 0.01)
    assert "filled" in opened["response"]["data"]["statuses"][0]
    return [opened, stage.exchange.market_close("ETH")]


def basic_order(stage: Stage) -> Answers:
    positions = stage.info.user_state(stage.address)["assetPositions"]
    return [positions, *_rest_and_cancel(stage, stage.exchange, "ETH", 0.2, LOW)]


def basic_order_modify(stage: Stage) -> Answers:
    from hyperliquid.utils.types import Cloid  # noqa: PLC0415 - fetched by .ci/bots

    cloid = Cloid.from_str("0x00000000000000000000000000000001")
    placed = stage.exchange.order("ETH", True, 0.2, LOW, GTC, cloid=cloid)
    oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"]
    return [
        placed,
        stage.info.query_order_by_oid(stage.address, oid),
        stage.exchange.modify_order(oid, "ETH", True, 0.1, 1105, GTC, cloid=cloid),
        stage.exchange.modify_order(cloid, "ETH", True, 0.1, 1105, GTC),
    ]


def basic_order_with_builder_deployed_dex(stage: Stage) -> Answers:
    """Collateral is sent there first."""
    sent = stage.exchange.send_asset(stage.address, "", "test", "USDC", 100)
    meta = stage.info.meta(dex="test")
    return [sent, meta, *_rest_and_cancel(stage, stage.exchange, "test:ABC", 20, 1)]


def basic_order_with_cloid(stage: Stage) -> Answers:
    from hyperliquid.utils.types import Cloid  # noqa: PLC0415 - fetched by .ci/bots

    cloid = Cloid.from_str("0x00000000000000000000000000000001")
    return [
        stage.exchange.order("ETH", True, 0.2, LOW, GTC, cloid=cloid),
        stage.info.query_order_by_cloid(stage.address, cloid),
        stage.exchange.cancel_by_cloid("ETH", cloid),
    ]


def basic_recover_user(stage: Stage) -> Answers:
    """Without a server: who signed what the SDK sends."""
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    action = {"type": "order", "orders": [], "grouping": "na"}
    wallet = stage.exchange.wallet
    signature = signing.sign_l1_action(wallet, action, None, 1, None, False)
    found = signing.recover_agent_or_user_from_l1_action(action, signature, None, 1, None, False)
    assert found == wallet.address
    return []


def basic_schedule_cancel(stage: Stage) -> Answers:
    placed = stage.exchange.order("ETH", True, 0.2, LOW, GTC)
    at = time.time_ns() // 1_000_000 + 100_000
    return [placed, stage.exchange.schedule_cancel(at), stage.info.open_orders(stage.address)]


def basic_send_asset(stage: Stage) -> Answers:
    return [stage.exchange.send_asset(NOBODY, "", "test", "USDC", 1.23)]


def basic_set_referrer(stage: Stage) -> Answers:
    return [stage.exchange.set_referrer("ASDFASDF")]


def basic_spot_order(stage: Stage) -> Answers:
    balances = stage.info.spot_user_state(stage.address)["balances"]
    return [balances, *_rest_and_cancel(stage, stage.exchange, "PURR/USDC", 1200, 0.04)]


def basic_spot_to_perp(stage: Stage) -> Answers:
    return [stage.exchange.usd_class_transfer(1.23, to_perp) for to_perp in (False, True)]


def basic_spot_transfer(stage: Stage) -> Answers:
    tokens = {it["name"]: it["tokenId"] for it in stage.info.spot_meta()["tokens"]}
    return [stage.exchange.spot_transfer(1.23, NOBODY, f"PURR:{tokens['PURR']}")]


def basic_staking(stage: Stage) -> Answers:
    return [
        stage.info.user_staking_summary(stage.address),
        stage.info.user_staking_delegations(stage.address),
        stage.info.user_staking_rewards(stage.address)[:5],
    ]


def basic_sub_account(stage: Stage) -> Answers:
    made = stage.exchange.create_sub_account("example123")
    found = stage.info.query_sub_accounts(stage.address)
    (user,) = [it["subAccountUser"] for it in found if it["name"] == "example123"]
    return [made, found, stage.exchange.sub_account_transfer(user, True, 10)]


def basic_tpsl(stage: Stage) -> Answers:
    """A limit order at its price, a take-profit and a stop loss, as one group."""
    orders = []
    for is_buy, price, kind in ((True, 150.3, None), (False, 157.8, "tp"), (False, 142.8, "sl")):
        trigger = {"isMarket": True, "triggerPx": price, "tpsl": kind}
        order_type = {"limit": {"tif": "Ioc"}} if kind is None else {"trigger": trigger}
        orders.append({"coin": "SOL", "is_buy": is_buy, "sz": 1, "limit_px": price,
                       "order_type": order_type, "reduce_only": kind is not None})  # fmt: skip
    return [stage.exchange.bulk_orders(orders, grouping="normalTpsl")]


def basic_transfer(stage: Stage) -> Answers:
    return [stage.exchange.usd_transfer(1, NOBODY)]


def basic_vault(stage: Stage) -> Answers:
    """For a sub-account, which is traded for as a vault is."""
    made = stage.exchange.create_sub_account("vaultlike")["response"]["data"]
    funded = stage.exchange.sub_account_transfer(made, True, 1_000_000_000)
    placed = stage.as_vault(made).order("ETH", True, 0.2, LOW, GTC)
    oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"]
    return [funded, placed, stage.as_vault(made).cancel("ETH", oid)]


def basic_vault_transfer(stage: Stage) -> Answers:
    vault = "0xdfc24b077bc1425ad1dea75bcb6f8158e10df303"
    return [stage.exchange.vault_usd_transfer(vault, True, 5_000_000)]


def basic_withdraw(stage: Stage) -> Answers:
    return [stage.exchange.withdraw_from_bridge(5, stage.address)]


def basic_ws(stage: Stage) -> Answers:
    heard: Answers = []
    info = stage.with_socket()
    coins = [{"type": "l2Book", "coin": "ETH"}, {"type": "trades", "coin": "PURR/USDC"},
             {"type": "candle", "coin": "ETH", "interval": "1m"}, {"type": "bbo", "coin": "ETH"},
             {"type": "activeAssetCtx", "coin": "BTC"}, {"type": "activeAssetCtx", "coin": "@1"},
             {"type": "activeAssetData", "user": stage.address, "coin": "BTC"}]  # fmt: skip
    names = ("userEvents", "userFills", "orderUpdates", "userFundings",
             "userNonFundingLedgerUpdates", "webData2")  # fmt: skip
    users = [{"type": name, "user": stage.address} for name in names]
    try:
        for subscription in ({"type": "allMids"}, *coins, *users):
            info.subscribe(subscription, heard.append)
        deadline = time.monotonic() + 90
        expected = {"allMids", "l2Book", "bbo", "activeSpotAssetCtx", "webData2", "userFills"}
        while not expected <= {it["channel"] for it in heard} and time.monotonic() < deadline:
            time.sleep(0.01)
        assert expected <= {it["channel"] for it in heard}
    finally:
        info.disconnect_websocket()
    return heard


def c_signer(stage: Stage) -> Answers:
    """It signs for a validator, itself."""
    me = stage.exchange
    registered = ("1.2.3.4", "name", "text", True, 5, stage.address, False, 0)
    return [
        me.c_validator_register(*registered),
        me.c_signer_jail_self(),
        me.c_signer_unjail_self(),
    ]


def c_validator(stage: Stage) -> Answers:
    """What it stakes with itself would have to be in staking before."""
    me = stage.exchange
    registered = ("1.2.3.4", "name", "text", True, 5, NOBODY, False, 0)
    return [
        me.c_validator_register(*registered),
        me.c_validator_change_profile(None, None, None, False, None, None, None),
        me.c_validator_unregister(),
    ]


def cancel_open_orders(stage: Stage) -> Answers:
    answers = [stage.exchange.order("ETH", True, 0.2, LOW + step, GTC) for step in range(2)]
    for order in stage.info.open_orders(stage.address):
        answers.append(stage.exchange.cancel(order["coin"], order["oid"]))
    assert stage.info.open_orders(stage.address) == []
    return answers


def dex_abstraction(stage: Stage) -> Answers:
    me = stage.exchange
    state = stage.info.query_user_dex_abstraction_state(stage.address)
    assert state is None or isinstance(state, bool)
    stage.info.query_sub_accounts(stage.address)
    assert me.user_dex_abstraction(stage.address, False)["status"] == "ok", "it is off"
    return [me.agent_enable_dex_abstraction(), me.user_dex_abstraction(stage.address, True)]


def evm_erc20(stage: Stage) -> Answers:
    """A token deployed and sent over /evm, by web3 with the account's key."""
    from eth_account import Account  # noqa: PLC0415 - with web3
    from web3 import Web3  # noqa: PLC0415 - it takes long to load
    from web3.middleware import SignAndSendRawMiddlewareBuilder  # noqa: PLC0415 - as above

    web3, account = Web3(Web3.HTTPProvider(f"{stage.url}/evm")), Account.from_key(stage.key)
    web3.middleware_onion.add(SignAndSendRawMiddlewareBuilder.build(account))
    web3.eth.default_account = account.address
    assert web3.is_connected()
    token = load_artifact("TestToken")
    factory = web3.eth.contract(abi=token["abi"], bytecode=token["bytecode"])
    made = factory.constructor("Purr", "PURR", 18).transact({"gas": 2_500_000})
    receipt = web3.eth.wait_for_transaction_receipt(made)
    contract = web3.eth.contract(address=receipt["contractAddress"], abi=token["abi"])
    sent = contract.functions.mint(account.address, 10**18).transact({"gas": 200_000})
    web3.eth.wait_for_transaction_receipt(sent)
    assert contract.functions.balanceOf(account.address).call() == 10**18
    return []


class _Joint(NamedTuple):
    """An account that the example's and another sign for together."""

    address: str
    wallets: list[Any]


def _joint_account(stage: Stage) -> _Joint:
    from eth_account import Account  # noqa: PLC0415 - with the SDK

    owner, other = (Account.from_key("0x" + digits * 32) for digits in ("51", "52"))
    hype = next(it for it in stage.info.spot_meta()["tokens"] if it["name"] == "HYPE")
    for wallet in (owner, other):
        assert stage.exchange.usd_transfer(1_000, wallet.address)["status"] == "ok"
    token = f"HYPE:{hype['tokenId']}"
    assert stage.exchange.spot_transfer(600, owner.address, token)["status"] == "ok"
    signers = [stage.address, other.address]
    converted = stage.as_agent(owner.key.hex()).convert_to_multi_sig_user(signers, 2)
    assert converted["status"] == "ok"
    return _Joint(owner.address, [stage.exchange.wallet, other])


def _multi_sig_l1(stage: Stage, action: dict[str, Any]) -> Answers:
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    joint, nonce = _joint_account(stage), signing.get_timestamp_ms()
    signatures = [
        signing.sign_multi_sig_l1_action_payload(
            wallet, action, False, None, nonce, None, joint.address, stage.address
        )
        for wallet in joint.wallets
    ]
    return [stage.exchange.multi_sig(joint.address, action, signatures, nonce)]


def _multi_sig_typed(stage: Stage, name: str, types: Any, time: str, **fields: Any) -> Answers:
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    joint, nonce = _joint_account(stage), signing.get_timestamp_ms()
    kind = fields.pop("type")
    action = {"type": kind, "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet",
              **fields, time: nonce}  # fmt: skip
    signatures = [
        signing.sign_multi_sig_user_signed_action_payload(
            wallet, action, False, types, f"HyperliquidTransaction:{name}",
            joint.address, stage.address,
        )
        for wallet in joint.wallets
    ]  # fmt: skip
    return [stage.exchange.multi_sig(joint.address, action, signatures, nonce)]


def multi_sig_cdeposit(stage: Stage) -> Answers:
    fields = (("string", "hyperliquidChain"), ("uint64", "wei"), ("uint64", "nonce"))
    types = [{"name": name, "type": kind} for kind, name in fields]
    return _multi_sig_typed(stage, "CDeposit", types, "nonce", type="cDeposit", wei=100_000_000)


def multi_sig_convert_to_normal_user(stage: Stage) -> Answers:
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    types, kind = signing.CONVERT_TO_MULTI_SIG_USER_SIGN_TYPES, "convertToMultiSigUser"
    name = "ConvertToMultiSigUser"
    return _multi_sig_typed(stage, name, types, "nonce", type=kind, signers="null")


def multi_sig_order(stage: Stage) -> Answers:
    """In margin that the account has; ETH goes by another number there."""
    order = {"a": stage.info.name_to_asset("ETH"), "b": True, "p": "1100", "s": "0.2",
             "r": False, "t": GTC}  # fmt: skip
    return _multi_sig_l1(stage, {"type": "order", "orders": [order], "grouping": "na"})


def multi_sig_register_token(stage: Stage) -> Answers:
    token = {"name": "TESTH", "szDecimals": 2, "weiDecimals": 8}
    registered = {"spec": token, "maxGas": 1_000_000_000_000, "fullName": "Example"}
    return _multi_sig_l1(stage, {"type": "spotDeploy", "registerToken2": registered})


def multi_sig_usd_send(stage: Stage) -> Answers:
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    assert stage.exchange.usd_transfer(1, ZERO)["status"] == "ok", "it is there, as there"
    types = signing.USD_SEND_SIGN_TYPES
    sent = {"type": "usdSend", "destination": ZERO, "amount": "100.0"}
    return _multi_sig_typed(stage, "UsdSend", types, "time", **sent)


def perp_deploy(stage: Stage) -> Answers:
    """Both of the perpetuals that it sets prices of are listed."""
    me = stage.exchange
    made = [
        me.perp_deploy_register_asset(
            dex="test", max_gas=1_000_000_000_000, coin=coin, sz_decimals=2, oracle_px="10.0",
            margin_table_id=10, only_isolated=False, schema=None,
        )
        for coin in ("test:TEST0", "test:TEST1")
    ]  # fmt: skip
    prices = {"test:TEST0": "12.0", "test:TEST1": "1.0"}
    set_ = me.perp_deploy_set_oracle("test", prices, [prices], prices)
    meta, contexts = stage.info.post("/info", {"type": "metaAndAssetCtxs", "dex": "test"})
    oracles = [it["oraclePx"] for it in contexts]
    assert [it["name"] for it in meta["universe"]][-2:] == ["test:TEST0", "test:TEST1"]
    assert oracles[-2:] == ["12.0", "1.0"]
    return [*made, set_]


def priority_fees(stage: Stage) -> Answers:
    """A bid, and an order that carries one; both without an effect."""
    bid = stage.exchange.gossip_priority_bid(0, "8.8.8.8", 1)
    order = {"coin": "test:ABC", "is_buy": True, "sz": 100, "limit_px": 0.9,
             "order_type": {"limit": {"tif": "Ioc"}}, "reduce_only": False}  # fmt: skip
    placed = stage.exchange.bulk_orders([order], grouping={"p": 12_345})
    assert "error" in placed["response"]["data"]["statuses"][0], "nobody sells there"
    return [bid]


def rounding(stage: Stage) -> Answers:
    decimals = {it["name"]: it["szDecimals"] for it in stage.info.meta()["universe"]}
    price = round(float(f"{1.2345678:.5g}"), 6 - decimals["OP"])
    size = round(12.345678, decimals["OP"])
    return _rest_and_cancel(stage, stage.exchange, "OP", size, price)


def spot_deploy(stage: Stage) -> Answers:
    """A token from its registration to orders that its pair keeps by itself."""
    me = stage.exchange
    registered = me.spot_deploy_register_token("TEST0", 2, 8, 1_000_000_000_000, "Test token")
    token = registered["response"]["data"]
    some = "100000000000000"
    given = [(NOBODY, some), ("0x" + "f" * 40, some)]
    answers = [
        registered,
        me.spot_deploy_user_genesis(token, given, []),
        me.spot_deploy_user_genesis(token, [], [(1, some)]),
        me.spot_deploy_enable_freeze_privilege(token),
        me.spot_deploy_freeze_user(token, NOBODY, True),
        me.spot_deploy_freeze_user(token, NOBODY, False),
        me.spot_deploy_genesis(token, "300000000000000", False),
    ]
    paired = me.spot_deploy_register_spot(token, 0)
    spot = paired["response"]["data"]
    answers += [
        paired,
        me.spot_deploy_register_hyperliquidity(spot, 2.0, 4.0, 100, None),
        me.spot_deploy_set_deployer_trading_fee_share(token, "0%"),
        me.spot_deploy_enable_quote_token(token),
        me.spot_deploy_revoke_freeze_privilege(token),
    ]
    book = stage.info.post("/info", {"type": "l2Book", "coin": f"@{spot}"})
    assert book["levels"][1][0] == {"px": "2.0", "sz": "4.0", "n": 1}
    return answers


def user_abstraction(stage: Stage) -> Answers:
    me = stage.exchange
    assert stage.info.query_user_abstraction_state(stage.address) == "default"
    answers = [
        me.agent_set_abstraction("u"),
        me.user_set_abstraction(stage.address, "unifiedAccount"),
    ]
    assert stage.info.query_user_abstraction_state(stage.address) == "unifiedAccount"
    return answers


DONE = (
    basic_adding, basic_agent, basic_builder_fee, basic_convert_to_multi_sig_user,
    basic_evm_use_big_blocks,
    basic_leverage_adjustment, basic_market_order, basic_order, basic_order_modify,
    basic_order_with_builder_deployed_dex, basic_order_with_cloid, basic_recover_user,
    basic_schedule_cancel, basic_send_asset, basic_set_referrer, basic_spot_order,
    basic_spot_to_perp, basic_spot_transfer, basic_staking, basic_sub_account, basic_tpsl,
    basic_transfer, basic_vault, basic_vault_transfer, basic_withdraw, basic_ws, c_signer,
    c_validator, cancel_open_orders, evm_erc20, multi_sig_cdeposit,
    multi_sig_convert_to_normal_user, multi_sig_order, multi_sig_register_token,
    multi_sig_usd_send, perp_deploy, priority_fees, rounding, spot_deploy,
    user_abstraction,
)  # fmt: skip
"""Those that do what they show."""
REFUSED = (
    dex_abstraction,
)  # fmt: skip
"""Those that end with the answer that an action is not supported here."""
NOT_DRIVEN = ("evm_block_indexer", "parse_token_delegate_from_replica_cmds")
"""Those that read files of Hyperliquid's own nodes, and ask no server."""
