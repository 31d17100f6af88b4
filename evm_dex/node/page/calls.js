// Calls in short, and as a tree that opens and closes.

import { element, hexText } from "./elements.js";
import { grouped } from "./numbers.js";

const SIZES = ["amount", "size"];
const PRICES = ["price", "newPrice", "limitPrice", "triggerPrice"];
const LAST = 99;
const SIDES = { isBuy: ["buy", "sell"], isLong: ["long", "short"] };

export function callTree(frame, markets) {
  return element("ul", { class: "calls" }, call(frame, markets));
}

function call(frame, markets) {
  const { decoded, calls = [] } = frame;
  const failure = frame.error && (decoded?.error ?? frame.revertReason ?? frame.error);
  const title = [
    element("span", { class: "kind" }, frame.type.toLowerCase()), " ",
    nameOf(decoded, frame.to, frame.input), " ",
    element("span", { class: "faint" }, `${grouped(BigInt(frame.gasUsed))} gas`),
    failure ? element("span", { class: "failure" }, ` ✗ ${failure}`) : null,
  ];
  return element("li", {}, element("details", { open: true }, element("summary", {}, title),
    facts(frame, decoded, markets),
    calls.length ? element("ul", {}, calls.map((one) => call(one, markets))) : null));
}

// `Spot.placeOrder`, or who was called and the selector.
export function nameOf(decoded, to, input) {
  if (decoded?.function === "constructor") return element("b", {}, `new ${decoded.contract}`);
  if (decoded) return element("b", {}, `${plain(decoded.contract)}.${decoded.function}`);
  if (!to) return element("b", {}, "new contract");
  const selector = input.length > 2 ? ` ${input.slice(0, 10)}` : "";
  return element("span", {}, hexText(to), selector);
}

// An exchange without the letter that Solidity's interfaces begin with.
function plain(contract) {
  return { ISpot: "Spot", IPerp: "Perp" }[contract] ?? contract;
}

// The arguments in one line, in the market's units: `buy 2.0000 WETH / USDC at 3,005.00`.
export function inShort(decoded, markets) {
  if (!decoded) return "";
  const market = marketOf(decoded, markets);
  const words = Object.entries(decoded.arguments).map(([name, value]) => {
    const place = [...Object.keys(SIDES), ...SIZES, "market", "asset", ...PRICES].indexOf(name);
    const text = inUnits(name, value, market) ?? `${name} ${written(value)}`;
    return { place: place < 0 ? LAST : place, text: PRICES.includes(name) ? `at ${text}` : text };
  });
  return words.sort((one, other) => one.place - other.place).map(({ text }) => text).join(" ");
}

function marketOf({ contract, arguments: given }, markets) {
  const address = String(given.market ?? given.asset ?? "").toLowerCase();
  return markets.get(`${plain(contract).toLowerCase()}/${address}`);
}

// An argument as people read it; null where it is as good as it stands.
function inUnits(name, value, market) {
  if (name in SIDES) return SIDES[name][value ? 0 : 1];
  if (!market) return null;
  if (["market", "asset"].includes(name)) return market.name;
  if (SIZES.includes(name)) return market.size(value);
  return PRICES.includes(name) ? market.price(value) : null;
}

function facts(frame, decoded, markets) {
  const market = decoded && marketOf(decoded, markets);
  const rows = decoded ? Object.entries(decoded.arguments) : [["input", frame.input]];
  const value = BigInt(frame.value ?? 0);
  if (value > 0n) rows.unshift(["value", `${value} wei`]);
  if (decoded && "result" in decoded) rows.push(["→", decoded.result]);
  else if (frame.output && frame.output !== "0x") rows.push(["→", frame.output]);
  return element("dl", { class: "facts" }, rows.map(([name, given]) => {
    const read = decoded && inUnits(name, given, market);
    return element("div", {}, element("dt", {}, name), element("dd", {}, written(given),
      read ? element("span", { class: "faint" }, `  ${read}`) : null));
  }));
}

function written(value) {
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}
