// What HyperCore made of an account's actions, and why it dropped one.

import { byId, element, shortHex, showTable } from "./elements.js";
import { grouped } from "./numbers.js";

// What is around an action, not what it says.
const ENVELOPE = ["type", "signatureChainId", "hyperliquidChain", "nonce", "time"];

export function showReceipts(actions) {
  byId("receipts").hidden = !actions.length;
  if (!actions.length) return;
  const columns = [
    ["Block", "number faint"], ["Action", ""], ["Outcome", ""], ["Reason", "why-column"],
  ];
  showTable(byId("receipts").querySelector(".body"), "Actions, newest first", columns,
    actions.map((action) => [
      grouped(BigInt(action.blockNumber)),
      element("span", {}, element("b", {}, action.name), " ",
        element("span", { class: "faint" }, inShort(action))),
      element("span", { class: action.reason ? "down" : "up" }, action.outcome),
      reasonOf(action) ?? "",
    ]));
}

// `order dropped: PriceOutOfBand(price 1, …)`, as text without its name.
export function reasonOf({ reason, reasonFields }) {
  if (!reason) return null;
  const numbers = Object.entries(reasonFields).map(([name, value]) => `${name} ${value}`);
  return `${reason}(${numbers.join(", ")})`;
}

// An order's side, size and price; of others their fields.
function inShort({ fields, orderId }) {
  const { b, s, p } = fields;
  if (p !== undefined) return `${b ? "buy" : "sell"} ${s} at ${p}`;
  const told = Object.entries(fields)
    .filter(([name, value]) => typeof value !== "object" && !ENVELOPE.includes(name))
    .map(([name, value]) => `${name} ${shortHex(String(value))}`).join(", ");
  return told || (orderId === "0" ? "" : `order ${orderId}`);
}
