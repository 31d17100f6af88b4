// What is looked at, and when it is asked for anew.

import { Connection } from "./connection.js";
import { byId, problem } from "./elements.js";
import {
  ACTIONS, accountRequests, isAddress, makeChooser, showAccount, showChoice,
} from "./account.js";
import { lookAtBlocks, makeAbiField, showBlocks } from "./blocks.js";
import { makeGrouping, showBook, stepOf } from "./book.js";
import {
  INTERVALS, finerInterval, forgetChart, knownUntil, makeIntervals, pressInterval, showChart,
} from "./chart.js";
import { showCheckpoints } from "./checkpoints.js";
import { showDepth } from "./depth.js";
import { findMarket, readMarkets, showChooser, showPrices } from "./markets.js";
import { actButton, allowTrading, makeTicket, mayTrade, showFunds, showTicket } from "./ticket.js";
import { makeTimeline, showMarks, showTimeline } from "./timeline.js";
import { showReceipts } from "./receipts.js";
import { showTrades } from "./trades.js";
import { grouped } from "./numbers.js";

const [LEVELS, TRADES, CANDLES] = [60, 40, 1_000];
const METHOD_NOT_FOUND = -32601;
const PAUSE = 250; // milliseconds between two looks, which leave the node time for others
const CHECKPOINTS_EVERY = 3_000;

const look = {
  market: null, account: null, accounts: [], markets: new Map(), tokens: {}, head: null,
  trades: { market: null, height: 0, list: [] }, checkpointsAt: 0,
  actions: { account: null, height: -1, list: [] },
  interval: "1m", isIntervalChosen: false,
  at: null, // the height that is looked at, null for the newest
};
let [isLooking, isStale, countdown] = [false, false, null];

const connection = new Connection(
  `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`,
  { onState: showState, onNotice: (_, result) => changed(result.hash), onBeat: beat },
);

// Each part by itself, so that one that fails says so and the others are shown.
function show(id, work) {
  try {
    work();
  } catch (error) {
    console.error(error);
    const place = byId(id);
    (place.querySelector(".body") ?? place).replaceChildren(problem(error.message));
  }
}

function changed(hash) {
  if (hash === look.head) return;
  isStale = true;
  if (!isLooking && !document.hidden) refresh();
}

// What no notice tells: a rollback makes no new block, and checkpoints grow old.
async function beat() {
  if (document.hidden) return;
  try {
    changed((await connection.ask("eth_getBlockByNumber", "latest", false)).hash);
    await lookAtCheckpoints();
  } catch (error) {
    if (document.body.dataset.connection === "live") showTrouble(error);
  }
}

async function refresh() {
  isLooking = true;
  while (isStale) {
    isStale = false;
    try {
      await lookOnce();
    } catch (error) {
      look.head = null; // the next beat looks again
      if (document.body.dataset.connection === "live") showTrouble(error);
    }
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
  }
  isLooking = false;
}

// A lost connection is told elsewhere; what else goes wrong must not look like a quiet chain.
function showTrouble(error) {
  console.error(error);
  byId("connection-text").textContent = `no answer: ${error.message}`;
}

async function lookOnce() {
  const at = look.at === null ? "latest" : `0x${look.at.toString(16)}`;
  const [newest, block, listed, earliest] = (await connection.batch(
    [["eth_getBlockByNumber", "latest", false], ["eth_getBlockByNumber", at, false],
      ["dex_markets", at], ["dex_earliestBlock"]],
  )).map(resultOf);
  look.head = newest.hash;
  if (!block) { look.at = null; isStale = true; return; } // it was taken back meanwhile
  showTimeline(Number(earliest), Number(newest.number), look.at, Number(block.timestamp));
  Object.assign(look, { markets: readMarkets(listed), tokens: listed.tokens });
  look.market = findMarket(look.markets, look.market);
  showChooser(look.markets, look.market);
  document.body.dataset.block = BigInt(block.number);
  const height = Number(block.number);
  const ask = (...request) => connection.ask(...request);
  if (!await lookAtBlocks(ask, height)) {
    forgetPast();
  }
  show("blocks", () => showBlocks(ask, look.markets));
  await Promise.all([lookAtMarket(height), lookAtAccount(block.number), lookAtCheckpoints()]);
  byId("connection-text").textContent = `live, block ${grouped(BigInt(newest.number))}`;
  document.body.dataset.shown = block.hash;
}

async function lookAtMarket(height) {
  const market = look.markets.get(look.market);
  if (!market) { showNoMarkets(); return; }
  const where = [market.exchange, market.address];
  const before = look.trades.market === market.key ? look.trades : { height: -1, list: [] };
  const from = `0x${(before.height + 1).toString(16)}`;
  const [at, { interval }] = [`0x${height.toString(16)}`, look];
  const candleKey = `${market.key} ${interval}`;
  const since = [INTERVALS.get(interval), CANDLES, `0x${knownUntil(candleKey).toString(16)}`, at];
  const isPerp = market.exchange === "perp";
  const [depth, trades, candles, marks, funding] = await connection.batch([
    ["dex_depth", ...where, LEVELS, at, stepOf(market)], ["dex_trades", ...where, TRADES, from, at],
    ["dex_candles", ...where, ...since],
    ...(isPerp ? [["dex_marks", market.address, ...since],
      ["dex_funding", market.address, CANDLES, "0x0", at]] : []),
  ]);
  if (market.key !== look.market || interval !== look.interval) return;
  show("chart", () => showChart(market, interval, candleKey, {
    candles: resultOf(candles), marks: isPerp ? resultOf(marks) : [],
    funding: isPerp ? resultOf(funding) : [],
  }));
  pressInterval(interval);
  const finer = look.isIntervalChosen ? null : finerInterval(interval);
  if (finer) { look.interval = finer; isStale = true; }
  show("book", () => showBook(market, resultOf(depth)));
  show("ticket", () => showTicket(market, look, resultOf(depth)));
  show("depth", () => showDepth(market, resultOf(depth)));
  show("trades", () => {
    // Those of blocks after the one that is looked at come again with the next look.
    const found = resultOf(trades).filter(({ blockNumber }) => blockNumber <= height);
    const list = [...found, ...before.list].slice(0, TRADES);
    look.trades = { market: market.key, height, list };
    showTrades(market, list);
    showPrices(market, list);
  });
  document.title = `${market.name} · evm-dex`;
}

function resultOf({ result, error }) {
  if (error) throw new Error(error.message);
  return result;
}

async function lookAtAccount(block) {
  if (!look.account) return;
  const { account, tokens, markets } = look;
  const before = look.actions.account === account ? look.actions : { height: -1, list: [] };
  const from = `0x${(before.height + 1).toString(16)}`;
  const answers = await connection.batch(accountRequests(account, tokens, block, from));
  if (account !== look.account) return;
  const act = mayTrade() && look.at === null
    ? (name, label, request) => actButton(name, label, send, request, again) : null;
  show("balances", () => {
    const { spot, perp, actions } = showAccount(answers, tokens, markets, act);
    showFunds(spot, perp);
    // An action that waited for its time is told again.
    const told = new Set(actions.map(({ sequence }) => sequence));
    const list = [...actions, ...before.list.filter(({ sequence }) => !told.has(sequence))];
    look.actions = { account, height: Number(block), list: list.slice(0, ACTIONS) };
    showReceipts(look.actions.list);
  });
}

const send = (...request) => connection.ask(...request);

function again() {
  isStale = true;
  if (!isLooking) refresh();
}

// Another block is looked at, null for the newest.
function lookBack(height) {
  look.at = height;
  forgetPast();
  again();
}

// What was added up from block to block begins anew.
function forgetPast() {
  look.trades.market = null;
  look.actions.account = null;
  forgetChart();
}

async function lookAtCheckpoints() {
  if (Date.now() - look.checkpointsAt < CHECKPOINTS_EVERY) return;
  look.checkpointsAt = Date.now();
  const checkpoints = await connection.ask("dex_checkpoints");
  show("checkpoints", () => showCheckpoints(checkpoints, lookBack));
  showMarks(checkpoints);
}

function showNoMarkets() {
  byId("ticket").hidden = true;
  for (const id of ["chart", "book", "depth", "trades"]) {
    byId(id).querySelector(".body").replaceChildren(problem(
      "This chain lists no markets: give it a genesis with [[markets]], or evm_dex.open()'s own.",
    ));
  }
}

async function begin() {
  try {
    const [client, chain, accounts, order] = await connection.batch(
      [["web3_clientVersion"], ["eth_chainId"], ["eth_accounts"], ["dex_placeOrder"]],
    );
    // Without parameters it is refused for them, unless it is not there at all.
    allowTrading(order.error.code !== METHOD_NOT_FOUND && accounts.result.length > 0);
    await connection.ask("eth_subscribe", "newHeads");
    byId("client").textContent = client.result.replace(/^\w+\/(?=evm-dex)/, "");
    byId("chain").textContent = `· chain ${BigInt(chain.result)}`;
    look.accounts = accounts.result;
    look.account ??= look.accounts[0] ?? null;
    showChoice(look.accounts, look.account ?? "");
  } catch {
    return; // the connection went away: it begins again with the next
  }
  look.checkpointsAt = 0;
  isStale = true;
  if (!isLooking) refresh();
}

function showState(state, wait) {
  document.body.dataset.connection = state;
  clearInterval(countdown);
  byId("outage").hidden = state !== "lost";
  if (state === "live") { begin(); return; }
  byId("connection-text").textContent = state === "lost" ? "disconnected" : "connecting";
  if (state !== "lost") return;
  const until = Date.now() + wait;
  const count = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    byId("outage-text").textContent = `The node does not answer. What is below is as it was; `
      + `trying again in ${left} s.`;
  };
  count();
  countdown = setInterval(count, 250);
}

function remember() {
  history.replaceState(null, "", `#${[look.market, look.account].filter(Boolean).join("/")}`);
}

// #spot/<market>/<account>, so that a page can be loaded again and handed on; the market by symbol
// or address. One that is changed in the address bar is obeyed.
function recall() {
  const [exchange, market, account] = location.hash.slice(1).split("/").map(decoded);
  if (["spot", "perp"].includes(exchange) && market) look.market = `${exchange}/${market}`;
  if (isAddress(account ?? "")) look.account = account.toLowerCase();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function chosen() {
  remember();
  again();
}

recall();
window.addEventListener("hashchange", () => {
  recall();
  if (look.account) showChoice(look.accounts, look.account);
  look.trades.market = null;
  again();
});
makeAbiField(send, again);
makeTimeline(lookBack);
makeTicket(send, again);
makeGrouping(again);
makeIntervals((interval) => {
  Object.assign(look, { interval, isIntervalChosen: true });
  pressInterval(interval);
  again();
});
byId("market").addEventListener("change", (event) => {
  Object.assign(look, { market: event.target.value, interval: "1m", isIntervalChosen: false });
  chosen();
});
byId("retry").addEventListener("click", () => connection.retry());
makeChooser((address) => {
  look.account = address;
  showChoice(look.accounts, address);
  chosen();
});
document.addEventListener("visibilitychange", () => {
  if (isStale && !isLooking && !document.hidden) refresh();
  beat();
});
document.addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = { "/": "account-address", m: "market" }[event.key];
  if (!field) return;
  event.preventDefault();
  byId(field).focus();
  byId(field).select?.();
});
