/**
 * Values with their unit, as a person reads them: 350 ms, 1.2 GiB, 87 %, 12,400 tokens/s. A unit that is not known
 * stands as it is behind the number.
 *
 * @typedef {{label: string, size: number}} Scale `size` in the metric's own unit
 * @typedef {{write: (value: number) => string, label: string}} Axis for all labels of one axis; `label` is the unit
 */

import { measured, NONE } from './format.js';

/** @type {Record<string, number>} */
const SECONDS = { ns: 1e-9, us: 1e-6, µs: 1e-6, μs: 1e-6, ms: 1e-3, s: 1, sec: 1, seconds: 1 };
const TIMES = [
  { label: 'ns', size: 1e-9 },
  { label: 'µs', size: 1e-6 },
  { label: 'ms', size: 1e-3 },
  { label: 's', size: 1 },
  { label: 'min', size: 60 },
  { label: 'h', size: 3_600 },
  { label: 'd', size: 86_400 },
];
const KIB = 1_024;
/** @type {Record<string, number>} */
const BYTES = {
  b: 1,
  byte: 1,
  bytes: 1,
  kib: KIB,
  mib: KIB ** 2,
  gib: KIB ** 3,
  tib: KIB ** 4,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'].map((label, i) => ({ label, size: KIB ** i }));
/** A number reads on in its scale until so many of the next one. */
const TIME_STAYS = { ns: 1, µs: 1, ms: 1, s: 1, min: 2, h: 2, d: 3 };
const NARROW_SPACE = '\u202f';

/** @param {number} most @param {number} least digits after the point */
const digits = (most, least = 0) =>
  new Intl.NumberFormat(undefined, { minimumFractionDigits: least, maximumFractionDigits: most });
const places = [0, 1, 2, 3, 4, 5, 6].map((count) => digits(count, count));
/** @param {'compact' | 'scientific'} notation @param {readonly number[]} counts of digits */
const significant = (notation, counts) =>
  counts.map((count) => new Intl.NumberFormat(undefined, { notation, maximumSignificantDigits: count }));
// More digits have no room beside a chart.
const short = significant('compact', [4, 5, 6, 7]);
const tiny = significant('scientific', [3, 4, 5]);

/** @param {string} unit @returns {{scales: readonly Scale[], factor: number, base: number} | null} */
function known(unit) {
  const time = Object.hasOwn(SECONDS, unit) ? SECONDS[unit] : 0;
  if (time) return { scales: TIMES, factor: time, base: 1 };
  const [size, per = ''] = unit.split(/\s*(?=\/s$|\/sec$|ps$)/);
  const small = size.toLowerCase();
  const bytes = Object.hasOwn(BYTES, small) ? BYTES[small] : 0;
  if (!bytes || (per && !per.startsWith('/'))) return null;
  return { scales: SIZES.map((scale) => ({ ...scale, label: scale.label + per })), factor: bytes, base: KIB };
}

/**
 * The scale in which `value` of `unit` reads best; null where the unit has only one.
 * @param {number} value
 * @param {string} unit
 * @returns {Scale | null}
 */
function scaleOf(value, unit) {
  const kind = known(unit);
  if (!kind) return null;
  const size = Math.abs(value) * kind.factor;
  const fits = (/** @type {Scale} */ { label, size: one }) =>
    size >= one * (TIME_STAYS[/** @type {keyof typeof TIME_STAYS} */ (label)] ?? 1);
  const own = kind.scales.find((scale) => scale.size === kind.factor);
  const scale = size === 0 ? own : kind.scales.findLast(fits);
  const found = scale ?? kind.scales[0];
  return { label: found.label, size: found.size / kind.factor };
}

/** @param {string} number @param {string} unit */
const together = (number, unit) => (unit ? `${number}${NARROW_SPACE}${unit}` : number);

/**
 * One value, with about four significant digits where its unit scales.
 * @param {number | null} value
 * @param {string} unit
 */
export function withUnit(value, unit) {
  if (value === null) return NONE;
  const scale = scaleOf(value, unit);
  if (!scale) return together(measured(value), unit === 'percent' ? '%' : unit);
  const scaled = value / scale.size;
  const size = Math.abs(scaled);
  if (size !== 0 && (size < 0.01 || size >= 1e6)) return together(measured(scaled), scale.label);
  const whole = Number.isInteger(scaled) && size < 1_000 && scale.size <= 1;
  return together(places[whole ? 0 : size < 10 ? 2 : size < 100 ? 1 : 0].format(scaled), scale.label);
}

/**
 * One value in a narrow column: with its unit where that scales or is short, without one that would cut the value off
 * and stands beside the metric's name.
 * @param {number | null} value
 * @param {string} unit
 */
export const inColumn = (value, unit) =>
  withUnit(value, known(unit) || unit === 'percent' || unit.length < 4 ? unit : '');

/**
 * How the labels of an axis up to `top` (the largest size on it) are written, `increment` from one to the next: all in
 * one scale, with as many places as tell them apart.
 * @param {number} top
 * @param {number} increment
 * @param {string} unit
 * @returns {Axis}
 */
export function axisOf(top, increment, unit) {
  const scale = scaleOf(top, unit);
  const size = scale?.size ?? 1;
  const label = scale?.label ?? (unit === 'percent' ? '%' : unit);
  const step = increment / size;
  const most = Math.abs(top) / size;
  const count = places.findIndex((_, digits) => isWhole(step * 10 ** digits));
  const power = Math.floor(Math.log10(step) + 1e-9);
  const last = isWhole(step / 10 ** power) ? power : power - 1;
  const needed = Math.floor(Math.log10(most)) - last + 1;
  /** @param {readonly Intl.NumberFormat[]} formats @param {number} least digits of the first */
  const enough = (formats, least) => formats[Math.min(formats.length - 1, Math.max(0, needed - least))];
  const write =
    most >= 1e15 || count < 0
      ? (/** @type {number} */ value) => (value === 0 ? '0' : enough(tiny, 3).format(value / size))
      : most >= 1e5
        ? (/** @type {number} */ value) => enough(short, 4).format(value / size)
        : (/** @type {number} */ value) => places[count].format(value / size);
  return { write, label };
}

/**
 * The increments an axis of `unit` may have, so that its labels are round in the scale they are read in.
 * @param {number} top the largest size on the axis
 * @param {string} unit
 * @returns {number[]}
 */
export function increments(top, unit) {
  const scale = scaleOf(top, unit);
  const size = scale?.size ?? 1;
  const sixties = scale !== null && ['min', 'h'].includes(scale.label);
  /** @type {number[]} */
  const all = [];
  for (let power = -18; power <= 18; power += 1) {
    for (const count of [1, 2, 2.5, 5]) all.push(Number(`${count}e${power}`) * size);
  }
  return sixties
    ? [1, 2, 5, 10, 15, 30, 60, 120]
        .map((count) => (count * size) / 60)
        .concat(all.filter((one) => one > size * 2))
    : all;
}

/** @param {number} value but for what floating point makes of it */
const isWhole = (value) => value > 0.5 && Math.abs(value - Math.round(value)) < 1e-6 * value;
