// viem: public and wallet clients, batches, filters and sockets.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  decodeFunctionResult,
  encodeFunctionData,
  getAddress,
  http,
  parseEventLogs,
  webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import {
  artifact,
  DOLLAR,
  ETHER,
  OTHER_KEY,
  OWNER_KEY,
  PERP,
  request,
  SOCKET_URL,
  SPOT,
  untilHeard,
  URL,
  withErrorsOf,
} from "./world.mjs";

const chain = foundry;
const reader = createPublicClient({ chain, transport: http(URL), pollingInterval: 50 });
const owner = privateKeyToAccount(OWNER_KEY);
const other = privateKeyToAccount(OTHER_KEY);
const wallet = createWalletClient({ account: owner, chain, transport: http(URL) });
const otherWallet = createWalletClient({ account: other, chain, transport: http(URL) });
const [spotAbi, perpAbi, tokenAbi] = ["ISpot", "IPerp", "TestToken"].map((it) => artifact(it).abi);
const spot = { address: SPOT, abi: spotAbi };
const perp = { address: PERP, abi: perpAbi };
let weth, usdc, trader;

async function write(contract, functionName, args, by = wallet) {
  const hash = await by.writeContract({ ...contract, functionName, args });
  const receipt = await reader.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success");
  return receipt;
}

const read = (contract, functionName, args = []) =>
  reader.readContract({ ...contract, functionName, args });

async function deploy(name, exchange) {
  const abi = withErrorsOf(name, exchange);
  const hash = await wallet.deployContract({ abi, bytecode: artifact(name).bytecode });
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash });
  return { address: getAddress(contractAddress), abi };
}

function revertOf(error) {
  assert.ok(error instanceof BaseError, error.stack);
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  assert.ok(reverted?.data, error.message);
  return reverted.data;
}

before(async () => {
  const markets = await request("dex_markets");
  weth = { address: getAddress(markets.spot[0].asset), abi: tokenAbi };
  usdc = { address: getAddress(markets.spot[0].quote), abi: tokenAbi };
  trader = await deploy("Trader", "ISpot");
  await write(usdc, "mint", [trader.address, 10_000n * DOLLAR]);
  await write(trader, "deposit", [usdc.address, 10_000n * DOLLAR]);
});

test("a local account trades through a contract of its own on the spot exchange", async () => {
  const offer = [weth.address, ETHER, 3_000n * DOLLAR, false];
  await write(spot, "placeOrder", offer, otherWallet);
  const receipt = await write(trader, "trade", [weth.address, 2n * ETHER, 3_000n * DOLLAR, true]);
  const events = parseEventLogs({ abi: spotAbi, logs: receipt.logs });
  assert.deepEqual(events.map((it) => it.eventName), ["OrderPlaced", "Trade", "OrderClosed"]);
  assert.equal(events[1].args.maker, other.address);
  assert.equal(events[1].args.quoteAmount, 3_000n * DOLLAR);
  const balance = await read(spot, "getBalance", [trader.address, usdc.address]);
  assert.deepEqual(balance, [7_000n * DOLLAR, 0n]);
});

test("past events are found by their arguments", async () => {
  const wanted = { ...spot, eventName: "Trade", fromBlock: 0n };
  const found = await reader.getContractEvents({ ...wanted, args: { taker: trader.address } });
  assert.deepEqual(found.map((event) => event.args.amount), [ETHER]);
  const none = await reader.getContractEvents({ ...wanted, args: { maker: trader.address } });
  assert.deepEqual(none, []);
});

test("a failing call tells the exchange's error by name, through the contract", async () => {
  const args = [weth.address, 100n * ETHER, 3_000n * DOLLAR, true];
  const place = { ...trader, functionName: "placeLimit", args };
  const tries = [
    () => reader.simulateContract({ ...place, account: owner }),
    () => wallet.writeContract(place),
    () => reader.estimateContractGas({ ...place, account: owner }),
  ];
  for (const attempt of tries) {
    const { errorName, args } = revertOf(await attempt().then(assert.fail, (error) => error));
    assert.equal(errorName, "InsufficientBalance");
    assert.deepEqual(args, [usdc.address, 7_000n * DOLLAR, 300_000n * DOLLAR]);
  }
});

test("a contract opens and closes a position on the perpetuals exchange", async () => {
  const contract = await deploy("PerpTrader", "IPerp");
  await write(usdc, "mint", [contract.address, 1_000n * DOLLAR]);
  await write(contract, "depositCollateral", [1_000n * DOLLAR]);
  const receipt = await write(contract, "open", [weth.address, ETHER, 10n, true]);
  const changes = parseEventLogs({
    abi: perpAbi,
    logs: receipt.logs,
    eventName: "PositionChanged",
    args: { user: contract.address },
  });
  assert.equal(changes.length, 1);
  const { positionId } = changes[0].args;
  const [, user, , size] = await read(perp, "getPosition", [positionId]);
  assert.deepEqual([user, size], [contract.address, ETHER]);
  await write(contract, "close", [positionId]);
  assert.equal((await read(perp, "getPosition", [positionId])).at(-1), false);
  const tooHigh = { ...contract, functionName: "open", args: [weth.address, ETHER, 51n, true] };
  const refusal = await reader.simulateContract({ ...tooHigh, account: owner }).catch(revertOf);
  assert.deepEqual([refusal.errorName, refusal.args], ["InvalidLeverage", [51n, 50n]]);
});

test("an unlocked account of the node sends without a key", async () => {
  const [, , , unlocked] = await wallet.getAddresses();
  const hash = await wallet.sendTransaction({ account: unlocked, to: other.address, value: 5n });
  const { status } = await reader.waitForTransactionReceipt({ hash });
  assert.equal(status, "success");
  assert.equal((await reader.getTransaction({ hash })).value, 5n);
});

test("a batching transport gives each reader its own answer", async () => {
  let posts = 0;
  const transport = http(URL, { batch: { wait: 10 }, onFetchRequest: () => void posts++ });
  const batching = createPublicClient({ chain, transport });
  const heights = [0n, 1n, 2n, 3n];
  const blocks = await Promise.all(
    heights.map((blockNumber) => batching.getBlock({ blockNumber })),
  );
  assert.deepEqual(blocks.map((block) => block.number), heights);
  assert.equal(posts, 1);
});

test("watchers hear of an order, over HTTP and over a WebSocket", async () => {
  const socket = createPublicClient({ chain, transport: webSocket(SOCKET_URL) });
  const stops = [];
  const heard = [reader, socket].map(
    (client) => new Promise((resolve, reject) => {
      const stop = client.watchContractEvent({
        ...spot,
        eventName: "OrderPlaced",
        onLogs: ([log]) => resolve(log.args.amount),
        onError: reject,
      });
      stops.push(stop);
    }),
  );
  const order = [weth.address, 2n * ETHER, 4_000n * DOLLAR, false];
  const place = () => write(spot, "placeOrder", order, otherWallet);
  assert.deepEqual(await untilHeard(Promise.all(heard), place), [2n * ETHER, 2n * ETHER]);
  stops.forEach((stop) => stop());
  (await socket.transport.getRpcClient()).close();
});

test("a filter that is asked gives what is new since then", async () => {
  const filter = await reader.createContractEventFilter({ ...spot, eventName: "OrderPlaced" });
  await write(spot, "placeOrder", [weth.address, ETHER, 4_000n * DOLLAR, false], otherWallet);
  assert.equal((await reader.getFilterChanges({ filter })).length, 1);
  assert.equal((await reader.getFilterChanges({ filter })).length, 0);
  assert.equal(await reader.uninstallFilter({ filter }), true);
});

test("blocks of calls are simulated, each seeing those before it", async () => {
  const address = "0x00000000000000000000000000000000000c0de0";
  // Adds one to slot 0, and returns it.
  const code = "0x5f54600101805f555f5260205ff3";
  const calls = [{ to: address }, { to: address }];
  const found = await reader.simulateBlocks({
    blocks: [
      { calls, stateOverrides: [{ address, code }], blockOverrides: { time: 4_000_000_000n } },
      { calls: [{ account: owner, to: other.address, value: 1n }] },
    ],
  });
  assert.deepEqual(found[0].calls.map((call) => BigInt(call.data)), [1n, 2n]);
  assert.deepEqual([found[0].timestamp, found[1].calls[0].status], [4_000_000_000n, "success"]);

  const { results } = await reader.simulateCalls({
    account: owner.address,
    calls: [
      { to: usdc.address, abi: tokenAbi, functionName: "transfer", args: [other.address, 1n] },
      { to: SPOT, abi: spotAbi, functionName: "cancelOrder", args: [10n ** 9n] },
    ],
  });
  assert.deepEqual(results.map((result) => result.status), ["success", "failure"]);
  assert.match(results[1].error.message, /OrderNotFound/);
});

test("a call may pretend that an account is another", async () => {
  const data = encodeFunctionData({ abi: trader.abi, functionName: "owner" });
  const { data: output } = await reader.call({
    to: "0x00000000000000000000000000000000000000aa",
    data,
    stateOverride: [
      {
        address: "0x00000000000000000000000000000000000000aa",
        code: await reader.getCode({ address: trader.address }),
      },
    ],
  });
  const found = decodeFunctionResult({ abi: trader.abi, functionName: "owner", data: output });
  assert.equal(found, owner.address);
});
