// Hardhat 3 and hardhat-ethers, connected to the node as an HTTP network.

import assert from "node:assert/strict";
import { network } from "hardhat";

const SPOT = "0x0000000000000000000000000000000000000d01";
const PERP = "0x0000000000000000000000000000000000000d02";
const ETHER = 10n ** 18n;
const DOLLAR = 10n ** 6n;

const { ethers, provider } = await network.create("dex");
const [owner, other] = await ethers.getSigners();
const spot = await ethers.getContractAt("ISpot", SPOT, other);
const perp = await ethers.getContractAt("IPerp", PERP, owner);
const markets = await provider.request({ method: "dex_markets" });
const weth = ethers.getAddress(markets.spot[0].asset);
const usdc = await ethers.getContractAt("TestToken", markets.spot[0].quote);

const mined = async (sending) => (await sending).wait();
const eventsOf = (receipt, contract) => receipt.logs.map((it) => contract.interface.parseLog(it));

async function refusal(exchange, call) {
  const { data } = await call.then(assert.fail, (error) => error);
  return exchange.interface.parseError(data);
}

async function tradeOnSpot() {
  const trader = await ethers.deployContract("Trader");
  await mined(usdc.mint(trader, 10_000n * DOLLAR));
  await mined(trader.deposit(usdc, 10_000n * DOLLAR));
  await mined(spot.placeOrder(weth, ETHER, 3_000n * DOLLAR, false));
  const receipt = await mined(trader.trade(weth, 2n * ETHER, 3_000n * DOLLAR, true));
  const events = eventsOf(receipt, spot);
  assert.deepEqual(events.map((event) => event.name), ["OrderPlaced", "Trade", "OrderClosed"]);
  assert.equal(events[1].args.maker, other.address);
  assert.deepEqual([...(await spot.getBalance(trader, usdc))], [7_000n * DOLLAR, 0n]);
  const found = await spot.queryFilter(spot.filters.Trade(null, null, trader));
  assert.deepEqual(found.map((event) => event.args.amount), [ETHER]);

  const tooMuch = [weth, 100n * ETHER, 3_000n * DOLLAR, true];
  for (const call of [trader.placeLimit.staticCall(...tooMuch), trader.placeLimit(...tooMuch)]) {
    const { name, args } = await refusal(spot, call);
    assert.deepEqual([name, args.needed], ["InsufficientBalance", 300_000n * DOLLAR]);
  }
}

async function holdAPosition() {
  const trader = await ethers.deployContract("PerpTrader");
  await mined(usdc.mint(trader, 1_000n * DOLLAR));
  await mined(trader.depositCollateral(1_000n * DOLLAR));
  const receipt = await mined(trader.open(weth, ETHER, 10, true));
  const changed = eventsOf(receipt, perp).filter(({ name }) => name === "PositionChanged");
  const mine = changed.find(({ args }) => args.user === trader.target);
  assert.equal((await perp.getPosition(mine.args.positionId)).size, ETHER);
  await mined(trader.close(mine.args.positionId));
  assert.equal((await perp.getPosition(mine.args.positionId)).isOpen, false);
  const { name, args } = await refusal(perp, trader.open.staticCall(weth, ETHER, 51, true));
  assert.deepEqual([name, args.leverage], ["InvalidLeverage", 51n]);
}

await tradeOnSpot();
console.log("traded on the spot exchange");
await holdAPosition();
console.log("held a position");
