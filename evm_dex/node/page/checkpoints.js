// Checkpoints with their age and size: bytes of their own, and of files that the chain shares.

import { byId, element, showEmpty, showTable } from "./elements.js";
import { age, bytes, grouped } from "./numbers.js";

// `onChosen` hears the height of one that is pressed.
export function showCheckpoints(checkpoints, onChosen) {
  const body = byId("checkpoints").querySelector(".body");
  if (!checkpoints.length) {
    showEmpty(body,
      "No checkpoints. A chain on disk makes one every so many blocks:",
      "evm-dex node --chain my-chain \\\n    --checkpoint-interval 100");
    return;
  }
  const columns = [
    ["Block", "number"], ["Made", ""], ["Own", "number"], ["Shared", "number"], ["Rows", "number"],
  ];
  const rows = [...checkpoints].reverse().map((one) => row(one, onChosen));
  showTable(body, "Checkpoints, newest first", columns, rows);
}

function row(one, onChosen) {
  const seconds = one.madeAt && Math.max(0, (Date.now() - Date.parse(one.madeAt)) / 1000);
  return [
    element("button", {
      type: "button", class: "act", title: `Look at this block: ${one.blockHash}`,
      onclick: () => onChosen(one.height),
    }, grouped(BigInt(one.height)) + (one.pinned ? " pinned" : "")),
    one.problem ? element("span", { class: "problem" }, one.problem)
      : element("time", { datetime: one.madeAt, title: one.madeAt }, age(seconds)),
    element("span", { title: `${one.ownBytes} bytes` }, bytes(one.ownBytes)),
    element("span", { title: `${one.sharedBytes} bytes` }, bytes(one.sharedBytes)),
    grouped(BigInt(one.rows)),
  ];
}
