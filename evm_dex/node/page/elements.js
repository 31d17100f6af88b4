// Elements from names, attributes and children. Text only ever becomes text.

export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) made.style.setProperty(key, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// A table; `columns` are [title, class], `rows` arrays of cells.
function table(caption, columns, rows) {
  return element("table", {},
    element("caption", { class: "hidden" }, caption),
    element("thead", {}, element("tr", {}, columns.map(([title, kind]) => (
      element("th", { scope: "col", class: kind }, title))))),
    element("tbody", {}, rows.map((cells) => element("tr", {}, cells.map((cell, place) => (
      element("td", { class: columns[place][1], "data-label": columns[place][0] }, cell)))))));
}

// A table as all there is in a place, scrolling by itself where it is larger. One that is there
// already keeps its focus and how far it was scrolled.
export function showTable(place, caption, columns, rows) {
  const made = table(caption, columns, rows);
  const region = place.firstElementChild;
  if (region?.classList.contains("scrolls")) {
    region.replaceChildren(made);
    return;
  }
  place.replaceChildren(element("div", {
    class: "scrolls", role: "region", "aria-label": caption, tabindex: 0,
  }, made));
}

// What stands where nothing is: why, and code that changes it. Left alone where it stands already,
// since someone may be copying it.
export function showEmpty(place, reason, code = null) {
  const made = element("div", { class: "empty" },
    element("p", {}, reason), code && element("pre", {}, code));
  if (!place.firstElementChild?.isEqualNode(made)) place.replaceChildren(made);
}

export function problem(message) {
  return element("p", { class: "problem" }, message);
}

export function shortHex(hex, ends = 4) {
  const isLong = hex.startsWith("0x") && hex.length > 2 + 2 * ends;
  return isLong ? `${hex.slice(0, 2 + ends)}…${hex.slice(-ends)}` : hex;
}

// An address or a hash, short; all of it as a title.
export function hexText(hex, ends = 4) {
  return element("span", { class: "hex", title: hex }, shortHex(hex, ends));
}

export const byId = (id) => document.getElementById(id);
