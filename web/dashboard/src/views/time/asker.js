/** Asks for states, one at a time: whoever drags a slider wishes faster than anybody answers. */

/**
 * @typedef {import('../../core/past.js').Report} Report
 * @typedef {{offset?: number, time?: string}} Point a place in the journal as `GET /api/state` wants it; with
 *   neither, the present
 * @typedef {{answered: (report: Report, point: Point) => void, failed: (error: Error, point: Point) => void}} Told
 */

/**
 * @param {import('../../net/api.js').Api} api
 * @param {Told} told
 */
export function makeAsker(api, told) {
  /** @type {AbortController | null} */
  let under = null;
  /** What is asked now. @type {Point} */
  let current = {};
  /** @type {Point | null} */
  let next = null;

  /** @param {Point} point */
  const ask = async (point) => {
    const mine = new AbortController();
    under = mine;
    current = point;
    try {
      const report = /** @type {Report} */ (
        await api.get('api/state', { signal: mine.signal, params: point })
      );
      if (!mine.signal.aborted) told.answered(report, point);
    } catch (error) {
      if (!mine.signal.aborted) told.failed(/** @type {Error} */ (error), point);
    }
    if (under !== mine) return;
    under = null;
    const then = next;
    next = null;
    if (then) ask(then);
  };

  return {
    /** Ask for `point` as soon as what is under way is answered, unless another wish comes first. @param {Point} point */
    wish(point) {
      if (under) next = point;
      else ask(point);
    },
    /** Ask for `point` now; what is under way is overtaken. @param {Point} point */
    insist(point) {
      next = null;
      if (under && current.offset === point.offset && current.time === point.time) return;
      under?.abort();
      ask(point);
    },
    /** Wait for nothing any more. */
    stop() {
      under?.abort();
      under = next = null;
    },
  };
}
