/**
 * Where history and live metrics meet. The store lags behind, and the page has seen only what came since it looked:
 * of a bucket that both have, the one with more metrics is the whole one, or nearest to it. Nothing is added up, so
 * that no metric counts twice.
 *
 * @typedef {import('./buckets.js').Grid} Grid
 * @typedef {{time: number, min: number, mean: number, max: number, count: number}} Point `time` (ms) is where its
 *   step begins
 * @typedef {{step: number, points: readonly Point[]}} Past in order of time
 * @typedef {{last: number, lastAt: number, min: number, max: number, mean: number, count: number}} Summary of all that
 *   a grid has; `count` 0 where it has nothing
 * @typedef {import('./buckets.js').Columns & {mean: (number | null)[], summary: Summary, gap: number}} Joined `mean` is
 *   null where nothing was measured; `gap` is how many empty buckets there are at most between neighbours of a line
 */

import { clearColumns, makeColumns } from './buckets.js';

/** A line goes on over so many times the usual distance of its points. */
const PATIENCE = 3.5;

/** @param {number} length @returns {Joined} */
export const makeJoined = (length) => ({
  ...makeColumns(length),
  mean: new Array(length).fill(null),
  summary: { last: 0, lastAt: 0, min: 0, max: 0, mean: 0, count: 0 },
  gap: 0,
});

/**
 * Fill `into` with what `past` and `live` have of `grid`.
 * @param {Joined} into of the grid's length
 * @param {Grid} grid
 * @param {Past | null} past
 * @param {import('./buckets.js').Buckets} live
 */
export function join(into, grid, past, live) {
  clearColumns(into);
  live.read(grid, into);
  if (past) lay(into, grid, past);
  summarise(into, grid);
}

/**
 * Let `past` have its buckets where it knows as many metrics as are there, or more. One in other steps than the
 * grid's (a new window, whose own is on its way) stands in where there is nothing.
 * @param {Joined} into
 * @param {Grid} grid
 * @param {Past} past
 */
function lay(into, { from, step, length }, { step: own, points }) {
  const coarse = own > step;
  let at = firstAfter(points, from - own);
  while (at < points.length) {
    const slot = slotOf(points[at], from, step, own);
    if (slot >= length) return;
    let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
    for (; at < points.length && slotOf(points[at], from, step, own) === slot; at += 1) {
      const point = points[at];
      if (point.min < min) min = point.min;
      if (point.max > max) max = point.max;
      sum += point.mean * point.count;
      count += point.count;
    }
    if (slot < 0 || (coarse ? into.count[slot] > 0 : count < into.count[slot])) continue;
    into.min[slot] = min;
    into.max[slot] = max;
    into.sum[slot] = sum;
    into.count[slot] = count;
  }
}

/** @param {Point} point @param {number} from @param {number} step @param {number} own */
const slotOf = (point, from, step, own) =>
  Math.floor((point.time + (own > step ? own / 2 : 0) - from) / step);

/** @param {readonly Point[]} points @param {number} time */
function firstAfter(points, time) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Joined} into @param {Grid} grid */
function summarise(into, { from, step, length }) {
  const { summary, mean } = into;
  let [min, max, sum, count, filled, first, last] = [Infinity, -Infinity, 0, 0, 0, -1, -1];
  for (let slot = 0; slot < length; slot += 1) {
    const many = into.count[slot];
    if (many === 0) {
      mean[slot] = null;
      continue;
    }
    const value = into.sum[slot] / many;
    // A mean of equal values may round to one beyond them.
    mean[slot] = Math.min(into.max[slot], Math.max(into.min[slot], value));
    if (into.min[slot] < min) min = into.min[slot];
    if (into.max[slot] > max) max = into.max[slot];
    sum += into.sum[slot];
    count += many;
    filled += 1;
    if (first < 0) first = slot;
    last = slot;
  }
  summary.count = count;
  into.gap = filled > 1 ? Math.ceil(((last - first) / (filled - 1)) * PATIENCE) : 1;
  if (count === 0) return;
  summary.min = min;
  summary.max = max;
  summary.mean = Math.min(max, Math.max(min, sum / count));
  summary.last = mean[last] ?? 0;
  summary.lastAt = from + (last + 0.5) * step;
}

/**
 * `past` with `later` in the place of all that it had from `from` on, and without what lies before `keep`.
 * @param {readonly Point[]} past
 * @param {readonly Point[]} later
 * @param {number} from
 * @param {number} keep
 * @returns {readonly Point[]}
 */
export const extend = (past, later, from, keep) => [
  ...past.slice(firstAfter(past, keep), firstAfter(past, from)),
  // Nanoseconds are rounded on their way: what is just before belongs to who asked for it first.
  ...later.slice(firstAfter(later, from)),
];

/**
 * The points of one series as the server gives it.
 * @param {readonly {time: number, min: number, mean: number, max: number, count: number}[]} points in nanoseconds
 * @returns {Point[]}
 */
export const fromNanoseconds = (points) =>
  points.map((point) => ({ ...point, time: Math.round(point.time / 1e6) }));

/**
 * The points of several series as one, in order of time.
 * @param {readonly (readonly Point[])[]} series
 * @returns {readonly Point[]}
 */
export function merge(series) {
  if (series.length === 1) return series[0];
  /** @type {Map<number, Point>} */
  const merged = new Map();
  for (const point of series.flat()) {
    const other = merged.get(point.time);
    const count = point.count + (other?.count ?? 0);
    merged.set(
      point.time,
      other
        ? {
            time: point.time,
            min: Math.min(point.min, other.min),
            max: Math.max(point.max, other.max),
            mean: (point.mean * point.count + other.mean * other.count) / count,
            count,
          }
        : point,
    );
  }
  return [...merged.values()].sort((a, b) => a.time - b.time);
}
