// @nktkas/hyperliquid: its exchange, info and subscription clients, unmodified.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  ExchangeClient,
  HttpTransport,
  InfoClient,
  SubscriptionClient,
  WebSocketTransport,
} from "@nktkas/hyperliquid";
import { privateKeyToAccount } from "viem/accounts";
import { OTHER_KEY, OWNER_KEY } from "./world.mjs";

const url = process.env.EVM_DEX_API;
const transport = new HttpTransport({ apiUrl: url, isTestnet: true });
const socket = new WebSocketTransport({ url: `${url.replace("http", "ws")}/ws`, isTestnet: true });
const owner = privateKeyToAccount(OWNER_KEY);
const other = privateKeyToAccount(OTHER_KEY);
const user = owner.address;
const exchange = new ExchangeClient({ transport, wallet: owner });
const otherExchange = new ExchangeClient({ transport, wallet: other });
const info = new InfoClient({ transport });
const channels = new SubscriptionClient({ transport: socket });
const ETH = 1;

const limit = (b, p, s, tif = "Gtc") => ({ a: ETH, b, p, s, r: false, t: { limit: { tif } } });
const order = (by, ...orders) => by.order({ orders, grouping: "na" });

after(() => socket.close());

test("orders", async () => {
  const placed = await order(exchange, limit(true, "2900", "1"), limit(true, "2890.50", "1.0"));
  const [{ resting }, second] = placed.response.data.statuses;
  assert.ok(resting.oid > 0);
  const taken = await order(otherExchange, limit(false, "2899", "0.4", "Ioc"));
  assert.equal(taken.response.data.statuses[0].filled.totalSz, "0.4");
  const changed = await exchange.batchModify({
    modifies: [{ oid: resting.oid, order: limit(true, "2901", "1") }],
  });
  const { oid } = changed.response.data.statuses[0].resting;
  await exchange.modify({ oid, order: limit(true, "2902", "1") });
  await exchange.cancel({ cancels: [{ a: ETH, o: second.resting.oid }] });
  await assert.rejects(exchange.cancel({ cancels: [{ a: ETH, o: 999 }] }), /never placed/);
  await assert.rejects(order(exchange, limit(true, "2900.123", "1")), /divisible by tick size/);
  assert.equal((await info.openOrders({ user })).length, 1);
});

test("accounts", async () => {
  const ok = { status: "ok", response: { type: "default" } };
  const destination = other.address;
  assert.deepEqual(await exchange.usdSend({ destination, amount: "1" }), ok);
  assert.deepEqual(await exchange.usdClassTransfer({ amount: "2", toPerp: false }), ok);
  const token = (await info.spotMeta()).tokens.find((it) => it.name === "PURR");
  const name = `PURR:${token.tokenId}`;
  assert.deepEqual(await exchange.spotSend({ destination, token: name, amount: "1" }), ok);
  const asset = { sourceDex: "", destinationDex: "spot", token: "USDC:0x00", amount: "1" };
  await assert.rejects(exchange.sendAsset({ destination, ...asset }), /Unknown token/);
  assert.deepEqual(await exchange.withdraw3({ destination, amount: "5" }), ok);
  assert.deepEqual(await exchange.updateLeverage({ asset: 0, isCross: false, leverage: 3 }), ok);
  assert.deepEqual(await exchange.approveAgent({ agentAddress: `0x${"ab".repeat(20)}` }), ok);
  assert.deepEqual(await exchange.approveBuilderFee({ maxFeeRate: "0.01%", builder: destination }), ok);
  assert.deepEqual(await exchange.evmUserModify({ usingBigBlocks: true }), ok);
  assert.deepEqual(await exchange.scheduleCancel(), ok);
  assert.deepEqual(await exchange.noop(), ok);
  assert.deepEqual(await exchange.setDisplayName({ displayName: "a" }), ok);
  assert.deepEqual(await exchange.reserveRequestWeight({ weight: 1 }), ok);
  assert.deepEqual(await exchange.spotUser({ toggleSpotDusting: { optOut: true } }), ok);
  assert.deepEqual(await exchange.cDeposit({ wei: 100 }), ok);
  const made = await exchange.createSubAccount({ name: "sub" });
  const subAccountUser = made.response.data;
  const paid = { subAccountUser, isDeposit: true, usd: 5_000_000 };
  assert.deepEqual(await exchange.subAccountTransfer(paid), ok);
  assert.deepEqual(await exchange.subAccountModify({ subAccountUser, name: "more" }), ok);
  const nonce = Date.now();
  const vault = { name: "A vault", description: "one of a test", initialUsd: 100_000_000, nonce };
  const vaultAddress = (await exchange.createVault(vault)).response.data;
  assert.deepEqual(
    await exchange.vaultTransfer({ vaultAddress, isDeposit: true, usd: 10_000_000 }),
    ok,
  );
  assert.equal((await info.userVaultEquities({ user }))[0].equity, "110.0");
});

test("what is asked of /info", async () => {
  const asked = [
    info.meta(), info.metaAndAssetCtxs(), info.spotMeta(), info.spotMetaAndAssetCtxs(),
    info.allMids(), info.l2Book({ coin: "ETH" }), info.recentTrades({ coin: "ETH" }),
    info.candleSnapshot({ coin: "ETH", interval: "1m", startTime: 0 }),
    info.clearinghouseState({ user }), info.spotClearinghouseState({ user }),
    info.frontendOpenOrders({ user }), info.historicalOrders({ user }), info.userFills({ user }),
    info.userFillsByTime({ user, startTime: 0 }), info.userFunding({ user, startTime: 0 }),
    info.fundingHistory({ coin: "ETH", startTime: 0 }), info.userFees({ user }),
    info.userNonFundingLedgerUpdates({ user, startTime: 0 }), info.userRateLimit({ user }),
    info.userRole({ user }), info.portfolio({ user }), info.referral({ user }),
    info.subAccounts({ user }), info.extraAgents({ user }), info.delegations({ user }),
    info.delegatorSummary({ user }), info.perpDexs(), info.predictedFundings(),
    info.maxBuilderFee({ user, builder: other.address }), info.webData2({ user }),
    info.activeAssetData({ user, coin: "ETH" }), info.exchangeStatus(), info.twapHistory({ user }),
    info.leadingVaults({ user }), info.allPerpMetas(), info.marginTable({ id: 56 }),
  ];
  const answers = await Promise.all(asked);
  assert.equal(answers.length, asked.length);
  assert.equal((await info.orderStatus({ user, oid: 1 })).status, "order");
});

test("channels", async () => {
  const heard = [];
  const hear = (data) => heard.push(data);
  await channels.l2Book({ coin: "ETH" }, hear);
  await channels.userFills({ user }, hear);
  await channels.allMids(hear);
  await channels.orderUpdates({ user }, hear);
  await order(exchange, limit(true, "2800", "1"));
  const isUpdate = (it) => Array.isArray(it) && it[0]?.status === "open";
  while (!heard.some(isUpdate) || !heard.some((it) => it.isSnapshot)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
