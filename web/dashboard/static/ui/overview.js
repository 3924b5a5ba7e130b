/** The header, the sentence of health and the figures. */

import { ago, bytes, compact, duration, NONE, perTime, whole } from '../core/format.js';
import { health } from '../core/health.js';
import { sparkPath } from '../core/series.js';
import { acceptedPerSecond } from '../core/state.js';
import { byId, mark, show, write } from './dom.js';

/** @type {Record<string, string>} */
const DURABILITY = {
  fsync: 'Synced to disk before the reply',
  interval: 'Synced to disk at intervals, not before the reply',
  os: 'Left to the operating system to sync',
};

/**
 * @param {import('../core/state.js').State} state
 * @param {import('../core/connection.js').Connection} connection
 * @param {number} now
 */
export function showOverview(state, connection, now) {
  showConnection(connection, now);
  const { tone, kind, text } = health(state, connection, now);
  const sentence = byId('health', HTMLElement);
  write(sentence, text);
  mark(sentence, 'data-tone', tone);
  // Read aloud when the situation changes, not each time that a number does.
  const announcement = byId('announcement', HTMLElement);
  if (announcement.dataset.kind !== kind) {
    announcement.dataset.kind = kind;
    announcement.textContent = text;
  }
  const title = tone === 'bad' ? '⚠ Forebay' : 'Forebay';
  if (document.title !== title) document.title = title;
  mark(document.body, 'data-stale', String(connection.phase !== 'open'));
  if (state.status) showFigures(state, state.status);
}

/** @param {import('../core/connection.js').Connection} connection @param {number} now */
function showConnection(connection, now) {
  const seconds = connection.phase === 'waiting' ? Math.ceil((connection.until - now) / 1000) : 0;
  const quiet = connection.phase === 'open' ? now - connection.heardAt : 0;
  const [tone, text] =
    connection.phase === 'connecting'
      ? ['unknown', connection.attempt ? 'Reconnecting…' : 'Connecting…']
      : connection.phase === 'waiting'
        ? ['bad', seconds > 0 ? `Next try in ${duration(seconds)}` : 'Reconnecting…']
        : connection.pause !== null
          ? ['busy', 'Forebay is stopping']
          : quiet > 4_000
            ? ['busy', `Last heard ${ago(quiet)}`]
            : ['good', 'Live'];
  mark(byId('connection', HTMLElement), 'data-tone', tone);
  write(byId('connection-text', HTMLElement), text);
  show(byId('retry', HTMLElement), seconds > 1);
}

/**
 * @param {import('../core/state.js').State} state
 * @param {import('../core/frames.js').StatusReport} status
 */
function showFigures(state, status) {
  const { journal } = status;
  const perSecond = acceptedPerSecond(state);
  write(byId('version', HTMLElement), status.version);
  figure('accepted', whole(status.accepted));
  figure('rate', perSecond === null ? NONE : perTime(perSecond));
  figure('persisted', whole(status.persisted));
  figure(
    'pending',
    whole(status.pending),
    status.pending > 0 && state.status?.stores.some((store) => store.breaker === 'open') ? 'bad' : '',
  );
  figure('dead', whole(status.dead_lettered), status.dead_lettered > 0 ? 'busy' : '');
  figure(
    'bytes',
    bytes(journal.bytes),
    '',
    `${compact(journal.segments)} segments, from offset ${whole(journal.first_offset)} to ${whole(journal.next_offset)}`,
  );
  figure('free', bytes(journal.free_bytes), journal.state === 'full' ? 'bad' : '');
  figure('durability', journal.durability, '', DURABILITY[journal.durability]);
  const { history } = state;
  const rates = history.slice(1).map((sample, i) => ({
    x: sample.at,
    y: ((sample.accepted - history[i].accepted) * 1000) / Math.max(1, sample.at - history[i].at),
  }));
  mark(byId('rate-spark', SVGPathElement), 'd', sparkPath(rates, 120, 24));
  const waiting = history.map((sample) => ({ x: sample.at, y: sample.pending }));
  mark(byId('pending-spark', SVGPathElement), 'd', sparkPath(waiting, 120, 24));
}

/** @param {string} name @param {string} text @param {string} [tone] @param {string} [title] */
function figure(name, text, tone = '', title = '') {
  const value = document.querySelector(`[data-figure=${name}]`);
  if (!value) return;
  write(value, text);
  mark(value, 'data-tone', tone);
  if (title) mark(value, 'title', title);
}
