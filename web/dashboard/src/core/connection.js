/**
 * One transport's line to the server as a state machine; every transition of a line is here. Which lines are
 * wanted, and which is relied on, is decided in dashboard-core.js.
 *
 *   off --dial--> connecting --heard--> open --lost--> waiting --dial--> connecting
 *                 connecting --lost--> waiting
 *   connecting, open --refuse--> refused --dial--> connecting
 *   any --hang up--> off
 *
 * An open line is `late` when nothing was heard for `LATE` and lost when for `SILENCE`: a status comes every
 * second. Waiting doubles with each attempt until one lives to see a status, and is cut at random by up to
 * half, so that many pages do not return as one; a goodbye says how long the first wait is. A line that was
 * refused is tried again at `until`, or never where that is null. Times are milliseconds.
 *
 * @typedef {{phase: 'off'}} Off
 * @typedef {{phase: 'connecting', attempt: number, lostAt: number | null, since: number, detail: string}} Connecting
 * @typedef {{phase: 'open', attempt: number, heardAt: number, steadyAt: number, pause: number | null}} Open
 *   `steadyAt`: since when it has not been late
 * @typedef {{phase: 'waiting', attempt: number, lostAt: number, until: number, detail: string}} Waiting
 * @typedef {{phase: 'refused', since: number, until: number | null, detail: string}} Refused
 * @typedef {Off | Connecting | Open | Waiting | Refused} Line
 * @typedef {Connecting | Open | Waiting} Connection the page's connection as a whole
 */

/** A status comes each second; the page looks often enough to tell within 2 s that none came. */
export const LATE = 1_700;
/** So long without a frame, the other transport is made ready. */
export const QUIET = 1_200;
export const SILENCE = 10_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/** @type {Off} */
export const OFF = { phase: 'off' };

/**
 * A connection is being made: it is due, or a person or the browser thinks so.
 * @param {Line} line
 * @param {number} now
 * @returns {Line}
 */
export function dial(line, now) {
  if (line.phase === 'connecting' || line.phase === 'open') return line;
  const attempt = line.phase === 'waiting' ? line.attempt : 0;
  const lostAt = line.phase === 'waiting' ? line.lostAt : null;
  return { phase: 'connecting', attempt, lostAt, since: now, detail: 'detail' in line ? line.detail : '' };
}

/**
 * A frame came.
 * @param {Line} line
 * @param {import('./frames.js').Frame} frame
 * @param {number} now
 * @returns {Line}
 */
export function heard(line, frame, now) {
  if (line.phase !== 'connecting' && line.phase !== 'open') return line;
  const before = line.phase === 'open' ? line : null;
  return {
    phase: 'open',
    attempt: frame.type === 'status' ? 0 : line.attempt,
    heardAt: now,
    steadyAt: before && !isLate(before, now) ? before.steadyAt : now,
    pause: frame.type === 'goodbye' ? Math.max(0, frame.reconnect_after * 1000) : (before?.pause ?? null),
  };
}

/**
 * The connection ended, or never came to be. `chance` is a random number in [0, 1).
 * @param {Line} line
 * @param {number} now
 * @param {number} chance
 * @param {string} [detail]
 * @returns {Line}
 */
export function lost(line, now, chance, detail = '') {
  if (line.phase !== 'connecting' && line.phase !== 'open') return line;
  const attempt = line.attempt + 1;
  const pause = line.phase === 'open' ? line.pause : null;
  const full = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  const wait = pause === null ? full * (0.5 + chance / 2) : pause + FIRST_WAIT * chance;
  const lostAt = line.phase === 'open' ? line.heardAt : (line.lostAt ?? now);
  return { phase: 'waiting', attempt, lostAt, until: now + wait, detail };
}

/**
 * The server will not have it.
 * @param {Line} line
 * @param {number} now
 * @param {number | null} until
 * @param {string} detail
 * @returns {Line}
 */
export const refuse = (line, now, until, detail) =>
  line.phase === 'refused' ? line : { phase: 'refused', since: now, until, detail };

/**
 * Whether a line is open and heard of as often as it should be.
 * @param {Line} line
 * @param {number} now
 */
export const isWell = (line, now) => line.phase === 'open' && !isLate(line, now);

/** @param {Open} line @param {number} now */
const isLate = (line, now) => now - line.heardAt > LATE;

/**
 * The page did not listen between `before` and `now`: an open line that was not quiet until then is not late for
 * that, once, but has what is left from `QUIET` to `LATE` to be heard.
 * @param {Line} line
 * @param {number} before
 * @param {number} now
 * @returns {Line}
 */
export const excused = (line, before, now) =>
  line.phase === 'open' && before - line.heardAt < QUIET && now - line.heardAt > QUIET
    ? { ...line, heardAt: now - QUIET }
    : line;

/**
 * Whether nothing was heard of an open line for longer than is usual.
 * @param {Line} line
 * @param {number} now
 */
export const isQuiet = (line, now) => line.phase === 'open' && now - line.heardAt > QUIET;

/**
 * Whether a line must be dead: open and silent, or connecting, for longer than anything takes.
 * @param {Line} line
 * @param {number} now
 */
export const isSilent = (line, now) =>
  (line.phase === 'open' && now - line.heardAt > SILENCE) ||
  (line.phase === 'connecting' && now - line.since > SILENCE);

/**
 * Whether it is time to try again.
 * @param {Line} line
 * @param {number} now
 */
export const isDue = (line, now) =>
  line.phase === 'off' ||
  ((line.phase === 'waiting' || line.phase === 'refused') && line.until !== null && now >= line.until);

/**
 * Seconds since the last frame of a connection that was lost; 0 while it is open or was never there.
 * @param {Connection} connection
 * @param {number} now
 */
export const away = (connection, now) =>
  connection.phase === 'open' || connection.lostAt === null ? 0 : (now - connection.lostAt) / 1000;
