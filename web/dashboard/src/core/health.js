/**
 * The sentence of health at the top: the server's own while it is heard (web/health.py says it), else what the
 * page knows of the connection.
 *
 * @typedef {'good' | 'busy' | 'bad' | 'unknown'} Tone
 * @typedef {{tone: Tone, kind: string, text: string}} Health `kind` stays the same while only numbers change
 */

import { away } from './connection.js';
import { ago, duration } from './format.js';

/** Who has said nothing for so long (ms) may be in another state than they said. */
export const SILENT = 4_000;
const HANDOVER = 2_000;

/**
 * @param {import('./state.js').State} state
 * @param {import('./connection.js').Connection} connection
 * @param {number} now
 * @returns {Health}
 */
export function health({ status }, connection, now) {
  if (!status) {
    return connection.phase === 'waiting' || (connection.phase === 'connecting' && connection.attempt > 0)
      ? { tone: 'bad', kind: 'unreachable', text: 'Forebay does not answer. Is it running?' }
      : { tone: 'unknown', kind: 'connecting', text: 'Connecting to Forebay…' };
  }
  if (connection.phase !== 'open' && !isHandedOver(connection, now)) {
    const text = `The connection to Forebay is lost. What you see is from ${ago(away(connection, now) * 1000)}.`;
    return { tone: 'bad', kind: 'lost', text: text.replace('from now.', 'from a moment ago.') };
  }
  if (connection.phase === 'open' && now - connection.heardAt > SILENT) {
    const quiet = duration((now - connection.heardAt) / 1000);
    return {
      tone: 'busy',
      kind: 'late',
      text: `Forebay has been silent for ${quiet}. What you see is from before.`,
    };
  }
  if (!status.health)
    return { tone: 'unknown', kind: 'silent', text: 'This Forebay does not say how it is.' };
  const { level, sentence } = status.health;
  // While metrics come, now all are stored and now the last are on their way: all good, and no news.
  const kind = level === 'good' ? level : `${level} ${sentence.replace(/[\d.,]+/g, '#')}`;
  return { tone: level, kind, text: sentence };
}

/** @type {Record<string, {view: string, words: string}>} */
const VIEWS = {
  journal: { view: 'system', words: 'Open System' },
  stores: { view: 'system', words: 'Open System' },
  actors: { view: 'system', words: 'Open System' },
  'dead-letters': { view: 'dead-letters', words: 'Open Dead letters' },
};

/**
 * The view that helps with what `said`, the sentence at the top, is about; null where none does.
 * @param {import('./state.js').State} state
 * @param {Health} said
 */
export function viewThatHelps({ status }, said) {
  return status?.health && said.text === status.health.sentence
    ? (VIEWS[status.health.about ?? ''] ?? null)
    : null;
}

/**
 * Whether a connection that was never lost is being opened, which is no news while it is short: another transport
 * was chosen, or this tab takes over from another one.
 * @param {import('./connection.js').Connection} connection
 * @param {number} now
 */
const isHandedOver = (connection, now) =>
  connection.phase === 'connecting' &&
  connection.attempt === 0 &&
  connection.lostAt === null &&
  now - connection.since < HANDOVER;

/**
 * Whether a store takes nothing, so that metrics wait for it.
 * @param {import('./frames.js').StoreStatus} store
 */
export const isStuck = (store) =>
  store.breaker === 'open' || store.state === 'waiting' || store.state === 'blocked';
