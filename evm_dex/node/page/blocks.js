// The newest blocks and their transactions; one that is clicked shows its calls.

import { byId, element, hexText, problem, showEmpty } from "./elements.js";
import { callTree, inShort, nameOf } from "./calls.js";
import { blockTime, grouped } from "./numbers.js";
import { reasonOf } from "./receipts.js";

const MOST_BLOCKS = 20;

let known = [];
let shown = new Map();

// Asks for the blocks up to a height that are not known yet. Whether the newest known one is still
// on the chain, so that what is known of the chain can be added to.
export async function lookAtBlocks(ask, height) {
  const before = known[0];
  const missing = before && before.number <= height ? height - before.number + 1 : MOST_BLOCKS;
  const tag = `0x${height.toString(16)}`;
  let found = await ask("dex_blocks", Math.min(missing, MOST_BLOCKS), tag);
  const continues = Boolean(before) && found.some(({ hash }) => hash === before.hash);
  if (!continues && found.length < MOST_BLOCKS) found = await ask("dex_blocks", MOST_BLOCKS, tag);
  known = [...found, ...(continues ? known.slice(1) : [])].slice(0, MOST_BLOCKS);
  return continues;
}

export function showBlocks(ask, markets) {
  const body = byId("blocks").querySelector(".body");
  let list = body.querySelector(".chain");
  if (!list) {
    list = element("ol", { class: "chain", onkeydown: moveFocus });
    body.replaceChildren(list);
  }
  const kept = new Map(known.map((block) => (
    [block.hash, shown.get(block.hash) ?? blockItem(block, ask, markets)])));
  for (const [hash, item] of shown) if (!kept.has(hash)) item.remove();
  // What is in place already is not moved: that would take the focus from it.
  let after = list.firstElementChild;
  for (const item of kept.values()) {
    if (item === after) after = after.nextElementSibling;
    else list.insertBefore(item, after);
  }
  shown = kept;
  const isQuiet = known.every(({ transactionCount, coreActions }) => (
    transactionCount === 0 && !coreActions));
  byId("quiet").hidden = !isQuiet;
  if (isQuiet) showEmpty(byId("quiet"), "No transactions yet. Every order and every call makes one.");
}

function blockItem(block, ask, markets) {
  const { number, transactionCount, transactions, timestamp, coreActions } = block;
  const told = coreActions ? `${coreActions} action${coreActions > 1 ? "s" : ""} on HyperCore`
    : "no transactions";
  const rest = transactionCount - transactions.length;
  return element("li", { "data-block": number },
    element("div", { class: "block" },
      element("b", {}, grouped(BigInt(number))), hexText(block.hash),
      timeOfDay(timestamp)),
    element("ul", {}, transactions.map((one) => transactionItem(one, ask, markets)),
      rest > 0 ? element("li", { class: "rest" }, `and ${rest} more`) : null,
      transactionCount && !coreActions ? null : element("li", { class: "rest" }, told)));
}

function timeOfDay(timestamp) {
  const [date, time] = blockTime(timestamp);
  return element("time", {
    class: "faint", title: `${date} ${time} UTC`, datetime: `${date}T${time}Z`,
  }, time);
}

function transactionItem(one, ask, markets) {
  const calls = element("div", { class: "trace", hidden: true });
  const button = element("button", {
    type: "button", class: "transaction", "aria-expanded": "false", "data-hash": one.hash,
    onclick: () => toggle(button, calls, one.hash, ask, markets),
  },
  element("span", { class: one.succeeded ? "status up" : "status down" },
    one.succeeded ? "✓" : "✗", element("span", { class: "hidden" },
      one.succeeded ? " succeeded" : " failed")),
  element("span", { class: "name" }, nameOf(one.decoded, one.to, one.selector), " ",
    element("span", { class: "faint" }, inShort(one.decoded, markets))),
  element("span", { class: "from" }, "from ", hexText(one.from)),
  element("span", { class: "faint number" }, `${grouped(BigInt(one.gasUsed))} gas`));
  const why = one.reason ? element("p", { class: "why failure" }, one.reason) : null;
  return element("li", {}, button, why, calls);
}

// Files of artifacts, whose contracts the node then tells by name; `onAdded` shows all anew.
export function makeAbiField(ask, onAdded) {
  const [field, said] = [byId("abi-files"), byId("abi-said")];
  byId("abi-add").addEventListener("click", () => field.click());
  field.addEventListener("change", async () => {
    const told = [];
    for (const file of field.files) {
      try {
        const artifact = { contractName: file.name.replace(/\.json$/, ""), ...await read(file) };
        const { name, functions } = await ask("dex_addAbi", artifact);
        told.push(`${name}: ${functions} functions`);
      } catch (error) {
        told.push(`${file.name}: ${error.message}`);
      }
    }
    said.textContent = told.join("; ");
    field.value = "";
    [known, shown] = [[], new Map()];
    byId("blocks").querySelector(".body").replaceChildren();
    onAdded();
  });
}

async function read(file) {
  try {
    const found = JSON.parse(await file.text());
    return Array.isArray(found) ? { abi: found } : found;
  } catch {
    throw new Error("it is not JSON");
  }
}

async function toggle(button, calls, hash, ask, markets) {
  const opens = button.getAttribute("aria-expanded") === "false";
  button.setAttribute("aria-expanded", String(opens));
  calls.hidden = !opens;
  if (!opens) return;
  try {
    const frame = await ask("debug_traceTransaction", hash, { tracer: "callTracer" });
    const actions = await ask("dex_coreActions", hash);
    calls.replaceChildren(element("p", { class: "hash" }, hash), callTree(frame, markets),
      actions.length ? actionList(actions) : "");
  } catch (error) {
    calls.replaceChildren(problem(`No trace: ${error.message}`));
  }
}

// What HyperCore made of a transaction's actions, and why it dropped one.
function actionList(actions) {
  return element("ol", { class: "actions" }, actions.map((one) => {
    const reason = one.reason ? `: ${reasonOf(one)}` : "";
    return element("li", {}, element("b", {}, one.name), " ",
      element("span", { class: one.reason ? "failure" : "faint" }, one.outcome + reason));
  }));
}

// Up and down from transaction to transaction, and through the calls of an open one.
function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const stops = [...event.currentTarget.querySelectorAll("button, summary")]
    .filter((stop) => stop.offsetParent !== null);
  const place = stops.indexOf(document.activeElement);
  const next = stops[place + step];
  if (place === -1 || !next) return;
  event.preventDefault();
  next.focus();
}
