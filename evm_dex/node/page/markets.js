// Markets of both exchanges in one form, their chooser, and their prices in the header.

import { byId, element, shortHex } from "./elements.js";
import { amount, placesOf, ratio, toUnits } from "./numbers.js";

const RATE_SCALE_AS_PERCENT = 10n ** 10n; // rates are in parts of 10^12
const LONGEST_SYMBOL = 16;
export const HYPE = `0x${"22".repeat(20)}`; // HyperCore's name for the native coin of its EVM

// What contracts call themselves, without what would hide or reorder the text around it.
export function symbolOf(token, address) {
  const told = (token?.symbol ?? "").replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  if (!told) return shortHex(address);
  return told.length > LONGEST_SYMBOL ? `${told.slice(0, LONGEST_SYMBOL)}…` : told;
}

// All markets by key, from the result of dex_markets.
export function readMarkets({ spot, perp, tokens }) {
  const found = [
    ...spot.map((row) => spotMarket(row, tokens)), ...perp.map((row) => perpMarket(row, tokens)),
  ];
  const names = found.map((market) => `${market.exchange} ${market.name}`);
  for (const [place, market] of found.entries()) {
    const first = names.indexOf(names[place]);
    if (first !== names.lastIndexOf(names[place])) market.name += ` ${shortHex(market.address)}`;
  }
  return new Map(found.map((market) => [market.key, market]));
}

// The key of a market that is named by exchange and address or symbol; of the first one where
// there is none such.
export function findMarket(markets, wanted) {
  const [exchange, name = ""] = (wanted ?? "").split("/");
  const found = [...markets.values()].find((market) => market.exchange === exchange
    && [market.address, market.base.toLowerCase()].includes(name.toLowerCase()));
  return found?.key ?? markets.keys().next().value ?? null;
}

function spotMarket(row, tokens) {
  const [base, quote] = [tokens[row.asset], tokens[row.quote]];
  const whole = 10n ** BigInt(base.decimals);
  return market("spot", row, {
    address: row.asset,
    base: symbolOf(base, row.asset),
    quote: symbolOf(quote, row.quote),
    // A price is quote units for `baseUnit` of the asset; shown is that of one whole token.
    price: [whole, BigInt(row.baseUnit) * 10n ** BigInt(quote.decimals)],
    size: [1n, whole],
    decimals: quote.decimals,
    isCore: HYPE in tokens,
  });
}

function perpMarket(row, tokens) {
  const collateral = tokens[row.collateral];
  return market("perp", row, {
    address: row.market,
    base: symbolOf({ symbol: row.symbol || tokens[row.market]?.symbol }, row.market),
    quote: symbolOf(collateral, row.collateral),
    price: [1n, 10n ** BigInt(collateral.decimals)],
    size: [1n, BigInt(row.baseUnit)],
    decimals: collateral.decimals,
    isCore: HYPE in tokens,
  });
}

function market(exchange, row, { address, base, quote, price, size, decimals, isCore }) {
  const scaled = (units, [times, per], places) => ratio(BigInt(units) * times, per, places);
  const pricePlaces = placesOf(BigInt(row.tick) * price[0], price[1]);
  const sizePlaces = placesOf(BigInt(row.lot) * size[0], size[1]);
  return {
    key: `${exchange}/${address}`, exchange, address, base, quote, row, isCore,
    name: exchange === "spot" ? `${base} / ${quote}` : `${base} perpetual`,
    price: (units) => scaled(units, price, pricePlaces),
    size: (units) => scaled(units, size, sizePlaces),
    priceUnits: (text) => toUnits(text, ...price, "price"),
    sizeUnits: (text) => toUnits(text, ...size, "size"),
    pricePlaces,
    money: (units) => amount(units, decimals),
  };
}

export function showChooser(markets, chosen) {
  const group = (label, exchange) => {
    const members = [...markets.values()].filter((market) => market.exchange === exchange);
    return members.length && element("optgroup", { label }, members.map((market) => (
      element("option", { value: market.key, selected: market.key === chosen }, market.name)
    )));
  };
  const groups = [group("Spot", "spot"), group("Perpetuals", "perp")].filter(Boolean);
  const select = byId("market");
  const written = [...markets.values()].map((market) => market.key + market.name).join();
  if (select.dataset.written !== written) {
    select.replaceChildren(...groups);
    select.dataset.written = written;
  }
  if (chosen) select.value = chosen;
  select.disabled = markets.size === 0;
}

export function showPrices(shown, trades) {
  const row = shown.row;
  const told = (units) => (BigInt(units) === 0n ? "–" : shown.price(units));
  const last = trades?.[0]?.price ?? "0";
  const figures = [["Last", told(last), shown.quote]];
  if (shown.exchange === "perp") {
    figures.push(
      ["Mark", told(row.mark), shown.quote],
      ["Oracle", told(row.oracle), shown.quote],
      ["Funding", `${ratio(BigInt(row.fundingRate), RATE_SCALE_AS_PERCENT)} %`, "an hour"],
      ["Open interest", shown.size(row.openInterest), shown.base],
    );
  } else {
    figures.push(
      ["Best bid", told(row.bestBid), shown.quote], ["Best ask", told(row.bestAsk), shown.quote],
    );
  }
  byId("prices").replaceChildren(...figures.map(([name, value, unit]) => (
    element("div", {}, element("dt", {}, name),
      element("dd", { "data-figure": name }, value, " ", element("small", {}, unit))))));
}
