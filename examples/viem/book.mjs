// Places orders of two traders, lets a third take from them, and prints the book and the trades.
//
//   evm-dex node &
//   cd examples/viem && npm install && node book.mjs [http://127.0.0.1:8545]

import { readFileSync } from "node:fs";
import { createPublicClient, createWalletClient, formatUnits, getAddress, http, parseUnits } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains"; // its chain id, 31337, is the node's as well

const url = process.argv[2] ?? "http://127.0.0.1:8545";
const artifact = new URL("../../contracts/artifacts/ISpot.json", import.meta.url);
const { abi } = JSON.parse(readFileSync(artifact));
const spot = { address: "0x0000000000000000000000000000000000000d01", abi };
const mnemonic = "test test test test test test test test test test test junk";
const transport = http(url, { batch: true });
const client = createPublicClient({ chain: foundry, transport, pollingInterval: 100 });
const [maker, other, taker] = [0, 1, 2].map((addressIndex) => {
  const account = mnemonicToAccount(mnemonic, { addressIndex });
  return createWalletClient({ account, chain: foundry, transport });
});

const [asset] = await client.readContract({ ...spot, functionName: "getMarkets", args: [0n, 1n] });
const market = await client.readContract({ ...spot, functionName: "getMarket", args: [asset] });
const quote = getAddress(market[0]);

// Amounts of WETH have 18 decimals, prices of USDC 6.
async function place(trader, side, amount, price) {
  const args = [asset, parseUnits(amount, 18), parseUnits(price, 6), side === "buy"];
  // Simulating first costs nothing and throws the exchange's error by name.
  const order = { ...spot, functionName: "placeOrder", args, account: trader.account };
  const { request, result: orderId } = await client.simulateContract(order);
  const hash = await trader.writeContract(request);
  const { blockNumber } = await client.waitForTransactionReceipt({ hash });
  console.log(`block ${blockNumber}: order ${orderId}, ${side} ${amount} at ${price}`);
}

async function printBook() {
  const args = [asset, 10n];
  const depth = await client.readContract({ ...spot, functionName: "getDepth", args });
  const [bidPrices, bidAmounts, askPrices, askAmounts] = depth;
  const row = (side, price, amount) => {
    const shown = [formatUnits(price, 6).padStart(8), formatUnits(amount, 18).padStart(6)];
    console.log(`  ${side}  ${shown.join("  ")}`);
  };
  console.log("\n  side     price  amount");
  askPrices.map((price, level) => [price, askAmounts[level]]).reverse()
    .forEach(([price, amount]) => row("ask ", price, amount));
  bidPrices.forEach((price, level) => row("bid ", price, bidAmounts[level]));
}

await place(maker, "sell", "2", "3010");
await place(maker, "sell", "1.5", "3005");
await place(other, "buy", "1", "2995");
await place(other, "buy", "3", "2990");
await printBook();

console.log();
await place(taker, "buy", "2.5", "3010");
await printBook();

console.log("\n  price    amount  maker");
const query = { ...spot, eventName: "Trade", args: { asset, taker: taker.account.address } };
for (const { args } of await client.getContractEvents({ ...query, fromBlock: 0n })) {
  const [price, amount] = [formatUnits(args.price, 6), formatUnits(args.amount, 18)];
  console.log(`  ${price.padEnd(7)}  ${amount.padEnd(6)}  ${args.maker}`);
}

const account = taker.account.address;
const balance = (token) =>
  client.readContract({ ...spot, functionName: "getBalance", args: [account, token] });
const [weth, usdc] = await Promise.all([balance(asset), balance(quote)]);
console.log(`\nThe taker has ${formatUnits(weth[0], 18)} WETH and ${formatUnits(usdc[0], 6)} USDC.`);
