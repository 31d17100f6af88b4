// Orders for the accounts whose keys the node has.

import { byId, element } from "./elements.js";

const SIGNIFICANT = 5; // figures of a price that HyperCore takes at the most
const SLACK = 20n; // a market order takes prices up to a twentieth worse

let seen = { market: null, account: null, accounts: [], at: null, best: { bid: null, ask: null } };
let isOn = false;

// Whether the node lets its accounts be traded for.
export function allowTrading(on) {
  isOn = on;
  byId("ticket").hidden = !on;
  document.body.dataset.trading = on ? "on" : "off";
}

export const mayTrade = () => isOn && seen.accounts.includes(seen.account);

// `send` asks the node, `onDone` hears that something changed.
export function makeTicket(send, onDone) {
  const form = byId("ticket-form");
  form.addEventListener("change", fitFields);
  form.addEventListener("input", showWorth);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const side = event.submitter?.value ?? "buy";
    await attempt(async () => {
      const { market } = seen;
      const isBuy = side === "buy";
      const isMarket = form.elements.kind.value === "MARKET";
      const size = market.sizeUnits(form.elements.size.value);
      const price = isMarket ? marketPrice(isBuy) : market.priceUnits(form.elements.price.value);
      if (size <= 0n) throw new Error("A size is above 0.");
      const done = await send("dex_placeOrder", seen.account, market.exchange, market.address,
        isBuy, hex(size), hex(price), isMarket ? "IOC" : form.elements.kind.value,
        market.exchange === "perp" && form.elements.reduce.checked);
      return `${isBuy ? "Buy" : "Sell"} order ${placeOf(done)}`;
    }, onDone);
  });
  byId("book").addEventListener("click", (event) => {
    const level = event.target.closest("[data-price]");
    if (!level || !isOn) return;
    form.elements.price.value = plain(seen.market.price(level.dataset.price));
    if (form.elements.kind.value === "MARKET") form.elements.kind.value = "GTC";
    fitFields();
  });
}

// A button in a table's row that does something to an order or position of the account.
export function actButton(name, label, send, request, onDone) {
  return element("button", {
    type: "button", class: "act", "aria-label": label, onclick: (event) => {
      event.target.disabled = true;
      attempt(async () => `${label} ${placeOf(await send(...request))}`, onDone);
    },
  }, name);
}

export function showTicket(market, { account, accounts, at }, { bids, asks }) {
  seen = {
    market, account, accounts, at,
    best: { bid: bids[0]?.price ?? null, ask: asks[0]?.price ?? null },
  };
  const form = byId("ticket-form");
  byId("price-unit").textContent = market.quote;
  byId("size-unit").textContent = market.base;
  form.elements.reduce.closest("label").hidden = market.exchange !== "perp";
  const cannot = !accounts.includes(account) || at !== null;
  for (const button of form.querySelectorAll("button")) button.disabled = cannot;
  byId("ticket-as").textContent = at !== null ? "only in the present"
    : cannot ? "not for this account" : `as account ${accounts.indexOf(account)}`;
  if (form.dataset.market !== market.key) {
    form.dataset.market = market.key;
    form.elements.price.value = startPrice(market);
    form.elements.size.value = "";
    say("", false);
  }
  fitFields();
}

// What the account can trade with, of `dex_account`.
export function showFunds(spot, perp) {
  const { market } = seen;
  if (!market) return;
  const { asset, quote } = market.row;
  const figures = market.exchange === "perp"
    ? [["Equity", perp.equity, market.quote], ["Free", perp.withdrawable, market.quote]]
      .map(([name, units, unit]) => [name, market.money(units), unit])
    : [["To buy with", market.money(spot[quote]?.available ?? "0"), market.quote],
      ["To sell", market.size(spot[asset]?.available ?? "0"), market.base]];
  byId("funds").replaceChildren(...figures.map(([name, value, unit]) => element("div", {},
    element("dt", {}, name), element("dd", {}, value, " ", element("small", {}, unit)))));
}

function fitFields() {
  const form = byId("ticket-form");
  form.elements.price.disabled = form.elements.kind.value === "MARKET";
  showWorth();
}

// What an order at its price would cost or bring, before fees.
function showWorth() {
  const { market } = seen;
  const { price, size, kind } = byId("ticket-form").elements;
  let told = "–";
  try {
    const at = kind.value === "MARKET" ? BigInt(seen.best.ask ?? seen.best.bid ?? 0)
      : market.priceUnits(price.value);
    told = market.money((market.sizeUnits(size.value) * at) / BigInt(market.row.baseUnit));
  } catch { /* it is not typed in yet */ }
  byId("worth").textContent = told === "–" ? told : `${told} ${market.quote}`;
}

function startPrice(market) {
  const { mark = "0", lastTrade = "0", bestBid } = market.row;
  const known = [seen.best.bid ?? "0", bestBid, mark, lastTrade].find((units) => units !== "0");
  return known ? plain(market.price(rounded(market, BigInt(known), false))) : "";
}

function marketPrice(isBuy) {
  const { market, best } = seen;
  const from = isBuy ? best.ask : best.bid;
  if (from === null) throw new Error(`Nobody ${isBuy ? "sells" : "buys"} here now.`);
  const price = BigInt(from);
  return rounded(market, isBuy ? price + price / SLACK : price - price / SLACK, isBuy);
}

// The nearest price on the market's grid, of five figures, that is no further than asked for.
function rounded(market, price, up) {
  const figures = 10n ** BigInt(Math.max(0, price.toString().length - SIGNIFICANT));
  const tick = BigInt(market.row.tick);
  const step = figures % tick === 0n ? figures : tick;
  const down = price - (price % step);
  return up && down !== price ? down + step : down || step;
}

async function attempt(work, onDone) {
  say("sending…", false);
  try {
    say(await work(), false);
  } catch (error) {
    say(error.message.replace(/^execution reverted: /, ""), true);
  }
  onDone();
}

function say(text, isProblem) {
  const told = byId("ticket-told");
  told.textContent = text;
  told.className = isProblem ? "problem" : "faint";
}

const placeOf = ({ blockNumber }) => (
  blockNumber === null ? "waits for a block" : `is in block ${BigInt(blockNumber)}`);
const hex = (units) => `0x${units.toString(16)}`;
const plain = (text) => text.replaceAll(",", "");
