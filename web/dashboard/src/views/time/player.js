/** Plays the past: asks for the state at successive times, as fast as core/playing.js says. */

import { atSpeed, isAtEnd, PACE, skip, start, wanted } from '../../core/playing.js';

/**
 * @typedef {import('../../core/past.js').Report} Report
 * @typedef {{
 *   show: (report: Report) => void,
 *   skipped: (nanoseconds: number) => void,
 *   end: () => void,
 *   fail: (error: Error) => void,
 * }} Told `end`: the present has been reached. After `end` and `fail` nothing plays
 */

/**
 * @param {import('../../net/api.js').Api} api
 * @param {Told} told
 */
export function makePlayer(api, told) {
  /** @type {import('../../core/playing.js').Playing | null} */
  let playing = null;
  let controller = new AbortController();
  let timer = 0;

  const stop = () => {
    playing = null;
    controller.abort();
    clearTimeout(timer);
  };

  /** @param {Record<string, string | number>} params @returns {Promise<Report>} */
  const ask = (params) => api.get('api/state', { params, signal: controller.signal });

  /** One state, and then the next. @param {Report} last @param {AbortSignal} signal */
  const step = async (last, signal) => {
    const asked = performance.now();
    try {
      if (!playing) return;
      const report = await ask({ time: BigInt(Math.round(wanted(playing, asked))).toString() });
      if (signal.aborted || !playing) return;
      if (isAtEnd(report)) {
        stop();
        told.end();
        return;
      }
      told.show(report);
      if (report.offset === last.offset) {
        const next = await ask({ offset: report.offset + 1 });
        if (signal.aborted || !playing) return;
        const gone = skip(playing, next.time, performance.now());
        playing = gone.playing;
        if (gone.skipped > 0) told.skipped(gone.skipped);
      }
      timer = setTimeout(() => step(report, signal), Math.max(0, PACE - (performance.now() - asked)));
    } catch (error) {
      if (signal.aborted) return;
      stop();
      told.fail(/** @type {Error} */ (error));
    }
  };

  return {
    isPlaying: () => playing !== null,
    /** Play on from `report`. @param {Report} report @param {number} speed */
    play(report, speed) {
      stop();
      controller = new AbortController();
      playing = start(report.time, speed, performance.now());
      // What it begins with is shown already, and may last.
      step({ ...report, offset: -1 }, controller.signal);
    },
    /** @param {number} speed */
    speed(speed) {
      if (playing) playing = atSpeed(playing, speed, performance.now());
    },
    stop,
  };
}
