// The depth of a book as a picture: what is bought and sold up to each price.

import { byId, drawn, element, showEmpty } from "./elements.js";
import { totalled } from "./book.js";
import { absolute, share } from "./numbers.js";

const [WIDTH, HEIGHT] = [600, 260];
const FULL = 0.9; // of the height, at the most
const FAR = 4n; // times the usual distance from the middle

export function showDepth(market, { bids, asks }) {
  const body = byId("depth").querySelector(".body");
  if (!bids.length && !asks.length) {
    showEmpty(body, "The picture comes with the first resting order.");
    return;
  }
  const sides = [totalled(bids), totalled(asks)];
  const prices = sides.flat().map(({ price }) => BigInt(price));
  const most = sides.flat().reduce((found, { total }) => (total > found ? total : found), 0n);
  const middle = middleOf(bids[0], asks[0]);
  let [low, high] = ends(prices, middle ?? BigInt((bids[0] ?? asks[0]).price));
  const margin = (high - low) / 12n + BigInt(market.row.tick);
  const onTick = (price) => price - (price % BigInt(market.row.tick));
  [low, high] = [onTick(low > margin ? low - margin : 0n), onTick(high + margin)];
  const across = (price) => share(BigInt(price) - low, high - low) * WIDTH;
  const up = (total) => HEIGHT * (1 - share(total, most) * FULL);
  body.replaceChildren(
    drawn("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": inWords(market, sides),
      preserveAspectRatio: "none",
    },
    [0.25, 0.5, 0.75, 1].map((part) => {
      const y = HEIGHT * (1 - part * FULL);
      return drawn("line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y });
    }),
    drawn("path", { class: "bid area", d: steps(sides[0], across, up, 0, true) }),
    drawn("path", { class: "ask area", d: steps(sides[1], across, up, WIDTH, true) }),
    drawn("path", { class: "bid edge", d: steps(sides[0], across, up, 0, false) }),
    drawn("path", { class: "ask edge", d: steps(sides[1], across, up, WIDTH, false) }),
    middle && drawn("line", {
      class: "middle", x1: across(middle), x2: across(middle), y1: 0, y2: HEIGHT,
    }),
    drawn("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT })),
    labels(market, low, high, middle, across),
    element("p", { class: "most", "aria-hidden": "true" }, `${market.size(most)} ${market.base}`),
  );
}

// From where to where: a few orders that are far away must not press the others together.
function ends(prices, center) {
  const distances = prices.map((price) => absolute(price - center));
  const usual = [...distances].sort((one, other) => (one < other ? -1 : 1))[prices.length >> 1];
  const near = prices.filter((_, place) => distances[place] <= usual * FAR);
  const [first, ...others] = near;
  return others.reduce(([low, high], price) => (
    [price < low ? price : low, price > high ? price : high]), [first, first]);
}

// Up at each level's price, from the best one outwards to the picture's edge.
function steps(levels, across, up, edge, closed) {
  if (!levels.length) return "";
  let path = `M${across(levels[0].price)} ${HEIGHT}`;
  for (const { price, total } of levels) path += `H${across(price)}V${up(total)}`;
  return `${path}H${edge}${closed ? `V${HEIGHT}Z` : ""}`;
}

function middleOf(bid, ask) {
  return bid && ask ? (BigInt(bid.price) + BigInt(ask.price)) / 2n : null;
}

// Beside the picture, since text in it would be stretched with it.
function labels(market, low, high, middle, across) {
  return element("p", { class: "labels", "aria-hidden": "true" },
    element("span", {}, market.price(low)),
    middle && element("span", { class: "mid", "--at": across(middle) / WIDTH },
      market.price(middle)),
    element("span", {}, market.price(high)));
}

function inWords(market, [bids, asks]) {
  const side = (levels, name) => (levels.length
    ? `${name} of ${market.size(levels.at(-1).total)} ${market.base} from `
      + `${market.price(levels[0].price)} to ${market.price(levels.at(-1).price)}`
    : `no ${name}`);
  return `Depth: ${side(bids, "bids")}; ${side(asks, "asks")}.`;
}
