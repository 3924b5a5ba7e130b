/**
 * Playing the past: the time of the journal goes on `speed` times as fast as that of the reader.
 *
 * States are asked for by offset, which is many times cheaper than by time. So the offset that was reached by a
 * time is guessed, from how many came lately, and the answer says when that was:
 *
 *   aim --asked--> take: about then, or earlier --> show, aim again
 *                        too late               --> closer: half as far
 *                        the very next, and late --> wait for it, or skip to it if that takes too long
 *
 * Times of the journal are nanoseconds, those of the reader milliseconds.
 *
 * @typedef {{offset: number, time: number}} Place
 * @typedef {{speed: number, from: number, since: number, at: Place, rate: number, most: number}} Playing the
 *   journal's time was `from` at `since`; `at` is what is shown, `rate` offsets a nanosecond, `most` how far
 *   the next guess may go
 * @typedef {{playing: Playing, show: boolean, pause: number, skipped: number}} Taken ask again after `pause`;
 *   `skipped` nanoseconds of the journal are not played, for nothing was written in them
 */

export const SPEEDS = [1, 10, 100, 1_000];

/** Milliseconds between two states that are shown. */
export const PACE = 100;

/** Milliseconds of the reader for which nothing may happen. */
const PATIENCE = 2_000;
const MS = 1e6;

/** Offsets a nanosecond: a thousand a second, until it is known better. */
const USUAL_RATE = 1e-6;

/**
 * @param {Place} at
 * @param {number} speed
 * @param {number} now
 * @returns {Playing}
 */
export const start = ({ offset, time }, speed, now) => ({
  speed,
  from: time,
  since: now,
  at: { offset, time },
  rate: USUAL_RATE,
  most: Infinity,
});

/**
 * The time of the journal at `now`.
 * @param {Playing} playing
 * @param {number} now
 */
export const wanted = ({ speed, from, since }, now) => from + (now - since) * MS * speed;

/**
 * As fast as `speed` from here on.
 * @param {Playing} playing
 * @param {number} speed
 * @param {number} now
 * @returns {Playing}
 */
export const atSpeed = (playing, speed, now) => ({
  ...playing,
  from: wanted(playing, now),
  since: now,
  speed,
});

/**
 * The offset to ask for: at least the next one.
 * @param {Playing} playing
 * @param {number} now
 */
export function aim(playing, now) {
  const { at, rate, most } = playing;
  const step = Math.round(rate * (wanted(playing, now) - at.time));
  return at.offset + Math.min(most, Math.max(1, step));
}

/**
 * What to do with the answer to `aim`.
 * @param {Playing} playing
 * @param {Place} found
 * @param {number} now
 * @returns {Taken}
 */
export function take(playing, found, now) {
  const { at, speed } = playing;
  const late = (found.time - wanted(playing, now)) / MS / speed;
  const step = found.offset - at.offset;
  if (late <= PACE) {
    const span = found.time - at.time;
    // Many offsets of one request have the same time: they are passed faster and faster.
    const rate = span > 0 ? step / span : playing.rate * 2;
    const on = { ...playing, at: { offset: found.offset, time: found.time }, rate, most: Infinity };
    return { playing: on, show: true, pause: PACE, skipped: 0 };
  }
  if (step > 1) {
    return { playing: { ...playing, most: Math.floor(step / 2) }, show: false, pause: 0, skipped: 0 };
  }
  if (late <= PATIENCE) return { playing: { ...playing, most: 1 }, show: false, pause: late, skipped: 0 };
  return {
    playing: { ...start(found, speed, now), rate: playing.rate },
    show: true,
    pause: PACE,
    skipped: late * MS * speed,
  };
}

/**
 * Whether what is played has caught up with the present.
 * @param {Playing} playing
 * @param {Place} present
 * @param {number} now
 */
export const isAtEnd = (playing, present, now) =>
  playing.at.offset >= present.offset || wanted(playing, now) >= present.time;
