// The newest trades of a market.

import { byId, element, showEmpty, showTable } from "./elements.js";
import { example } from "./book.js";
import { blockTime } from "./numbers.js";

export function showTrades(market, trades) {
  const body = byId("trades").querySelector(".body");
  if (!trades.length) {
    showEmpty(body,
      "No trades yet. An order that meets one of the other side trades at once:", example(market));
    return;
  }
  const columns = [
    ["Side", ""], ["Price", "number"], ["Size", "number"], ["Time", "number faint"],
  ];
  showTable(body, "Trades, newest first", columns, trades.map((one) => [
    sideText(one.takerIsBuy ? "buy" : "sell"),
    market.price(one.price),
    market.size(one.amount ?? one.size),
    timeText(one),
  ]));
}

function timeText({ timestamp, blockNumber }) {
  const [date, time] = blockTime(timestamp);
  return element("time", {
    datetime: `${date}T${time}Z`, title: `block ${blockNumber}, ${date} ${time} UTC`,
  }, time);
}

// Not told by colour alone.
export function sideText(side) {
  const isUp = side === "buy" || side === "long";
  return element("span", { class: isUp ? "up" : "down" },
    element("span", { "aria-hidden": "true" }, isUp ? "▲ " : "▼ "), side);
}
