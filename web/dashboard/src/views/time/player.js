/** Plays the past: asks for one state after another, as core/playing.js decides. */

import { aim, atSpeed, isAtEnd, PACE, start, take } from '../../core/playing.js';

/**
 * @typedef {import('../../core/past.js').Report} Report
 * @typedef {{
 *   present: () => Report | null,
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

  /** @param {AbortSignal} signal */
  const step = async (signal) => {
    const asked = performance.now();
    const present = told.present();
    if (!playing || !present) return;
    if (isAtEnd(playing, present, asked)) {
      stop();
      told.end();
      return;
    }
    try {
      const offset = Math.min(aim(playing, asked), present.next_offset);
      const report = /** @type {Report} */ (await api.get('api/state', { params: { offset }, signal }));
      if (signal.aborted || !playing) return;
      const taken = take(playing, report, performance.now());
      playing = taken.playing;
      if (taken.show) told.show(report);
      if (taken.skipped > 0) told.skipped(taken.skipped);
      const took = taken.show ? performance.now() - asked : 0;
      timer = setTimeout(step, Math.max(0, taken.pause - took), signal);
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
      playing = start(report, speed, performance.now());
      timer = setTimeout(step, PACE, controller.signal);
    },
    /** @param {number} speed */
    speed(speed) {
      if (playing) playing = atSpeed(playing, speed, performance.now());
    },
    stop,
  };
}
