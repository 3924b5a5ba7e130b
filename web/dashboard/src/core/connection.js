/**
 * The connection as a state machine; every transition is here.
 *
 *   connecting --opened--> open --lost--> waiting --due--> connecting
 *   connecting --lost--> waiting
 *
 * `open` becomes lost by itself when nothing was heard for `SILENCE`: a status comes every second. Waiting
 * doubles with each attempt until one lives to see a status, and is cut at random by up to half, so that
 * many pages do not return as one; a goodbye says how long the first wait is. Times are milliseconds.
 *
 * @typedef {{phase: 'connecting', attempt: number, lostAt: number | null}} Connecting
 * @typedef {{phase: 'open', attempt: number, heardAt: number, pause: number | null}} Open
 * @typedef {{phase: 'waiting', attempt: number, lostAt: number, until: number}} Waiting
 * @typedef {Connecting | Open | Waiting} Connection
 */

export const SILENCE = 10_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/** @type {Connection} */
export const INITIAL = { phase: 'connecting', attempt: 0, lostAt: null };

/**
 * A frame came.
 * @param {Connection} connection
 * @param {import('./frames.js').Frame} frame
 * @param {number} now
 * @returns {Connection}
 */
export function heard(connection, frame, now) {
  const pause = connection.phase === 'open' ? connection.pause : null;
  return {
    phase: 'open',
    attempt: frame.type === 'status' ? 0 : connection.attempt,
    heardAt: now,
    pause: frame.type === 'goodbye' ? Math.max(0, frame.reconnect_after * 1000) : pause,
  };
}

/**
 * The socket closed, or never opened. `chance` is a random number in [0, 1).
 * @param {Connection} connection
 * @param {number} now
 * @param {number} chance
 * @returns {Connection}
 */
export function lost(connection, now, chance) {
  if (connection.phase === 'waiting') return connection;
  const attempt = connection.attempt + 1;
  const pause = connection.phase === 'open' ? connection.pause : null;
  const full = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
  const wait = pause === null ? full * (0.5 + chance / 2) : pause + FIRST_WAIT * chance;
  const lostAt = connection.phase === 'open' ? connection.heardAt : (connection.lostAt ?? now);
  return { phase: 'waiting', attempt, lostAt, until: now + wait };
}

/**
 * It is time to try again, or a person or the browser thinks so.
 * @param {Connection} connection
 * @returns {Connection}
 */
export const due = (connection) =>
  connection.phase === 'waiting'
    ? { phase: 'connecting', attempt: connection.attempt, lostAt: connection.lostAt }
    : connection;

/**
 * Whether an open connection has been silent for so long that it must be dead.
 * @param {Connection} connection
 * @param {number} now
 */
export const isSilent = (connection, now) =>
  connection.phase === 'open' && now - connection.heardAt > SILENCE;

/**
 * Seconds since the last frame of a connection that was lost; 0 while it is open or was never there.
 * @param {Connection} connection
 * @param {number} now
 */
export const away = (connection, now) =>
  connection.phase === 'open' || connection.lostAt === null ? 0 : (now - connection.lostAt) / 1000;
