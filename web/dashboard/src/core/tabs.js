/**
 * What the tabs of a browser decide about the connection that they share: when a tab that does not hold it takes
 * it, what need not be asked for twice, and where a page that is opened again goes on. Times are milliseconds.
 *
 * @typedef {{heardAt: number, checkedAt: number, pinged: boolean, hiddenAt: number | null,
 *   patience: number, takenAt: number}} Watch what a tab knows of the one that holds the connection:
 *   `hiddenAt`: since when nobody looks at that one; `takenAt`: when this tab last took it for its silence
 */

import { acceptedPerSecond, BACKFILL, EMPTY, fold } from './state.js';

/** How often a tab that is looked at checks. */
export const CHECK = 250;
/** So long after the last word the holder is asked whether it is there. */
export const QUIET = 400;
/** So long after the last word it is given up, at first; doubled each time that was hasty. */
export const PATIENCE = 900;
const LONGEST_PATIENCE = 8_000;
/** A tab that nobody looks at keeps the connection so long: who flips through tabs need not reconnect each time. */
const HIDDEN = 1_000;
/** Who takes the connection again within this was hasty. */
const HASTY = 60_000;
/** How long an ask stands for others of the same. */
const ASKED = 5_000;
/** A page that was last here so long ago begins anew. */
const REMEMBERED = 300_000;

/** @param {number} now @returns {Watch} */
export const watching = (now) => ({
  heardAt: now,
  checkedAt: now,
  pinged: false,
  hiddenAt: null,
  patience: PATIENCE,
  takenAt: Number.NEGATIVE_INFINITY,
});

/**
 * The holder said something; `visible` where it said whether somebody looks at it.
 * @param {Watch} watch
 * @param {number} now
 * @param {boolean} [visible]
 * @returns {Watch}
 */
export function heardOf(watch, now, visible) {
  const hiddenAt = visible === undefined ? watch.hiddenAt : visible ? null : (watch.hiddenAt ?? now);
  return { ...watch, heardAt: now, pinged: false, hiddenAt };
}

/**
 * What a tab that somebody looks at does at `now`, called every CHECK: nothing, ask whether the holder is there
 * (`ping`), or take the connection, because the holder is silent (`take`) or hidden (`relieve`).
 * @param {Watch} watch
 * @param {number} now
 * @returns {{watch: Watch, act: 'nothing' | 'ping' | 'take' | 'relieve'}}
 */
export function checked(watch, now) {
  const next = { ...watch, checkedAt: now };
  // This tab stood still itself: it cannot tell who was silent meanwhile.
  if (now - watch.checkedAt > 2 * CHECK) {
    return { watch: { ...next, heardAt: now, pinged: true }, act: 'ping' };
  }
  if (now - watch.heardAt > watch.patience) {
    const hasty = now - watch.takenAt < HASTY;
    const patience = hasty ? Math.min(LONGEST_PATIENCE, watch.patience * 2) : PATIENCE;
    return { watch: { ...next, heardAt: now, pinged: false, patience, takenAt: now }, act: 'take' };
  }
  if (watch.hiddenAt !== null && now - watch.hiddenAt > HIDDEN) {
    return { watch: { ...next, hiddenAt: null }, act: 'relieve' };
  }
  if (!watch.pinged && now - watch.heardAt > QUIET) return { watch: { ...next, pinged: true }, act: 'ping' };
  return { watch: next, act: 'nothing' };
}

/**
 * Whether `[first, last]` was asked for a moment ago, and the asks that still stand, that one included.
 * @param {readonly {first: number, last: number, at: number}[]} asks
 * @param {{first: number, last: number}} range
 * @param {number} now
 */
export function asked(asks, { first, last }, now) {
  const standing = asks.filter(({ at }) => now - at < ASKED);
  const again = standing.some((ask) => ask.first <= first && last <= ask.last);
  return { again, asks: again ? standing : [...standing, { first, last, at: now }] };
}

/**
 * What is worth remembering of a state; null where there is nothing.
 * @param {import('./state.js').State} state
 * @param {number} now
 */
export const memory = (state, now) =>
  state.journal === null || state.next === null || state.status === null
    ? null
    : {
        journal: state.journal,
        next: state.next,
        since: state.since,
        at: now,
        rate: acceptedPerSecond(state) ?? 0,
      };

/**
 * The state that a page begins with that remembers `memory`: it goes on at an offset before the last one seen, so
 * that what was shown is there again; EMPTY where that was long ago, or too much came meanwhile to be asked for.
 * @param {unknown} kept whatever storage has
 * @param {number} now
 * @returns {import('./state.js').State}
 */
export function remembered(kept, now) {
  if (typeof kept !== 'object' || kept === null) return EMPTY;
  const { journal, next, since, at, rate } = /** @type {Record<string, unknown>} */ (kept);
  if (typeof journal !== 'string' || !isOffset(next) || !isOffset(since) || since > next) return EMPTY;
  if (!(typeof at === 'number' && typeof rate === 'number' && Math.abs(now - at) < REMEMBERED)) return EMPTY;
  const missed = (Math.max(0, now - at) / 1_000) * rate;
  const again = Math.floor(BACKFILL / 2 - missed);
  if (!(again > 0)) return EMPTY;
  const first = Math.max(0, next - again);
  return { ...EMPTY, journal, next: first, since: Math.max(first, since) };
}

/**
 * The state to go on with where another tab knows `theirs`, and what to ask for: this tab's `own` where what it
 * missed can be asked for, because then each metric still comes once to whoever listens here.
 * @param {import('./state.js').State} own
 * @param {import('./state.js').State} theirs
 * @param {number} now
 * @returns {{state: import('./state.js').State, ask: import('./ranges.js').Range[]}}
 */
export function caughtUp(own, theirs, now) {
  const first = own.next ?? 0;
  const next = theirs.next ?? 0;
  if (own.status === null || own.journal !== theirs.journal || next - first >= BACKFILL) {
    return { state: theirs, ask: [] };
  }
  if (next <= first) return { state: own, ask: [] };
  return fold(own, { type: 'gap', first_offset: first, last_offset: next - 1, reason: 'slow' }, now);
}

/**
 * How a tab shares the connection, as a sentence.
 * @param {import('../net/cross-session-state.js').Sharing} sharing
 */
export function sharingWords({ role, why, others }) {
  switch (role) {
    case 'follows':
      return 'Another tab of this browser has the connection, and hands on to this one what comes.';
    case 'alone':
      return why === 'address'
        ? 'This tab has a connection of its own: its address asks for a transport.'
        : 'Each tab has a connection of its own: browsers share one over HTTPS or on localhost only, and where they may keep data.';
    case 'holds':
      if (others === 0) return 'This tab has the connection of this browser, and is its only one.';
      return `This tab has the connection, and hands on what comes to ${others} other ${others === 1 ? 'tab' : 'tabs'} of this browser.`;
  }
}

/** @param {unknown} value @returns {value is number} */
const isOffset = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
