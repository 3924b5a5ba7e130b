/**
 * Dead letters: which are meant, what their causes say, and what became of them, in words. Shapes as in
 * web/letters.py; times are nanoseconds since the epoch.
 *
 * @typedef {{id: number, store: string, offset: number, accepted_at: number, name: string, source: string,
 *   cause: string, error: string, attempts: number, first_failed_at: number, last_failed_at: number,
 *   weather?: boolean, redriving?: boolean}} Letter
 * @typedef {{letters: Letter[], cursor: string | null, matched: number, pending: number}} LetterPage
 * @typedef {{id: number, outcome: 'redriven' | 'queued' | 'refused', letter?: Letter | null}} Redriven
 * @typedef {{matched: number, dry_run: boolean}} Bulk
 * @typedef {{cause: string, name: string, source: string, store: string, after: string, before: string}} Filter
 *   '' where all are meant; `after` and `before` (when the metric was accepted) in UTC, as 2026-11-23T12:00Z
 */

import { duration, whole } from './format.js';

/** @type {readonly (keyof Filter)[]} */
export const FIELDS = ['cause', 'name', 'source', 'store', 'after', 'before'];

/**
 * What is wrong with a metric, as the end of a sentence, and what helps: the causes of actors/stores/base.py.
 * @type {Record<string, {says: string, helps: string}>}
 */
export const CAUSES = {
  check: {
    says: 'it breaks a check that the table’s owner has set',
    helps: 'Change the rule in the database and redrive it, or edit the metric so that it keeps the rule.',
  },
  'not-null': {
    says: 'it lacks what its column must have',
    helps: 'Give the column a default, or edit the metric.',
  },
  'foreign-key': {
    says: 'it refers to what is not there',
    helps: 'Add what it refers to in the database and redrive it, or edit the metric.',
  },
  duplicate: {
    says: 'it is there already, under another identity',
    helps:
      'Discard it if the one that is stored is right; else remove that one from the table and redrive it.',
  },
  'bad-type': {
    says: 'it has a value that its column cannot hold',
    helps: 'Change the type of the column and redrive it, or edit the metric.',
  },
  'out-of-range': {
    says: 'it has a number or a time beyond what its column can hold',
    helps: 'Edit the metric: here its time may be changed, too.',
  },
  'nul-byte': {
    says: 'it has a NUL byte in a text, which PostgreSQL cannot hold',
    helps: 'Edit the metric and take the NUL byte, written \\u0000, out.',
  },
  'bad-text': {
    says: 'it has a text that is not Unicode',
    helps: 'Edit the metric and write the text again.',
  },
  'too-large': {
    says: 'it is larger than the store takes',
    helps: 'Edit the metric and shorten its texts or attributes.',
  },
  refused: {
    says: 'the store refuses it, for a reason that has no name of its own',
    helps: 'The error below is what the store says. Mend what it complains of, then redrive.',
  },
};

/**
 * Why a letter is one, as a sentence.
 * @param {Pick<Letter, 'cause' | 'store' | 'weather'>} letter
 */
export function why({ cause, store, weather }) {
  if (weather) {
    return `Nothing is known to be wrong with it: ${store} failed for it while it took its neighbours. It goes back by itself.`;
  }
  return `${store} can never store it as it is: ${CAUSES[cause]?.says ?? CAUSES.refused.says}.`;
}

/**
 * The filter that an address means. What is no time is left out.
 * @param {URLSearchParams} params
 * @returns {Filter}
 */
export function filterOf(params) {
  const text = (/** @type {string} */ name) => params.get(name) ?? '';
  return {
    cause: text('cause'),
    name: text('name'),
    source: text('source'),
    store: text('store'),
    after: instantOf(text('after')),
    before: instantOf(text('before')),
  };
}

/** @param {string} text */
const instantOf = (text) => (/(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : '');

/** @param {Filter} filter */
export const isAll = (filter) => FIELDS.every((field) => filter[field] === '');

/** @param {Filter} one @param {Filter} other */
export const sameFilter = (one, other) => FIELDS.every((field) => one[field] === other[field]);

/**
 * The body that asks for what matches `filter`, as in web/letter_queries.py: everything must be asked for by name.
 * @param {Filter} filter
 * @returns {Record<string, unknown>}
 */
export const bodyOf = (filter) =>
  isAll(filter)
    ? { all: true }
    : Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));

/**
 * What of `filter` cannot be meant; '' where all is well.
 * @param {Filter} filter
 */
export const impossible = ({ after, before }) =>
  after && before && Date.parse(after) >= Date.parse(before)
    ? '“Accepted from” must lie before “Accepted before”.'
    : '';

/**
 * Whether `letter` matches `filter`, as the server has it.
 * @param {Letter} letter
 * @param {Filter} filter
 */
export const matches = (letter, { cause, name, source, store, after, before }) =>
  (!cause || letter.cause === cause) &&
  (!name || letter.name === name) &&
  (!source || letter.source === source) &&
  (!store || letter.store === store) &&
  (!after || letter.accepted_at / 1e6 >= Date.parse(after)) &&
  (!before || letter.accepted_at / 1e6 < Date.parse(before));

/**
 * A selection after the list was read again: what left the queue, or does not match any more, is selected no
 * longer, and counted. `whole`: the list goes to the end, so that what is not there has left.
 * @param {ReadonlyMap<number, Letter>} selected
 * @param {readonly Letter[]} listed
 * @param {boolean} complete
 * @param {Filter} filter
 * @returns {{selected: Map<number, Letter>, left: number, outside: number}}
 */
export function reselect(selected, listed, complete, filter) {
  const there = new Map(listed.map((letter) => [letter.id, letter]));
  const end = listed.at(-1)?.id ?? -1;
  /** @type {Map<number, Letter>} */
  const kept = new Map();
  let left = 0;
  let outside = 0;
  for (const [id, letter] of selected) {
    if (!matches(there.get(id) ?? letter, filter)) outside += 1;
    else if (!there.has(id) && (complete || id <= end)) left += 1;
    else kept.set(id, there.get(id) ?? letter);
  }
  return { selected: kept, left, outside };
}

/**
 * What is said of a selection that lost some; '' where it did not.
 * @param {{left: number, outside: number}} lost
 */
export function lostWords({ left, outside }) {
  const words = [
    ...(outside
      ? [`${lettersOf(outside, 'selected ')} ${outside === 1 ? 'does' : 'do'} not match this filter`]
      : []),
    ...(left ? [`${lettersOf(left, 'selected ')} ${left === 1 ? 'has' : 'have'} left the queue`] : []),
  ];
  return words.length ? `${words.join(', and ')}: no longer selected.` : '';
}

/** @param {number} count @param {string} [kind] */
export const lettersOf = (count, kind = '') =>
  `${whole(count)} ${kind}dead ${count === 1 ? 'letter' : 'letters'}`;

/**
 * When the oldest leaves if nothing happens to it; `expiresAt` in nanoseconds, 0 where that is not known.
 * @param {number} expiresAt
 * @param {number} now
 */
export function expiryWords(expiresAt, now) {
  if (!expiresAt) return 'refused first';
  const seconds = expiresAt / 1e9 - now / 1e3;
  return seconds <= 60 ? 'expires soon' : `expires in ${duration(seconds)}`;
}

/**
 * What a redrive would do, before it is done. `rate` is metrics a second, null: as fast as they go.
 * @param {number} count
 * @param {string} store '' where they are of several
 * @param {number | null} rate
 */
export function redriveWords(count, store, rate) {
  const them = count === 1 ? 'it' : 'them';
  const pace = rate === null ? `as fast as the store takes ${them}` : `${whole(rate)} a second`;
  return `This sends ${lettersOf(count)} to ${store || 'the stores that refused them'} again, ${pace}.`;
}

/**
 * The rate in `text`, in metrics a second: null for an empty one, NaN where it is none.
 * @param {string} text
 */
export function rateOf(text) {
  if (text.trim() === '') return null;
  const rate = Number(text);
  return rate > 0 && rate <= 1e9 ? rate : Number.NaN;
}

/**
 * What became of the letters that were as in `before` and are as in `after` now.
 * @param {ReadonlyMap<number, Letter>} before
 * @param {ReadonlyMap<number, Letter>} after
 */
export function account(before, after) {
  let redriven = 0;
  let refused = 0;
  for (const [id, letter] of before) {
    const now = after.get(id);
    if (!now) redriven += 1;
    else if (!now.redriving && now.attempts > letter.attempts) refused += 1;
  }
  return { redriven, refused, queued: before.size - redriven - refused };
}

/** @param {ReturnType<typeof account>} counts */
export function accountWords({ redriven, refused, queued }) {
  const all = redriven + refused + queued;
  const they = (/** @type {number} */ count) => (count === 1 ? 'it' : 'they');
  /** @type {[number, string][]} */
  const outcomes = [
    [redriven, 'redriven'],
    [refused, `refused again, and kept with the error that ${they(refused)} got`],
    [queued, `queued: stored once the store takes ${queued === 1 ? 'it' : 'them'}`],
  ];
  const words = outcomes
    .filter(([count]) => count > 0)
    .map(([count, what], index) => `${index === 0 ? lettersOf(count) : whole(count)} ${what}`);
  return all === 0 ? 'No dead letter was left to redrive.' : `${words.join('; ')}.`;
}
