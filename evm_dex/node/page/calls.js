// What happened in a transaction: its calls as a tree that opens and closes.

import { element, hexText } from "./elements.js";
import { grouped } from "./numbers.js";

export function callTree(frame) {
  return element("ul", { class: "calls" }, call(frame));
}

function call(frame) {
  const { decoded, calls = [] } = frame;
  const failure = frame.error && (decoded?.error ?? frame.revertReason ?? frame.error);
  const title = [
    element("span", { class: "kind" }, frame.type.toLowerCase()), " ",
    nameOf(decoded, frame.to, frame.input), " ",
    element("span", { class: "faint" }, `${grouped(BigInt(frame.gasUsed))} gas`),
    failure ? element("span", { class: "failure" }, ` ✗ ${failure}`) : null,
  ];
  return element("li", {}, element("details", { open: true }, element("summary", {}, title),
    facts(frame, decoded), calls.length ? element("ul", {}, calls.map(call)) : null));
}

// `ISpot.placeOrder`, or who was called and the selector.
export function nameOf(decoded, to, input) {
  if (decoded) return element("b", {}, `${decoded.contract.slice(1)}.${decoded.function}`);
  const selector = input.length > 2 ? ` ${input.slice(0, 10)}` : "";
  if (!to) return element("b", {}, "new contract");
  return element("span", {}, hexText(to), selector);
}

function facts(frame, decoded) {
  const rows = decoded ? Object.entries(decoded.arguments) : [["input", frame.input]];
  if (frame.value && BigInt(frame.value) > 0n) rows.unshift(["value", `${BigInt(frame.value)} wei`]);
  if (decoded && "result" in decoded) rows.push(["→", decoded.result]);
  else if (frame.output && frame.output !== "0x") rows.push(["→", frame.output]);
  return element("dl", { class: "facts" }, rows.map(([name, value]) => (
    element("div", {}, element("dt", {}, name), element("dd", {}, written(value))))));
}

export function written(value) {
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}
