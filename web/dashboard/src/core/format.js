/** Numbers and times as a person reads them. Digits follow the reader's locale, words the page's language. */

const integer = new Intl.NumberFormat();
const compactInteger = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const scientific = new Intl.NumberFormat(undefined, { notation: 'scientific', maximumSignificantDigits: 4 });
const decimals = [0, 1, 2, 3].map(
  (digits) =>
    new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });

/** What stands where there is nothing to show. */
export const NONE = '–';

/** @param {number} value */
export const whole = (value) => integer.format(value);

/** @param {number} value */
export const compact = (value) => (Math.abs(value) < 10_000 ? integer : compactInteger).format(value);

/**
 * A measured value: about five significant digits below a million, every whole digit above it. The places
 * after the point are filled, so that a value that moves does not jump.
 * @param {number} value
 */
export function measured(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return scientific.format(value);
  if (Number.isInteger(value)) return integer.format(value);
  return decimals[size < 10 ? 3 : size < 1_000 ? 2 : size < 1e6 ? 1 : 0].format(value);
}

/**
 * Metrics a second; a minute or an hour where that reads better.
 * @param {number | null} perSecond
 */
export function perTime(perSecond) {
  if (perSecond === null) return NONE;
  if (perSecond === 0) return '0/s';
  if (perSecond >= 0.95) return `${decimals[perSecond < 10 ? 1 : 0].format(perSecond)}/s`;
  if (perSecond * 60 >= 0.95) return `${decimals[0].format(perSecond * 60)}/min`;
  return `${decimals[1].format(perSecond * 3600)}/h`;
}

/** @param {number} size */
export function bytes(size) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1024;
  return `${decimals[unit > 0 && size < 100 ? 1 : 0].format(size)} ${units[unit]}`;
}

/** @type {readonly [Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/**
 * How long ago, as in "12 sec. ago"; "now" below two seconds.
 * @param {number} milliseconds
 */
export function ago(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 2) return 'now';
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? UNITS[3];
  return relative.format(-Math.floor(seconds / size), unit);
}

/**
 * A length of time, as in "4 min".
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 1) return 'less than 1 s';
  if (seconds < 90) return `${whole(Math.round(seconds))} s`;
  if (seconds < 5_400) return `${whole(Math.round(seconds / 60))} min`;
  return seconds < 129_600
    ? `${whole(Math.round(seconds / 3_600))} h`
    : `${whole(Math.round(seconds / 86_400))} days`;
}

/**
 * A short time, as in "12 ms"; a tenth where it is below ten.
 * @param {number | null} value milliseconds
 */
export function milliseconds(value) {
  if (value === null) return NONE;
  if (value < 9.95) return `${decimals[1].format(value)} ms`;
  return value < 9_950 ? `${whole(Math.round(value))} ms` : `${decimals[1].format(value / 1000)} s`;
}
