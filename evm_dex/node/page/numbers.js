// Exact decimal text from integers. Nothing is rounded: what has no end is cut, and ends in "…".

const LONGEST_FRACTION = 255;

// `numerator / denominator`, both BigInt, with at least `places` digits after the point.
export function ratio(numerator, denominator, places = 0) {
  if (denominator === 0n) return "–";
  const sign = (numerator < 0n) !== (denominator < 0n) && numerator !== 0n ? "−" : "";
  const [top, bottom] = [absolute(numerator), absolute(denominator)];
  let remainder = top % bottom;
  let digits = "";
  while (remainder !== 0n && digits.length < LONGEST_FRACTION) {
    remainder *= 10n;
    digits += remainder / bottom;
    remainder %= bottom;
  }
  const fraction = digits.padEnd(places, "0");
  const end = remainder === 0n ? "" : "…";
  return `${sign}${grouped(top / bottom)}${fraction ? "." : ""}${fraction}${end}`;
}

// An amount in smallest units of something with `decimals`.
export function amount(units, decimals, places = 0) {
  return ratio(BigInt(units), 10n ** BigInt(decimals), places);
}

// How many units of `numerator / denominator` each a decimal text is, without a rest.
export function toUnits(text, numerator, denominator, what) {
  const found = /^(\d+)(?:\.(\d*))?$/.exec(text.trim().replaceAll(",", ""));
  const [, whole, fraction = ""] = found ?? [];
  if (whole === undefined) throw new Error(`The ${what} must be a number, such as 12.5.`);
  const top = BigInt(whole + fraction) * denominator;
  const bottom = 10n ** BigInt(fraction.length) * numerator;
  if (top % bottom !== 0n) throw new Error(`The ${what} has more decimals than there are here.`);
  return top / bottom;
}

// How many digits after the point the multiples of a step need.
export function placesOf(numerator, denominator) {
  const [, fraction = ""] = ratio(numerator, denominator).split(".");
  return fraction.endsWith("…") ? 0 : fraction.length;
}

export function grouped(integer) {
  return integer.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

export function absolute(integer) {
  return integer < 0n ? -integer : integer;
}

// Where `part` is in `whole`, as a number from 0 to 1 for drawing only.
export function share(part, whole) {
  return whole === 0n ? 0 : Number((part * 100_000n) / whole) / 100_000;
}

// Bytes in a unit in which they are short, cut to a tenth; the exact number is for the title.
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [tenths, unit] = [BigInt(count) * 10n, 0];
  while (tenths >= 10_240n && unit < units.length - 1) [tenths, unit] = [tenths / 1024n, unit + 1];
  return unit === 0 ? `${grouped(BigInt(count))} B` : `${amount(tenths, 1, 1)} ${units[unit]}`;
}

// How long ago, in its largest unit.
export function age(seconds) {
  const steps = [[86_400, "d"], [3_600, "h"], [60, "min"]];
  const [size, unit] = steps.find(([limit]) => seconds >= limit) ?? [1, "s"];
  return seconds < 1 ? "now" : `${Math.floor(seconds / size)} ${unit} ago`;
}

// Block time as a date and a time of day, both UTC. Beyond JavaScript's dates, only the seconds.
export function blockTime(seconds) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return ["", String(seconds)];
  return date.toISOString().replace(".000Z", "").split("T");
}
