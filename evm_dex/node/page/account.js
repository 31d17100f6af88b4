// One account: its balances, orders and positions, and the choice of it.

import { byId, element, shortHex, showEmpty, showTable } from "./elements.js";
import { example } from "./book.js";
import { HYPE, symbolOf } from "./markets.js";
import { amount } from "./numbers.js";
import { sideText } from "./trades.js";

const NATIVE = { symbol: "ETH", decimals: 18 };
const ORDERS = 100;
export const ACTIONS = 30;
const BALANCE_OF = "0x70a08231";
const ADDRESS = /^0x[0-9a-f]{40}$/i;

export const isAddress = (text) => ADDRESS.test(text);

// What has to be asked for about an account; `showAccount` takes the answers in this order.
export function accountRequests(user, tokens, block, from) {
  const padded = user.slice(2).toLowerCase().padStart(64, "0");
  return [
    ["dex_account", user, block],
    ["dex_openOrders", "spot", user, ORDERS, block],
    ["dex_openOrders", "perp", user, ORDERS, block],
    ["dex_positions", user, block],
    ["dex_coreActionsOf", user, ACTIONS, from, block],
    ["eth_getBalance", user, block],
    ...Object.keys(tokens).map((token) => (
      ["eth_call", { to: token, data: BALANCE_OF + padded }, block])),
  ];
}

// `act` makes the button of a row that can be cancelled or closed, null where nobody may trade.
export function showAccount(answers, tokens, markets, act) {
  const failed = answers.slice(0, 6).find(({ error }) => error);
  if (failed) throw new Error(failed.error.message);
  const [account, spot, perp, positions, actions, ether, ...held] = answers.map(
    ({ result }) => result);
  showBalances(account, ether, held, tokens, markets);
  showOrders([...spot, ...perp], markets, act);
  showPositions(positions, markets, act);
  return { ...account, actions };
}

function showBalances(account, ether, held, tokens, markets) {
  const named = {};
  const coins = amount(ether, NATIVE.decimals);
  const rows = HYPE in tokens ? [] : [[NATIVE.symbol, coins, "–", "–"]];
  for (const [place, [address, token]] of Object.entries(tokens).entries()) {
    const { available = "0", onHold = "0" } = account.spot[address] ?? {};
    const told = (units) => amount(units, token.decimals);
    const isToken = /^0x[0-9a-f]{64}$/.test(held[place]);
    // Collateral and pairs of HyperCore have names too, and no balances of their own.
    if (!isToken && !(address in account.spot) && token.symbol in named) continue;
    named[token.symbol] = true;
    const inWallet = address === HYPE ? coins : isToken ? told(held[place]) : "–";
    rows.push([symbolOf(token, address), inWallet, told(available), told(onHold)]);
  }
  const columns = [
    ["", ""], ["Wallet", "number"], ["On spot", "number"], ["On hold", "number"],
  ];
  showTable(byId("balances"), "Balances", columns, rows);
  const perp = [...markets.values()].find(({ exchange }) => exchange === "perp");
  byId("margin").replaceChildren(...(perp ? perpFigures(account.perp, perp) : []));
}

function perpFigures(account, perp) {
  const figures = [
    ["Equity", account.equity], ["Cash", account.cash], ["Initial margin", account.initialMargin],
    ["Maintenance", account.maintenanceMargin], ["Withdrawable", account.withdrawable],
  ];
  return [
    element("h4", {}, "On perpetuals ", element("small", {}, perp.quote)),
    element("dl", { class: "pairs" }, figures.map(([name, units]) => (
      element("div", {}, element("dt", {}, name),
        element("dd", { class: isDebt(units) ? "down" : null }, perp.money(units)))))),
  ];
}

function showOrders(orders, markets, act) {
  const columns = [
    ["Market", ""], ["Side", "side"], ["Price", "number"], ["Left", "number"],
    ["Filled", "number"], ["Kind", "faint"], ["Id", "number faint"],
    ...(act ? [["", "number"]] : []),
  ];
  const rows = orders.map((order) => {
    const market = markets.get(`${order.exchange}/${order.market}`);
    const price = order.price === "0" ? "market" : market.price(order.price);
    return [
      market.name, sideText(order.side),
      order.triggerPrice ? `${price} at ${market.price(order.triggerPrice)}` : price,
      market.size(order.remaining), market.size(order.filled), kindOf(order),
      String(order.orderId),
      ...(act ? [act("Cancel", `Cancel order ${order.orderId}`, ["dex_cancelOrder", order.user,
        order.exchange, order.market, order.orderId])] : []),
    ];
  });
  const place = byId("orders");
  if (rows.length) showTable(place, "Open orders", columns, rows);
  else {
    showEmpty(place,
      "No open orders. What an order does not fill at once rests here.");
  }
}

function kindOf(order) {
  const words = [order.timeInForce ?? (order.isTakeProfit ? "take-profit" : "stop")];
  if (order.reduceOnly) words.push("reduce-only");
  return words.join(", ");
}

function showPositions(positions, markets, act) {
  const columns = [
    ["Market", ""], ["Side", "side"], ["Size", "number"], ["Entry", "number"], ["Mark", "number"],
    ["Liquidated at", "number"], ["Profit", "number"], ["Funding", "number"],
    ["Margin", "number"], ["Leverage", "number faint"], ["Id", "number faint"],
    ...(act ? [["", "number"]] : []),
  ];
  const rows = positions.map((position) => {
    const market = markets.get(`perp/${position.market}`);
    const profit = position.unrealizedPnl;
    return [
      market.name, sideText(position.side), market.size(position.size), entry(position, market),
      market.price(position.mark), liquidation(position, market),
      element("span", { class: tone(profit) }, market.money(profit)),
      market.money(position.funding), margin(position, market),
      `${position.leverage}× ${position.kind.toLowerCase()}`, String(position.positionId),
      ...(act ? [act("Close", `Close position ${position.positionId}`, ["dex_closePosition",
        position.user, position.positionId])] : []),
    ];
  });
  const place = byId("positions");
  const perp = [...markets.values()].find(({ exchange }) => exchange === "perp");
  if (rows.length) showTable(place, "Positions", columns, rows);
  else if (perp) showEmpty(place, "No open positions. Open one:", positionExample(perp));
  else showEmpty(place, "No open positions: this chain lists no perpetual markets.");
}

function positionExample(market) {
  if (market.isCore) return example(market);
  const { address, row } = market;
  return `dex.perp.send(\n    "openPosition",\n    "${address}",\n`
    + `    ${row.baseUnit}, 10, True,\n    sender=dex.accounts[1],\n)`;
}

// The average price, rounded down to the unit of prices as the contract does it.
function entry({ entryNotional, size }, market) {
  return market.price((BigInt(entryNotional) * BigInt(market.row.baseUnit)) / BigInt(size));
}

// The oracle's price; a position that no price liquidates has none.
function liquidation({ liquidationPrice }, market) {
  return liquidationPrice === "0" ? "–" : market.price(liquidationPrice);
}

// Its own collateral, or what it must keep of the account's that all cross positions share.
function margin({ kind, margin: own, maintenanceMargin }, market) {
  return kind === "CROSS"
    ? element("span", { title: "What the account must keep" }, market.money(maintenanceMargin))
    : market.money(own);
}

function tone(units) {
  return BigInt(units) < 0n ? "down" : BigInt(units) > 0n ? "up" : null;
}

function isDebt(units) {
  return BigInt(units) < 0n;
}


// The chooser and the field stay in step; `onChosen` hears each account that is chosen.
export function makeChooser(onChosen) {
  const [select, field, said] = [
    byId("account-choice"), byId("account-address"), byId("account-problem"),
  ];
  const choose = (address) => {
    field.removeAttribute("aria-invalid");
    said.textContent = "";
    onChosen(address.toLowerCase());
  };
  select.addEventListener("change", () => select.value && choose(select.value));
  const enter = () => {
    const address = field.value.trim();
    if (!address) return;
    if (isAddress(address)) { choose(address); return; }
    field.setAttribute("aria-invalid", "true");
    said.textContent = "An address is 0x and 40 hex digits.";
  };
  field.addEventListener("change", enter);
  byId("account-form").addEventListener("submit", (event) => { event.preventDefault(); enter(); });
}

export function showChoice(accounts, user) {
  const select = byId("account-choice");
  const isKnown = accounts.includes(user);
  if (select.options.length !== accounts.length + 1) {
    select.replaceChildren(
      element("option", { value: "" }, "another address"),
      ...accounts.map((address, place) => (
        element("option", { value: address }, `${place} · ${shortHex(address, 6)}`))),
    );
  }
  select.value = isKnown ? user : "";
  if (document.activeElement !== byId("account-address")) byId("account-address").value = user;
}
