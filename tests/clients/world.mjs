// What the programs here share: the node's address, contracts, markets and units.

import { readFileSync } from "node:fs";

export const URL = process.env.EVM_DEX_URL;
export const SOCKET_URL = URL.replace("http", "ws");
export const SPOT = "0x0000000000000000000000000000000000000d01";
export const PERP = "0x0000000000000000000000000000000000000d02";
// The first two accounts of the test mnemonic.
export const OWNER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
export const OTHER_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
export const ETHER = 10n ** 18n;
export const DOLLAR = 10n ** 6n;

export function artifact(name) {
  const file = new globalThis.URL(`../../contracts/artifacts/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file));
}

// A contract's own interface, with the errors of the exchange it calls.
export function withErrorsOf(name, exchange) {
  const known = artifact(name).abi;
  const errors = artifact(exchange).abi.filter((item) => item.type === "error");
  return [...known, ...errors];
}

export async function request(method, ...params) {
  const response = await fetch(URL, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

// Does something again and again until somebody has heard of it: when a client is told of its
// filter or subscription, it does not say.
export async function untilHeard(hearing, act) {
  let heard = false;
  const done = hearing.finally(() => {
    heard = true;
  });
  while (!heard) {
    await act();
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 300))]);
  }
  return done;
}
