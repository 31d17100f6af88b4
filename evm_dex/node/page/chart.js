// What a market was traded at: candles with volume, the mark price over them, funding below.

import {
  CandlestickSeries, ColorType, CrosshairMode, HistogramSeries, LineSeries, createChart,
} from "./vendored/lightweight-charts/lightweight-charts.mjs";
import { byId, element, showEmpty } from "./elements.js";
import { blockTime, grouped, ratio } from "./numbers.js";

// Seconds by the name of an interval.
export const INTERVALS = new Map([
  ["1s", 1], ["5s", 5], ["15s", 15], ["1m", 60], ["5m", 300], ["15m", 900], ["1h", 3_600],
  ["4h", 14_400], ["1d", 86_400],
]);
const MINUTE = 60;
const DAY = 86_400;
const RATE_AS_PERCENT = 1e10; // rates are in parts of 10^12
const FUNDING_PANE = 1;
const MOST_AT_ONCE = 140;
const ENOUGH = 20; // candles of at least CROWDED trades each, or finer ones tell more
const CROWDED = 3;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

let made = null;
let shown = { key: "", candles: [], marks: [], funding: [], market: null };

// From when on prices have to be asked for: what is shown of the same market and interval is kept.
export function knownUntil(key) {
  return shown.key === key ? (shown.candles.at(-1)?.time ?? 0) : 0;
}

// A shorter interval where a market that is young has too few candles of one; null where not.
export function finerInterval(interval) {
  const names = [...INTERVALS.keys()];
  const count = shown.candles.length;
  const trades = shown.candles.reduce((sum, one) => sum + one.trades, 0);
  const isCrowded = count > 0 && count < ENOUGH && trades >= count * CROWDED;
  return isCrowded ? names[names.indexOf(interval) - 1] ?? null : null;
}

// All that is shown is forgotten, as the chain went back or another past is looked at.
export function forgetChart() {
  shown = { ...shown, key: "" };
}

// `candles`, `marks` and `funding` are as the node tells them, from `knownUntil` on.
export function showChart(market, interval, key, { candles, marks, funding }) {
  const isSame = shown.key === key;
  const seconds = INTERVALS.get(interval);
  const joined = (before, found) => (isSame
    ? [...before.filter(({ time }) => !(time >= found[0]?.time)), ...found] : found);
  const withNow = nowMarked(market, joined(shown.marks, marks), seconds, candles);
  shown = {
    key, market, seconds, candles: joined(shown.candles, candles), marks: withNow, funding,
  };
  const place = byId("chart").querySelector(".plot");
  const empty = byId("chart").querySelector(".none");
  const isEmpty = !shown.candles.length && !shown.marks.length;
  place.hidden = isEmpty;
  empty.hidden = !isEmpty;
  if (isEmpty) {
    showEmpty(empty, "No trades yet. Candles come with the first one.");
    byId("legend").replaceChildren();
    return;
  }
  made ??= makeChart(place);
  if (!isSame) fit(made, market, seconds);
  fill(made, isSame ? candles : null);
  if (!isSame) showNewest(made.chart.timeScale());
  place.setAttribute("aria-label", inWords(interval));
  showLegend(null);
}

// All of it where that is little, else as much as can be made out.
function showNewest(scale) {
  const bars = shown.candles.length;
  if (bars <= MOST_AT_ONCE) scale.fitContent();
  else scale.setVisibleLogicalRange({ from: bars - MOST_AT_ONCE, to: bars + 3 });
}

// The mark as it is, where the oracle's last price came in before.
function nowMarked(market, marks, seconds, candles) {
  if (market.exchange !== "perp" || !candles.length || market.row.mark === "0") return marks;
  const { time } = candles.at(-1);
  return [...marks.filter((one) => one.time < time), { time, mark: market.row.mark }];
}

function makeChart(place) {
  const chart = createChart(place, {
    autoSize: true, crosshair: { mode: CrosshairMode.Normal },
    // Its logo comes with a style that the page's policy refuses; the footer has the link.
    layout: { attributionLogo: false },
    rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.08, bottom: 0.24 } },
    timeScale: { borderVisible: false, rightOffset: 3, minBarSpacing: 1, maxBarSpacing: 22 },
    localization: { timeFormatter: (time) => blockTime(time).join(" ") },
  });
  const quiet = { priceLineVisible: false, lastValueVisible: false };
  const bars = chart.addSeries(CandlestickSeries, {});
  const volume = chart.addSeries(HistogramSeries, {
    ...quiet, priceScaleId: "volume", priceFormat: { type: "volume" },
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  const thin = { ...quiet, lineWidth: 1, crosshairMarkerVisible: false };
  const mark = chart.addSeries(LineSeries, thin);
  const all = { chart, bars, volume, mark, funding: null };
  chart.subscribeCrosshairMove(({ time }) => showLegend(time ?? null));
  dark.addEventListener("change", () => { paint(all); fill(all, null); });
  paint(all);
  return all;
}

// The page's own colours.
function paint({ chart, bars, mark }) {
  const text = color("--faint");
  chart.applyOptions({
    layout: {
      background: { type: ColorType.Solid, color: color("--card") }, textColor: text,
      panes: { separatorColor: color("--line"), separatorHoverColor: color("--line") },
      fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11,
    },
    grid: { vertLines: { color: color("--grid") }, horzLines: { color: color("--grid") } },
    crosshair: {
      vertLine: { color: text, labelBackgroundColor: color("--accent-deep") },
      horzLine: { color: text, labelBackgroundColor: color("--accent-deep") },
    },
  });
  const [up, down] = [color("--up"), color("--down")];
  bars.applyOptions({
    upColor: up, wickUpColor: up, borderUpColor: up,
    downColor: down, wickDownColor: down, borderDownColor: down,
  });
  mark.applyOptions({ color: color("--accent") });
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Digits, times and panes as a market and interval need them.
function fit(all, market, seconds) {
  const precision = Math.min(market.pricePlaces, 8);
  const told = (price) => {
    const [whole, fraction] = price.toFixed(precision).split(".");
    return grouped(whole) + (fraction ? `.${fraction}` : "");
  };
  all.chart.applyOptions({
    timeScale: { timeVisible: seconds < DAY, secondsVisible: seconds < MINUTE },
  });
  const format = { type: "custom", minMove: 10 ** -precision, formatter: told };
  for (const series of [all.bars, all.mark]) series.applyOptions({ priceFormat: format });
}

// All anew, or only the candles that changed.
function fill(all, changed) {
  const { market, candles, marks, funding } = shown;
  const bar = ({ time, open, high, low, close }) => ({
    time, open: drawn(market, open), high: drawn(market, high), low: drawn(market, low),
    close: drawn(market, close),
  });
  const [up, down] = [color("--up-bar"), color("--down-bar")];
  const amount = ({ time, open, close, volume }) => ({
    time, value: Number(market.size(volume).replaceAll(",", "")),
    color: BigInt(close) < BigInt(open) ? down : up,
  });
  if (changed) {
    for (const one of changed) {
      all.bars.update(bar(one));
      all.volume.update(amount(one));
    }
  } else {
    all.bars.setData(candles.map(bar));
    all.volume.setData(candles.map(amount));
  }
  all.mark.setData(marks.map(({ time, mark }) => ({ time, value: drawn(market, mark) })));
  const times = new Set(candles.map(({ time }) => time));
  const onCandle = funding.map(({ time, rate }) => ({
    time: time - (time % shown.seconds), value: rate / RATE_AS_PERCENT,
    color: rate < 0 ? down : up,
  })).filter(({ time }, place, list) => times.has(time) && time !== list[place + 1]?.time);
  fillFunding(all, onCandle);
}

// A pane of its own, which is only there while something is in it.
function fillFunding(all, rates) {
  if (!rates.length) {
    if (all.funding) all.chart.removeSeries(all.funding);
    all.funding = null;
    return;
  }
  if (!all.funding) {
    all.funding = all.chart.addSeries(HistogramSeries, {
      priceLineVisible: false,
      priceFormat: { type: "custom", minMove: 1e-6, formatter: (rate) => `${rate.toFixed(4)} %` },
    }, FUNDING_PANE);
    all.chart.panes()[0].setStretchFactor(4);
    all.chart.panes()[FUNDING_PANE].setStretchFactor(1);
  }
  all.funding.setData(rates);
}

// A price as a number, for drawing only.
const drawn = (market, units) => Number(market.price(units).replace(/[,…]/g, ""));

// The exact prices of the candle under the pointer, or of the last one.
function showLegend(time) {
  const { market, candles, marks, funding } = shown;
  const one = candles.find((candle) => candle.time === time) ?? candles.at(-1);
  if (!one || !market) { byId("legend").replaceChildren(); return; }
  const tone = BigInt(one.close) < BigInt(one.open) ? "down" : "up";
  const mark = marks.findLast((known) => known.time <= one.time);
  const rate = funding.findLast((known) => known.time <= one.time + shown.seconds);
  const figures = [
    ["Open", market.price(one.open)], ["High", market.price(one.high)],
    ["Low", market.price(one.low)], ["Close", market.price(one.close)],
    ["Volume", `${market.size(one.volume)} ${market.base}`], ["Trades", String(one.trades)],
    mark && ["Mark", market.price(mark.mark)],
    rate && ["Funding", `${ratio(BigInt(rate.rate), BigInt(RATE_AS_PERCENT))} %`],
  ];
  const [date, clock] = blockTime(one.time);
  byId("legend").replaceChildren(
    element("span", { class: "faint" }, `${date} ${clock}`),
    ...figures.filter(Boolean).map(([name, value]) => element("span", {},
      element("small", {}, `${name} `), element("span", { class: tone }, value))));
}

function inWords(interval) {
  const { market, candles, marks } = shown;
  const last = candles.at(-1);
  const marked = marks.length ? `, ${marks.length} mark prices` : "";
  const told = last ? `; the last one opened at ${market.price(last.open)}, closed at `
    + `${market.price(last.close)}` : "";
  return `${candles.length} candles of ${interval} of ${market.name}${marked}${told}`;
}

// A button for each interval; `onChosen` hears the one that is pressed.
export function makeIntervals(onChosen) {
  byId("intervals").replaceChildren(...[...INTERVALS.keys()].map((name) => element("button", {
    type: "button", value: name, onclick: () => onChosen(name),
  }, name)));
}

export function pressInterval(chosen) {
  for (const button of byId("intervals").children) {
    button.setAttribute("aria-pressed", String(button.value === chosen));
  }
}
