// What waits for a block, as viem and ethers see it: replaced, taken by its tip, dropped, pending.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { JsonRpcProvider, Wallet } from "ethers";
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  http,
  parseGwei,
  publicActions,
} from "viem";
import { mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { ETHER, OTHER_KEY, OWNER_KEY, request, untilHeard, URL } from "./world.mjs";

const STRANGER = "0x00000000000000000000000000000000000057aa";
const transport = http(URL);
const chain = foundry;
const owner = privateKeyToAccount(OWNER_KEY);
const other = privateKeyToAccount(OTHER_KEY);
const viem = createWalletClient({ account: owner, chain, transport }).extend(publicActions);
const rival = createWalletClient({ account: other, chain, transport });
const reader = createPublicClient({ chain, transport, pollingInterval: 50 });
const tests = createTestClient({ mode: "anvil", chain, transport });
const provider = new JsonRpcProvider(URL, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const wallet = new Wallet(OTHER_KEY, provider);
const fees = (tip) => ({
  maxPriorityFeePerGas: parseGwei(String(tip)),
  maxFeePerGas: parseGwei(String(100 + tip)),
});

before(() => tests.setAutomine(false));
beforeEach(() => request("anvil_dropAllTransactions"));
after(() => provider.destroy());

test("viem: a block takes what pays more first", async () => {
  const cheap = await viem.sendTransaction({ to: STRANGER, value: 1n, ...fees(1) });
  const dear = await rival.sendTransaction({ to: STRANGER, value: 1n, ...fees(9) });
  const pending = await reader.getBlock({ blockTag: "pending", includeTransactions: true });
  assert.deepEqual(pending.transactions.map((it) => it.hash), [dear, cheap]);
  assert.equal(pending.number, (await reader.getBlockNumber({ cacheTime: 0 })) + 1n);
  assert.equal(pending.hash, null);
  await tests.mine({ blocks: 1 });
  const made = await reader.getBlock();
  assert.deepEqual([made.transactions, made.timestamp], [[dear, cheap], pending.timestamp]);
});

test("viem: a replacement pays a tenth more, and who waits for the first is told", async () => {
  const nonce = await reader.getTransactionCount({ address: owner.address, blockTag: "pending" });
  const first = await viem.sendTransaction({ to: STRANGER, value: 1n, nonce, ...fees(10) });
  const replaced = new Promise((resolve, reject) => {
    const told = { hash: first, onReplaced: resolve, pollingInterval: 50 };
    reader.waitForTransactionReceipt(told).catch(reject);
  });
  await reader.getTransaction({ hash: first });
  await assert.rejects(
    viem.sendTransaction({ to: STRANGER, value: 2n, nonce, ...fees(10) }),
    /replacement transaction underpriced/,
  );
  const second = await viem.sendTransaction({ to: STRANGER, value: 1n, nonce, ...fees(30) });
  await new Promise((resolve) => setTimeout(resolve, 200));
  await tests.mine({ blocks: 1 });
  const found = await replaced;
  assert.deepEqual([found.reason, found.transaction.hash], ["repriced", second]);
});

test("viem: nonces ahead are queued, counted and dropped", async () => {
  const nonce = await reader.getTransactionCount({ address: owner.address, blockTag: "pending" });
  const late = await viem.sendTransaction({ to: STRANGER, nonce: nonce + 1, ...fees(1) });
  assert.deepEqual(await tests.getTxpoolStatus(), { pending: 0, queued: 1 });
  const first = await viem.sendTransaction({ to: STRANGER, nonce, ...fees(1) });
  const content = await tests.getTxpoolContent();
  const mine = content.pending[owner.address];
  assert.deepEqual([mine[nonce].hash, mine[nonce + 1].hash], [first, late]);
  assert.match((await tests.inspectTxpool()).pending[owner.address][nonce], /0 wei \+ \d+ gas × /);
  await tests.dropTransaction({ hash: first });
  assert.deepEqual(await tests.getTxpoolStatus(), { pending: 0, queued: 1 });
});

test("viem: a pending filter tells what can be mined", async () => {
  const filter = await reader.createPendingTransactionFilter();
  const sent = await viem.sendTransaction({ to: STRANGER, value: 1n, ...fees(1) });
  assert.deepEqual(await reader.getFilterChanges({ filter }), [sent]);
});

test("viem: reads, calls and estimates at pending see what waits", async () => {
  const account = mnemonicToAccount(
    "test test test test test test test test test test test junk",
    { addressIndex: 77 },
  );
  await viem.sendTransaction({ to: account.address, value: ETHER, ...fees(1) });
  const at = { address: account.address, blockTag: "pending" };
  assert.equal(await reader.getBalance(at), ETHER);
  assert.equal(await reader.getBalance({ address: account.address }), 0n);
  const spend = { account: account.address, to: STRANGER, value: ETHER / 2n };
  assert.equal(await reader.estimateGas(spend), 21_000n);
  await assert.rejects(reader.estimateGas({ ...spend, blockTag: "latest" }), /exceeds|funds/i);
  await reader.call({ ...spend, blockTag: "pending" });
});

test("ethers: a replaced transaction is told to who waits for it", async () => {
  const nonce = await provider.getTransactionCount(wallet.address, "pending");
  const first = await wallet.sendTransaction({ to: STRANGER, value: 1n, nonce, ...fees(1) });
  await assert.rejects(
    wallet.sendTransaction({ to: STRANGER, value: 2n, nonce, ...fees(1) }),
    { code: "REPLACEMENT_UNDERPRICED" },
  );
  const waiting = assert.rejects(first.wait(), { code: "TRANSACTION_REPLACED", cancelled: true });
  const second = await wallet.sendTransaction({ to: STRANGER, value: 2n, nonce, ...fees(15) });
  await tests.mine({ blocks: 1 });
  assert.equal((await second.wait()).status, 1);
  await untilHeard(waiting, () => tests.mine({ blocks: 1 }));
  await assert.rejects(
    wallet.sendTransaction({ to: STRANGER, nonce, gasLimit: 21_000, ...fees(19) }),
    { code: "NONCE_EXPIRED" },
  );
});

test("ethers: the pending block has its transactions", async () => {
  const sent = await wallet.sendTransaction({ to: STRANGER, value: 1n, ...fees(1) });
  const block = await provider.getBlock("pending", true);
  assert.deepEqual(block.transactions, [sent.hash]);
  assert.equal(await provider.getTransactionCount(wallet.address, "pending"), sent.nonce + 1);
});
