/**
 * A store in words: how far it is, what its breaker does, and what went wrong.
 *
 * @typedef {import('./frames.js').StoreStatus} StoreStatus
 * @typedef {{label: string, text: string, note: string, tone: string}} Fact
 */

import { compact, duration, whole } from './format.js';
import { isStuck } from './health.js';

/** Milliseconds in nanoseconds. */
const MS = 1e6;

/** @type {Record<string, string>} */
const KINDS = {
  outage: 'Outage: it does not answer',
  throttled: 'Throttled: it asks for fewer',
  transient: 'Transient: it will be tried again',
  denied: 'Denied: it refuses for want of rights, which somebody has to grant',
  poison: 'Poison: it refuses what is in the data',
};

/** @type {Record<StoreStatus['state'], {text: string, tone: string}>} */
const STATES = {
  starting: { text: 'starting', tone: 'busy' },
  following: { text: 'following', tone: 'good' },
  'catching-up': { text: 'catching up', tone: 'busy' },
  waiting: { text: 'waiting', tone: 'bad' },
  blocked: { text: 'blocked', tone: 'bad' },
  off: { text: 'off', tone: 'unknown' },
};

/** @type {Record<StoreStatus['breaker'], string>} */
export const BREAKER_TONES = { closed: 'good', 'half-open': 'busy', open: 'bad', off: 'unknown' };

/**
 * The state of a store in words.
 * @param {StoreStatus} store
 */
export const stateOf = (store) =>
  isStuck(store) && store.state !== 'blocked' && isHeld(store)
    ? { text: 'held by hand', tone: 'busy' }
    : (STATES[store.state] ?? { text: store.state, tone: 'unknown' });

/**
 * Whether a person holds the breaker open.
 * @param {StoreStatus} store
 */
export const isHeld = ({ breaker, breaker_by: by }) => breaker === 'open' && by === 'hand';

/**
 * How long ago, in words; '' for a time that is 0.
 * @param {number | undefined} at nanoseconds
 * @param {number} now milliseconds
 */
const since = (at, now) => (at ? `for ${duration(Math.max(0, now - at / MS) / 1000)}` : '');

/**
 * What is to be said of a store. The number of facts changes only with what has gone wrong, so that nothing
 * moves while figures do.
 * @param {StoreStatus} store
 * @param {number} now milliseconds
 * @returns {Fact[]}
 */
export function facts(store, now) {
  const { cursor, lag, lag_seconds: seconds = 0, persisted, dead_lettered: dead = 0 } = store;
  /** @type {Fact[]} */
  const found = [
    { label: 'Cursor', text: whole(cursor), note: 'all before it is settled', tone: '' },
    {
      label: 'Lag',
      text: whole(lag),
      note: seconds >= 1 ? `the oldest for ${duration(seconds)}` : 'metrics wait for it',
      tone: isStuck(store) && lag > 0 ? 'bad' : '',
    },
    { label: 'Stored', text: whole(persisted), note: 'since the journal began', tone: '' },
    breakerFact(store, now),
  ];
  if (dead > 0)
    found.push({
      label: 'Dead letters',
      text: whole(dead),
      note: 'not stored, and kept or gone by hand',
      tone: 'busy',
    });
  if (store.missing) {
    found.push({
      label: 'Missing',
      text: whole(store.missing),
      note: 'retired before it had them',
      tone: 'bad',
    });
  }
  if (store.lost) {
    found.push({
      label: 'Lost',
      text: whole(store.lost),
      note: 'at most, with a damage of the journal',
      tone: 'bad',
    });
  }
  return found;
}

/** @param {StoreStatus} store @param {number} now @returns {Fact} */
function breakerFact(store, now) {
  const held = isHeld(store);
  const fact = {
    label: 'Breaker',
    text: held ? 'open by hand' : store.breaker,
    tone: BREAKER_TONES[store.breaker],
  };
  if (store.breaker === 'off') return { ...fact, note: 'switched off in the configuration' };
  if (store.breaker === 'closed' && !store.breaker_since) return { ...fact, note: 'has never opened' };
  return { ...fact, note: since(store.breaker_since, now) };
}

/**
 * What goes wrong with a store, or who holds it, in at most a few lines; null where nothing does.
 * @param {StoreStatus} store
 * @param {number} now milliseconds
 * @returns {{tone: 'busy' | 'bad', title: string, detail: string, next: string} | null}
 */
export function trouble(store, now) {
  if (isHeld(store)) {
    return {
      tone: 'busy',
      title: `Held open by hand ${since(store.breaker_since, now)}`.trim(),
      detail:
        'Nothing is written to it, restarts included, until somebody closes the breaker. Metrics wait in the journal.',
      next: '',
    };
  }
  if (!store.last_error) return null;
  const attempts = store.attempts ?? 0;
  const failed =
    attempts > 0
      ? `${compact(attempts)} ${attempts === 1 ? 'attempt has' : 'attempts in a row have'} failed ${since(store.failing_since, now)}`
      : '';
  return {
    tone: isStuck(store) ? 'bad' : 'busy',
    title: KINDS[store.error_kind ?? ''] ?? 'The last error',
    detail: store.last_error,
    next: [failed.trim(), probe(store, now)].filter(Boolean).join('. '),
  };
}

/**
 * When an open breaker lets a probe through, counting down; '' where it does not.
 * @param {StoreStatus} store
 * @param {number} now milliseconds
 */
export function probe({ breaker, next_probe_at: at = 0 }, now) {
  if (breaker === 'half-open') return 'A probe is under way';
  if (breaker !== 'open' || !at) return '';
  const seconds = Math.ceil((at / MS - now) / 1000);
  return seconds > 0 ? `Next probe in ${duration(seconds)}` : 'A probe is due';
}

/**
 * What a person can do with the breaker of a store now.
 * @param {StoreStatus} store
 * @returns {{position: 'open' | 'closed', label: string} | null}
 */
export function moveOf(store) {
  if (store.breaker === 'off' || store.state === 'off') return null;
  if (store.breaker !== 'open') return { position: 'open', label: 'Open the breaker…' };
  return { position: 'closed', label: isHeld(store) ? 'Close the breaker' : 'Try now' };
}

/**
 * What happened, after a person moved a breaker.
 * @param {{store: string, breaker: string, by: string, noted: boolean}} moved BreakerNow of web/machinery.py
 */
export function moved({ store, breaker, by, noted }) {
  const done =
    by === 'hand'
      ? `Nothing is written to ${store} any more until its breaker is closed.`
      : breaker === 'closed'
        ? `The breaker of ${store} is closed.`
        : `${store} is being tried now; its breaker closes if it answers.`;
  return noted ? done : `${done} But the journal cannot be written: the next start will not know of it.`;
}

/** Seconds behind from which charts are told to lack something. */
const BEHIND = 10;

/**
 * What charts of the store's history lack for now, while it is behind the journal; '' when it is not.
 * @param {StoreStatus | undefined} store
 */
export function lacking(store) {
  const seconds = store?.lag_seconds ?? 0;
  return store && seconds >= BEHIND
    ? `${store.name} is ${duration(seconds)} behind: what it has not stored yet is missing here, but for what came while you looked. It waits in the journal, and appears by itself.`
    : '';
}
