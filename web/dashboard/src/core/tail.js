/**
 * What of the history of a chart is to be fetched next. What was fetched is `known` but for its latest seconds,
 * which the store may not have had yet; live metrics are whole from `since` on, when the page began to look, as far
 * as their rings reach. Between the two must be nothing. Times are milliseconds.
 *
 * @typedef {{from: number, known: number, step: number}} Fetched
 * @typedef {{from: number, to: number, step: number, whole: boolean}} Wanted `whole`: in the place of all that is there
 */

/** Without more to go by, the store may lag so much behind. */
export const LAG = 2_000;
/** Besides what is shown, this share of it to each side: a small move shows it at once. */
const MARGIN = 0.5;

/**
 * @param {Fetched | null} fetched
 * @param {import('./windows.js').Range} range what is shown
 * @param {number} step
 * @param {number} since from when on live metrics are whole
 * @param {number} now
 * @returns {Wanted | null}
 */
export function wanted(fetched, range, step, since, now) {
  const floor = (/** @type {number} */ time) => Math.floor(time / step) * step;
  const margin = (range.to - range.from) * MARGIN;
  const to = Math.min(now, range.to + margin);
  const all = { from: floor(range.from - margin), to, step, whole: true };
  if (!fetched || fetched.step !== step || fetched.from > floor(range.from)) return all;
  // The bucket in which the page began to look is whole in the history alone.
  const needed = Math.min(range.to, Math.ceil(since / step) * step, now - LAG);
  if (fetched.known >= needed || since <= range.from) return null;
  if (fetched.known < range.from) return all;
  return { from: Math.max(fetched.from, floor(fetched.known) - step), to, step, whole: false };
}

/**
 * How long to wait after a fetch before the next one that goes on from it.
 * @param {number} step
 * @param {number} failures in a row
 */
export const pause = (step, failures) =>
  failures > 0 ? Math.min(30_000, 2_000 * 2 ** failures) : Math.min(15_000, Math.max(1_500, step / 2));
