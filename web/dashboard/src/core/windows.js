/**
 * The stretch of time that charts show: the latest `length`, moving on with the clock, or a fixed one. Times and
 * lengths are whole milliseconds.
 *
 * @typedef {{kind: 'live', length: number}} Live
 * @typedef {{kind: 'fixed', from: number, to: number}} Fixed
 * @typedef {Live | Fixed} Span
 * @typedef {{from: number, to: number}} Range
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What can be chosen with one press. */
export const WINDOWS = [
  { length: SECOND, label: '1 s' },
  { length: 10 * SECOND, label: '10 s' },
  { length: MINUTE, label: '1 min' },
  { length: 5 * MINUTE, label: '5 min' },
  { length: 15 * MINUTE, label: '15 min' },
  { length: HOUR, label: '1 h' },
  { length: 6 * HOUR, label: '6 h' },
  { length: DAY, label: '24 h' },
  { length: 7 * DAY, label: '7 d' },
  { length: 30 * DAY, label: '30 d' },
];

export const SHORTEST = 200;
export const LONGEST = 366 * DAY;

/** Every step is a multiple of one that core/buckets.js keeps. */
const STEPS = [
  ...[10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 20, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14].map((count) => count * DAY),
];

/** Pixels that a step should have at least: closer, a line is noise. */
const PIXELS = 2;
const MOST_STEPS = 600;

/** @type {Live} */
export const USUAL = { kind: 'live', length: 5 * MINUTE };

/**
 * The step in which `length` is shown on `pixels`.
 * @param {number} length
 * @param {number} pixels
 */
export function stepFor(length, pixels) {
  const most = Math.max(20, Math.min(MOST_STEPS, pixels / PIXELS));
  return STEPS.find((step) => length / step <= most) ?? STEPS[STEPS.length - 1];
}

/** @param {Span} span @param {number} now @returns {Range} */
export const rangeOf = (span, now) =>
  span.kind === 'live' ? { from: now - span.length, to: now } : { from: span.from, to: span.to };

/** @param {Span} span */
export const lengthOf = (span) => (span.kind === 'live' ? span.length : span.to - span.from);

/**
 * `[from, to]` as a span: whole, neither too short nor too long, and not after `now`.
 * @param {number} from
 * @param {number} to
 * @param {number} now
 * @returns {Fixed}
 */
export function fixed(from, to, now) {
  const length = Math.round(Math.min(LONGEST, Math.max(SHORTEST, to - from)));
  const middle = (from + to) / 2;
  const end = Math.round(Math.min(now, middle + length / 2));
  return { kind: 'fixed', from: end - length, to: end };
}

/**
 * `span` with its length times `factor`. What is live stays so, in steps of WINDOWS; else the moment at `where`
 * (0 is the left edge, 1 the right one) stays where it is.
 * @param {Span} span
 * @param {number} factor
 * @param {number} now
 * @param {number} [where]
 * @returns {Span}
 */
export function zoom(span, factor, now, where) {
  if (span.kind === 'live' && where === undefined) {
    const next =
      factor < 1
        ? WINDOWS.findLast(({ length }) => length < span.length)
        : WINDOWS.find(({ length }) => length > span.length);
    return next ? { kind: 'live', length: next.length } : span;
  }
  const { from, to } = rangeOf(span, now);
  const length = Math.min(LONGEST, Math.max(SHORTEST, (to - from) * factor));
  const at = where ?? 0.5;
  const pinned = from + (to - from) * at;
  return fixed(pinned - length * at, pinned + length * (1 - at), now);
}

/**
 * `span` moved by `share` of its length, later where that is positive; live again where it comes to `now`.
 * @param {Span} span
 * @param {number} share
 * @param {number} now
 * @returns {Span}
 */
export function pan(span, share, now) {
  if (span.kind === 'live' && share >= 0) return span;
  const { from, to } = rangeOf(span, now);
  const by = (to - from) * share;
  if (share > 0 && to + by >= now) return { kind: 'live', length: to - from };
  return fixed(from + by, to + by, now);
}

/** @type {readonly [string, number][]} */
const LENGTHS = [
  ['d', DAY],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', SECOND],
  ['ms', 1],
];

/**
 * A length as it stands in an address: `5m`, `1h`, `1500ms`.
 * @param {number} length
 */
export function writeLength(length) {
  const [unit, size] = LENGTHS.find(([, one]) => length % one === 0) ?? LENGTHS[4];
  return `${Math.round(length / size)}${unit}`;
}

/**
 * The length that `text` gives; null where it gives none that can be shown.
 * @param {string | null} text
 */
export function readLength(text) {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text ?? '');
  if (!match) return null;
  const length = Number(match[1]) * (LENGTHS.find(([unit]) => unit === match[2])?.[1] ?? 0);
  return length >= SHORTEST && length <= LONGEST ? length : null;
}

/** Clocks that differ by less (ms) are as good as the same. */
const CLOSE = 1_500;

/**
 * By how many milliseconds this computer's clock is ahead of the server's: what differs less than that,
 * or is not known yet, is 0. Without it the latest metrics would lie beyond the edge of a live window.
 * @param {{least: number, before: number}} clock the least time that frames took, by the two clocks
 */
export function ahead({ least, before }) {
  const difference = Math.min(least, before);
  return Number.isFinite(difference) && Math.abs(difference) > CLOSE ? Math.round(difference) : 0;
}
