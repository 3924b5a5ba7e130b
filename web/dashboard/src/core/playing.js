/**
 * Playing the past: the time of the journal goes on `speed` times as fast as that of the reader.
 *
 *   start --due--> ask for the state at `wanted` --answered--> go on | skip ahead | end
 *
 * Where nothing was written for so long that it would take longer than `PATIENCE` to see, the time jumps to
 * what comes next. Times of the journal are nanoseconds, those of the reader milliseconds.
 *
 * @typedef {{speed: number, from: number, since: number}} Playing the journal's time was `from` at `since`
 */

export const SPEEDS = [1, 10, 100, 1_000];

/** Milliseconds between two questions, at least. */
export const PACE = 100;

/** Milliseconds of the reader for which nothing may happen. */
const PATIENCE = 2_000;
const MS = 1e6;

/**
 * @param {number} from the time of the journal to begin at
 * @param {number} speed
 * @param {number} now
 * @returns {Playing}
 */
export const start = (from, speed, now) => ({ speed, from, since: now });

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
export const atSpeed = (playing, speed, now) => start(wanted(playing, now), speed, now);

/**
 * Whether `report` is all that there is: what is played has caught up with the present.
 * @param {{offset: number, next_offset: number}} report
 */
export const isAtEnd = ({ offset, next_offset: next }) => offset >= next;

/**
 * Playing on after it is known that what comes next was written at `next`: there at once if that is long off.
 * @param {Playing} playing
 * @param {number} next
 * @param {number} now
 * @returns {{playing: Playing, skipped: number}} `skipped`: nanoseconds of the journal that are not played
 */
export function skip(playing, next, now) {
  const gap = next - wanted(playing, now);
  if (gap <= PATIENCE * MS * playing.speed) return { playing, skipped: 0 };
  return { playing: start(next, playing.speed, now), skipped: gap };
}
