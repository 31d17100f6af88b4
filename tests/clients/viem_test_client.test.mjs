// Every method of viem's test client, in one mode (EVM_DEX_MODE): what it does, in that mode's units.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createPublicClient, createTestClient, createWalletClient, http, testActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { ETHER, OTHER_KEY, OWNER_KEY, request, URL } from "./world.mjs";

const mode = process.env.EVM_DEX_MODE;
const [chain, transport] = [foundry, http(URL)];
const cheats = createTestClient({ mode, chain, transport });
const reader = createPublicClient({ chain, transport, cacheTime: 0, pollingInterval: 50 });
const wallet = createWalletClient({ account: privateKeyToAccount(OWNER_KEY), chain, transport });
const other = privateKeyToAccount(OTHER_KEY).address;
const stranger = `0x${"a1".repeat(20)}`;
const contract = `0x${"a2".repeat(20)}`;
const tried = new Set();

function has(method, body) {
  tried.add(method);
  test(`${mode}: ${method}`, body);
}

const seconds = async () => Number((await reader.getBlock()).timestamp);
const pay = (values = {}) => wallet.sendTransaction({ to: other, value: 1n, ...values });
const refusal = (call) => call.then(assert.fail, (error) => error.details ?? error.message);

async function waiting(body) {
  await cheats.setAutomine(false);
  try {
    return await body(await pay());
  } finally {
    await cheats.mine({ blocks: 1 });
    await cheats.setAutomine(true);
  }
}

has("getAutomine", async () => assert.equal(await cheats.getAutomine(), true));

has("setAutomine", async () => {
  await waiting(async (hash) => {
    assert.equal(await cheats.getAutomine(), false);
    await assert.rejects(reader.getTransactionReceipt({ hash }));
  });
  assert.equal(await cheats.getAutomine(), true);
});

has("getTxpoolStatus", () =>
  waiting(async () => assert.deepEqual(await cheats.getTxpoolStatus(), { pending: 1, queued: 0 })));

has("getTxpoolContent", () =>
  waiting(async (hash) => {
    const { pending } = await cheats.getTxpoolContent();
    const [found] = Object.values(Object.values(pending)[0]);
    assert.equal(found.hash, hash);
  }));

has("inspectTxpool", () =>
  waiting(async () => {
    const { pending } = await cheats.inspectTxpool();
    assert.match(Object.values(Object.values(pending)[0])[0], /1 wei/);
  }));

has("dropTransaction", () =>
  waiting(async (hash) => {
    await cheats.dropTransaction({ hash });
    assert.deepEqual(await cheats.getTxpoolStatus(), { pending: 0, queued: 0 });
  }));

has("mine", async () => {
  const before = await reader.getBlock();
  await cheats.mine({ blocks: 3 });
  assert.equal(await reader.getBlockNumber(), before.number + 3n);
  if (mode === "ganache") return; // it has no interval
  await cheats.mine({ blocks: 2, interval: 60 });
  const [first, second] = await Promise.all(
    [4n, 5n].map((ahead) => reader.getBlock({ blockNumber: before.number + ahead })),
  );
  assert.equal(second.timestamp - first.timestamp, 60n);
});

has("increaseTime", async () => {
  const before = await seconds();
  await cheats.increaseTime({ seconds: 420 });
  await cheats.mine({ blocks: 1 });
  const passed = (await seconds()) - before;
  assert.ok(passed >= 420 && passed <= 421, `${passed} seconds`);
});

has("setNextBlockTimestamp", async () => {
  const wanted = (await seconds()) + 1_000;
  await cheats.setNextBlockTimestamp({ timestamp: BigInt(wanted) });
  await cheats.mine({ blocks: 1 });
  assert.equal(await seconds(), wanted);
});

has("setBlockTimestampInterval", async () => {
  await cheats.setBlockTimestampInterval({ interval: 7 });
  const before = await seconds();
  await cheats.mine({ blocks: 1 });
  assert.equal(await seconds(), before + 7);
});

has("removeBlockTimestampInterval", async () => {
  await cheats.removeBlockTimestampInterval();
  const before = await seconds();
  await cheats.mine({ blocks: 1 });
  assert.equal(await seconds(), before + 1);
});

has("setIntervalMining", async () => {
  const before = await reader.getBlockNumber();
  await cheats.setIntervalMining({ interval: 1 });
  const began = Date.now();
  while ((await reader.getBlockNumber()) === before && Date.now() - began < 20_000) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(Date.now() - began > 500, "a second, not a millisecond");
  assert.equal(await request("anvil_getIntervalMining"), "0x1");
  await cheats.setIntervalMining({ interval: 0 });
  assert.equal(await request("anvil_getIntervalMining"), "0x0");
});

has("setBalance", async () => {
  await cheats.setBalance({ address: stranger, value: 7n * ETHER });
  assert.equal(await reader.getBalance({ address: stranger }), 7n * ETHER);
});

has("setNonce", async () => {
  await cheats.setNonce({ address: stranger, nonce: 9 });
  assert.equal(await reader.getTransactionCount({ address: stranger }), 9);
});

has("setCode", async () => {
  await cheats.setCode({ address: contract, bytecode: "0x60016000" });
  assert.equal(await reader.getCode({ address: contract }), "0x60016000");
});

has("setStorageAt", async () => {
  const value = `0x${"0".repeat(62)}2a`;
  await cheats.setStorageAt({ address: contract, index: 1, value });
  assert.equal(await reader.getStorageAt({ address: contract, slot: "0x1" }), value);
});

has("impersonateAccount", async () => {
  await cheats.impersonateAccount({ address: stranger });
  const hash = await wallet.sendTransaction({ account: stranger, to: other, value: 1n });
  assert.equal((await reader.waitForTransactionReceipt({ hash })).from, stranger);
});

has("sendUnsignedTransaction", async () => {
  const hash = await cheats.sendUnsignedTransaction({ from: stranger, to: other, value: 2n });
  assert.equal((await reader.getTransaction({ hash })).value, 2n);
});

has("stopImpersonatingAccount", async () => {
  await cheats.stopImpersonatingAccount({ address: stranger });
  await assert.rejects(wallet.sendTransaction({ account: stranger, to: other }));
});

has("setCoinbase", async () => {
  await cheats.setCoinbase({ address: stranger });
  await cheats.mine({ blocks: 1 });
  assert.equal((await reader.getBlock()).miner, stranger);
});

has("setNextBlockBaseFeePerGas", async () => {
  await cheats.setNextBlockBaseFeePerGas({ baseFeePerGas: 123_456_789n });
  await cheats.mine({ blocks: 1 });
  assert.equal((await reader.getBlock()).baseFeePerGas, 123_456_789n);
});

has("setBlockGasLimit", async () => {
  const { gasLimit } = await reader.getBlock();
  await cheats.setBlockGasLimit({ gasLimit: 20_000_000n });
  await cheats.mine({ blocks: 1 });
  assert.equal((await reader.getBlock()).gasLimit, 20_000_000n);
  await cheats.setBlockGasLimit({ gasLimit });
});

has("setMinGasPrice", async () => {
  await cheats.setMinGasPrice({ gasPrice: 10n ** 12n });
  assert.match(await refusal(pay({ gasPrice: 10n ** 10n })), /underpriced/);
  await cheats.setMinGasPrice({ gasPrice: 0n });
  await pay({ gasPrice: 10n ** 10n });
});

has("setLoggingEnabled", () => cheats.setLoggingEnabled(false));

has("snapshot", async () => assert.match(await cheats.snapshot(), /^0x/));

has("revert", async () => {
  const before = await reader.getBlockNumber();
  const id = await cheats.snapshot();
  await pay();
  assert.equal(await reader.getBlockNumber(), before + 1n);
  await cheats.revert({ id });
  assert.equal(await reader.getBlockNumber(), before);
});

// Said in words instead of being done.
has("dumpState", async () => assert.match(await refusal(cheats.dumpState()), /checkpoint export/));
has("loadState", async () =>
  assert.match(await refusal(cheats.loadState({ state: "0x00" })), /checkpoint import/));
has("setRpcUrl", async () =>
  assert.match(await refusal(cheats.setRpcUrl("http://127.0.0.1:1")), /this chain is not forked/));

has("reset", async () => {
  const forked = cheats.reset({ blockNumber: 1n, jsonRpcUrl: "http://127.0.0.1:1" });
  assert.match(await refusal(forked), /node http:\/\/127\.0\.0\.1:1 can't be asked/);
  await request(`${mode}_reset`);
  assert.equal(await reader.getBlockNumber(), 0n);
});

after(() => {
  const all = Object.keys(testActions({ mode })(cheats));
  assert.deepEqual([...tried].sort(), all.sort());
});
