// What is looked at, and when it is asked for anew.

import { Connection } from "./connection.js";
import { byId, problem } from "./elements.js";
import { accountRequests, isAddress, makeChooser, showAccount, showChoice } from "./account.js";
import { lookAtBlocks, makeAbiField, showBlocks } from "./blocks.js";
import { showBook } from "./book.js";
import { showCheckpoints } from "./checkpoints.js";
import { showDepth } from "./depth.js";
import { findMarket, readMarkets, showChooser, showPrices } from "./markets.js";
import { showTrades } from "./trades.js";
import { grouped } from "./numbers.js";

const [LEVELS, TRADES] = [15, 40];
const PAUSE = 250; // milliseconds between two looks, which leave the node time for others
const CHECKPOINTS_EVERY = 3_000;

const look = {
  market: null, account: null, accounts: [], markets: new Map(), tokens: {}, head: null,
  trades: { market: null, height: 0, list: [] }, checkpointsAt: 0,
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
  const [block, listed] = (await connection.batch(
    [["eth_getBlockByNumber", "latest", false], ["dex_markets"]],
  )).map(resultOf);
  Object.assign(look, { head: block.hash, markets: readMarkets(listed), tokens: listed.tokens });
  look.market = findMarket(look.markets, look.market);
  showChooser(look.markets, look.market);
  document.body.dataset.block = BigInt(block.number);
  const height = Number(block.number);
  const ask = (...request) => connection.ask(...request);
  if (!await lookAtBlocks(ask, height)) look.trades.market = null;
  show("blocks", () => showBlocks(ask, look.markets));
  await Promise.all([lookAtMarket(height), lookAtAccount(), lookAtCheckpoints()]);
  byId("connection-text").textContent = `live, block ${grouped(BigInt(height))}`;
  document.body.dataset.shown = block.hash;
}

async function lookAtMarket(height) {
  const market = look.markets.get(look.market);
  if (!market) { showNoMarkets(); return; }
  const where = [market.exchange, market.address];
  const before = look.trades.market === market.key ? look.trades : { height: -1, list: [] };
  const from = `0x${(before.height + 1).toString(16)}`;
  const [depth, trades] = await connection.batch(
    [["dex_depth", ...where, LEVELS], ["dex_trades", ...where, TRADES, from]],
  );
  if (market.key !== look.market) return;
  show("book", () => showBook(market, resultOf(depth)));
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

async function lookAtAccount() {
  if (!look.account) return;
  const { account, tokens, markets } = look;
  const answers = await connection.batch(accountRequests(account, tokens));
  if (account === look.account) {
    show("balances", () => showAccount(account, answers, tokens, markets));
  }
}

async function lookAtCheckpoints() {
  if (Date.now() - look.checkpointsAt < CHECKPOINTS_EVERY) return;
  look.checkpointsAt = Date.now();
  const checkpoints = await connection.ask("dex_checkpoints");
  show("checkpoints", () => showCheckpoints(checkpoints));
}

function showNoMarkets() {
  for (const id of ["book", "depth", "trades"]) {
    byId(id).querySelector(".body").replaceChildren(problem(
      "This chain lists no markets: give it a genesis with [[markets]], or evm_dex.open()'s own.",
    ));
  }
}

async function begin() {
  try {
    const [client, chain, accounts] = await connection.batch(
      [["web3_clientVersion"], ["eth_chainId"], ["eth_accounts"]],
    );
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
  isStale = true;
  if (!isLooking) refresh();
}

recall();
window.addEventListener("hashchange", () => {
  recall();
  if (look.account) showChoice(look.accounts, look.account);
  look.trades.market = null;
  isStale = true;
  if (!isLooking) refresh();
});
makeAbiField((...request) => connection.ask(...request), () => {
  isStale = true;
  if (!isLooking) refresh();
});
byId("market").addEventListener("change", (event) => {
  look.market = event.target.value;
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
