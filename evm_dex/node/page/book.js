// The order book as a ladder: asks above, bids below, the spread between them.

import { byId, element, showEmpty } from "./elements.js";
import { share } from "./numbers.js";

let before = new Map();
let marketBefore = null;

const LEVELS = 15;
const STEPS = [1n, 10n, 100n, 1_000n, 10_000n];

// The step by which levels are put together, chosen for the market; `onChosen` hears of another.
export function makeGrouping(onChosen) {
  byId("grouping").addEventListener("change", onChosen);
}

export function stepOf(market) {
  const select = byId("grouping");
  if (select.dataset.market !== market.key) {
    const tick = BigInt(market.row.tick);
    select.replaceChildren(...STEPS.map((times) => element(
      "option", { value: String(tick * times) }, market.price(tick * times))));
    select.dataset.market = market.key;
  }
  return `0x${BigInt(select.value).toString(16)}`;
}

export function showBook(market, depth) {
  const [bids, asks] = [depth.bids.slice(0, LEVELS), depth.asks.slice(0, LEVELS)];
  const body = byId("book").querySelector(".body");
  if (!bids.length && !asks.length) {
    showEmpty(body, "No orders rest in this book yet. Place one:", example(market));
    [before, marketBefore] = [new Map(), market.key];
    return;
  }
  const sides = [totalled(bids), totalled(asks)];
  const deepest = sides.flat().reduce((most, { total }) => (total > most ? total : most), 0n);
  const rows = (levels, side) => levels.map((level) => ladderRow(market, level, side, deepest));
  body.replaceChildren(element("table", { class: "ladder" },
    element("caption", { class: "hidden" }, `Order book of ${market.name}, best prices inmost`),
    element("thead", {}, element("tr", {},
      element("th", { scope: "col" }, "Price ", element("small", {}, market.quote)),
      element("th", { scope: "col" }, "Size ", element("small", {}, market.base)),
      element("th", { scope: "col" }, "Total"),
      element("th", { scope: "col", title: "Orders at the price" }, "Orders"))),
    element("tbody", { class: "asks" }, rows(sides[1].reverse(), "ask")),
    element("tbody", { class: "spread" }, element("tr", {},
      element("td", { colspan: 4 }, spread(market, bids[0], asks[0])))),
    element("tbody", { class: "bids" }, rows(sides[0], "bid"))));
  before = new Map([...bids, ...asks].map((level) => [level.price, level.size]));
  marketBefore = market.key;
}

// Levels with what there is at their price or better.
export function totalled(levels) {
  let total = 0n;
  return levels.map((level) => {
    total += BigInt(level.size);
    return { ...level, total };
  });
}

function ladderRow(market, level, side, deepest) {
  const isNew = market.key === marketBefore && before.get(level.price) !== level.size;
  return element("tr", {
    class: `${side}${isNew ? " changed" : ""}`,
    "data-price": level.price,
    "--size": share(BigInt(level.size), deepest),
    "--total": share(level.total, deepest),
  },
  element("th", { scope: "row" }, element("span", { class: "hidden" }, `${side} `),
    market.price(level.price)),
  element("td", {}, market.size(level.size)),
  element("td", {}, market.size(level.total)),
  element("td", {}, String(level.orders)));
}

function spread(market, bid, ask) {
  if (!bid) return "no bids";
  if (!ask) return "no asks";
  return `spread ${market.price(BigInt(ask.price) - BigInt(bid.price))} ${market.quote}`;
}

// The same by the SDK of Hyperliquid.
function coreExample(market, price) {
  const name = market.exchange === "perp" ? market.base : `${market.base}/${market.quote}`;
  const text = market.price(price - (price % BigInt(market.row.tick))).replaceAll(",", "");
  const worth = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return `exchange.order(\n    "${name}", True, 1, ${worth},\n`
    + "    {\"limit\": {\"tif\": \"Gtc\"}},\n)";
}

// A call that places an order here, as Python.
export function example(market) {
  const { baseUnit, mark = "0", lastTrade = "0", tick } = market.row;
  const known = [mark, lastTrade].find((units) => units !== "0");
  const price = known ?? String(BigInt(tick) * 100_000n);
  if (market.isCore) return coreExample(market, BigInt(price));
  return `dex.${market.exchange}.send(\n    "placeOrder",\n    "${market.address}",\n`
    + `    ${baseUnit}, ${price}, True,\n    sender=dex.accounts[1],\n)`;
}
