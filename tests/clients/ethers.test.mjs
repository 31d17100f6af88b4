// ethers 6: wallets and unlocked accounts, batches, events, errors by name, filters and sockets.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Contract,
  ContractFactory,
  getAddress,
  JsonRpcProvider,
  Wallet,
  WebSocketProvider,
} from "ethers";
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

const provider = new JsonRpcProvider(URL, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const wallet = new Wallet(OWNER_KEY, provider);
const other = new Wallet(OTHER_KEY, provider);
const spot = new Contract(SPOT, artifact("ISpot").abi, other);
const perp = new Contract(PERP, artifact("IPerp").abi, wallet);
let weth, usdc, trader;

const mined = async (sending) => (await sending).wait();

async function deploy(name, exchange) {
  const { bytecode } = artifact(name);
  const factory = new ContractFactory(withErrorsOf(name, exchange), bytecode, wallet);
  const contract = await factory.deploy();
  await contract.waitForDeployment();
  return contract;
}

before(async () => {
  const markets = await request("dex_markets");
  const token = (address) => new Contract(getAddress(address), artifact("TestToken").abi, wallet);
  weth = token(markets.spot[0].asset);
  usdc = token(markets.spot[0].quote);
  trader = await deploy("Trader", "ISpot");
});

after(() => provider.destroy());

test("a wallet deploys a contract that trades on the spot exchange", async () => {
  await mined(usdc.mint(trader, 10_000n * DOLLAR));
  await mined(trader.deposit(usdc, 10_000n * DOLLAR));
  await mined(spot.placeOrder(weth, ETHER, 3_000n * DOLLAR, false));
  assert.equal(await trader.trade.staticCall(weth, 2n * ETHER, 3_000n * DOLLAR, true), ETHER);

  const receipt = await mined(trader.trade(weth, 2n * ETHER, 3_000n * DOLLAR, true));
  const events = receipt.logs.map((log) => spot.interface.parseLog(log));
  assert.deepEqual(events.map((event) => event.name), ["OrderPlaced", "Trade", "OrderClosed"]);
  const [, trade] = events;
  assert.equal(trade.args.maker, other.address);
  assert.equal(trade.args.taker, await trader.getAddress());
  assert.equal(trade.args.quoteAmount, 3_000n * DOLLAR);
  const [available, onHold] = await spot.getBalance(trader, usdc);
  assert.deepEqual([available, onHold], [7_000n * DOLLAR, 0n]);
});

test("past events are found by their indexed arguments", async () => {
  const found = await spot.queryFilter(spot.filters.Trade(weth, other, trader), 0, "latest");
  assert.deepEqual(found.map((event) => event.args.amount), [ETHER]);
  const none = await spot.queryFilter(spot.filters.Trade(weth, trader, null), 0, "latest");
  assert.deepEqual(none, []);
});

test("a failing call tells the exchange's error by name, through the contract", async () => {
  const order = [weth, 100n * ETHER, 3_000n * DOLLAR, true];
  const expected = [usdc.target, 7_000n * DOLLAR, 300_000n * DOLLAR];
  await assert.rejects(trader.placeLimit.staticCall(...order), ({ code, revert }) => {
    assert.deepEqual([code, revert.name], ["CALL_EXCEPTION", "InsufficientBalance"]);
    assert.deepEqual([...revert.args], expected);
    return true;
  });
  await assert.rejects(trader.connect(other).cancel.staticCall(1), ({ revert }) => {
    assert.deepEqual([revert.name, revert.args.caller], ["NotOwner", other.address]);
    return true;
  });
});

test("an estimate that fails has what a failing call has, and is decoded by one line", async () => {
  // ethers decodes an error itself where it calls, and leaves it to its caller where it estimates,
  // which it does before it sends; anvil's answer, of the same form, comes out the same.
  const order = [weth, 100n * ETHER, 3_000n * DOLLAR, true];
  const expected = [usdc.target, 7_000n * DOLLAR, 300_000n * DOLLAR];
  const fail = async (act) => act().then(assert.fail, (error) => error);
  const called = await fail(() => trader.placeLimit.staticCall(...order));
  for (const act of [trader.placeLimit, trader.placeLimit.estimateGas]) {
    const error = await fail(() => act(...order));
    assert.deepEqual([error.code, error.action], ["CALL_EXCEPTION", "estimateGas"]);
    assert.equal(error.data, called.data);
    assert.match(error.info.error.message, /^execution reverted: InsufficientBalance/);
    const { revert } = trader.interface.makeError(error.data, error.transaction);
    assert.deepEqual([revert.name, [...revert.args]], ["InsufficientBalance", expected]);
  }
});

test("a transaction that fails has a receipt of status 0", async () => {
  const sent = await trader.cancel(999, { gasLimit: 300_000 });
  await assert.rejects(sent.wait(), ({ code, receipt }) => {
    return code === "CALL_EXCEPTION" && receipt.status === 0;
  });
});

test("a contract opens and closes a position on the perpetuals exchange", async () => {
  const contract = await deploy("PerpTrader", "IPerp");
  await mined(usdc.mint(contract, 1_000n * DOLLAR));
  await mined(contract.depositCollateral(1_000n * DOLLAR));
  const receipt = await mined(contract.open(weth, ETHER, 10, true));
  const events = receipt.logs.map((log) => perp.interface.parseLog(log));
  const changes = events.filter((event) => event.name === "PositionChanged");
  const { positionId } = changes.find(({ args }) => args.user === contract.target).args;
  const position = await perp.getPosition(positionId);
  assert.deepEqual([position.size, position.isLong, position.isOpen], [ETHER, true, true]);
  assert.equal(await contract.close.staticCall(positionId), 0n);
  await mined(contract.close(positionId));
  assert.equal((await perp.getPosition(positionId)).isOpen, false);
  await assert.rejects(contract.open.staticCall(weth, ETHER, 51, true), ({ revert }) => {
    return revert.name === "InvalidLeverage" && revert.args.maxLeverage === 50n;
  });
});

test("an unlocked account of the node sends without a key", async () => {
  const signer = await provider.getSigner(3);
  const sent = await signer.sendTransaction({ to: other.address, value: 5n });
  const receipt = await sent.wait();
  assert.equal(receipt.status, 1);
  assert.equal((await provider.getTransaction(sent.hash)).value, 5n);
});

test("reads made at once travel as one batch and keep their order", async () => {
  const heights = [0, 1, 2, 3, 4, 5];
  const batches = [];
  await provider.on("debug", ({ action, payload }) => {
    if (action === "sendRpcPayload") batches.push(payload);
  });
  const blocks = await Promise.all(heights.map((height) => provider.getBlock(height)));
  await provider.off("debug");
  assert.deepEqual(blocks.map((block) => block.number), heights);
  assert.ok(batches.some((batch) => Array.isArray(batch) && batch.length >= heights.length));
});

test("a listener hears of an order, over HTTP and over a WebSocket", async () => {
  const socket = new WebSocketProvider(SOCKET_URL);
  try {
    const heard = [spot.connect(provider), spot.connect(socket)].map(
      (contract) => new Promise((resolve, reject) => {
        const listening = contract.on("OrderPlaced", (id, user, asset, amount) => resolve(amount));
        listening.catch(reject);
      }),
    );
    const place = () => mined(spot.placeOrder(weth, 2n * ETHER, 4_000n * DOLLAR, false));
    const amounts = await untilHeard(Promise.all(heard), place);
    assert.deepEqual(amounts, [2n * ETHER, 2n * ETHER]);
  } finally {
    await provider.removeAllListeners();
    await provider.getBlockNumber(); // the filters' removal is on its way before this
    await socket.destroy();
  }
});
