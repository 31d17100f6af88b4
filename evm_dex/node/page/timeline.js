// A slider through the blocks of the past; checkpoints are marks on it.

import { byId, element } from "./elements.js";
import { blockTime, grouped } from "./numbers.js";

// `onChosen` hears a height, or null for the newest block, whatever it is.
export function makeTimeline(onChosen) {
  const slider = byId("past");
  let waiting = null;
  slider.addEventListener("input", () => {
    const height = Number(slider.value);
    told(height === Number(slider.max) ? null : height, null);
    clearTimeout(waiting);
    waiting = setTimeout(() => onChosen(height === Number(slider.max) ? null : height), 60);
  });
  byId("live").addEventListener("click", () => {
    slider.value = slider.max;
    onChosen(null);
  });
}

// `earliest` is the first block that can be looked at, `at` the one that is, null for the newest;
// `time` is that block's time.
export function showTimeline(earliest, head, at, time) {
  const slider = byId("past");
  slider.min = String(earliest);
  slider.max = String(head);
  slider.value = String(at ?? head);
  slider.disabled = head === earliest;
  told(at, time);
}

export function showMarks(checkpoints) {
  const heights = checkpoints.map(({ height }) => String(height));
  const marks = byId("checkpoint-marks");
  if (marks.dataset.written === heights.join()) return;
  marks.replaceChildren(...heights.map((value) => element("option", { value })));
  marks.dataset.written = heights.join();
}

function told(at, time) {
  document.body.dataset.past = at === null ? "" : String(at);
  byId("live").disabled = at === null;
  const when = time === null ? "" : ` · ${blockTime(time).join(" ")} UTC`;
  const what = at === null ? "Live" : `Block ${grouped(BigInt(at))}`;
  byId("past-told").textContent = what + when;
}
