/**
 * The WebSocket. Performs what core/connection.js decides, and reports each frame. A browser whose login has
 * expired is sent to log in again.
 */

import { away, due, heard, INITIAL, isSilent, lost } from '../core/connection.js';

/**
 * Keep a connection to `/api/live`, for ever.
 *
 * @param {{
 *   session: string,
 *   resume: (away: number) => number | null,
 *   receive: (frame: import('../core/frames.js').Frame) => import('../core/ranges.js').Range[],
 *   change: (connection: import('../core/connection.js').Connection) => void,
 * }} page `resume` says which offset to go on from; `receive` returns the ranges to have sent again
 * @returns {() => void} try again now, if waiting
 */
export function follow(page) {
  let connection = INITIAL;
  /** @type {WebSocket | null} */
  let socket = null;
  let timer = 0;

  /** @param {import('../core/connection.js').Connection} next */
  const move = (next) => {
    connection = next;
    page.change(connection);
  };

  const open = () => {
    clearTimeout(timer);
    move(due(connection));
    const url = new URL('api/live', location.href.replace(/^http/, 'ws'));
    const from = page.resume(away(connection, Date.now()));
    url.searchParams.set('session', page.session);
    if (from !== null) url.searchParams.set('from', String(from));
    const opened = new WebSocket(url);
    socket = opened;
    opened.onmessage = (message) => socket === opened && take(opened, message.data);
    opened.onclose = () => socket === opened && drop();
  };

  /** @param {WebSocket} from @param {string} text */
  const take = (from, text) => {
    const frame = JSON.parse(text);
    move(heard(connection, frame, Date.now()));
    for (const { first, last } of page.receive(frame)) {
      from.send(JSON.stringify({ type: 'backfill', first_offset: first, last_offset: last }));
    }
  };

  /** A handshake that was refused looks like a server that is gone; only a request tells them apart. */
  const askWhy = async () => {
    const answer = await fetch('api/status').catch(() => null);
    if (answer?.status === 401) location.assign('login');
  };

  const drop = () => {
    if (connection.phase === 'connecting') askWhy();
    socket?.close();
    socket = null;
    move(lost(connection, Date.now(), Math.random()));
    if (connection.phase === 'waiting') timer = setTimeout(open, connection.until - Date.now());
  };

  const retry = () => {
    if (connection.phase === 'waiting') open();
  };

  setInterval(() => isSilent(connection, Date.now()) && drop(), 1_000);
  addEventListener('online', retry);
  addEventListener('pageshow', retry);
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && retry());
  open();
  return retry;
}
