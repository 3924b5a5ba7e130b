/**
 * Who sends: a fold of three things. `GET /api/senders` tells of all who have sent since Forebay started, with
 * rates; `GET /api/sessions` of all that the store holds; and live metrics, between two askings, that somebody
 * still sends, or has begun to. Times are milliseconds since the epoch.
 *
 * Memory is bounded: `MOST` of those who sent and `MOST` of those in the store.
 *
 * @typedef {{source: string, session: string, first_time: number, last_time: number, count: number,
 *   rate_10s: number, rate_60s: number, silent: boolean}} Sender as in web/machinery.py, in nanoseconds
 * @typedef {{since: number, kept: number, limit: number, forgotten: number, senders: Sender[]}} SendersReport
 * @typedef {{session: string, source: string, first_time: number, last_time: number, count: number}} SessionSeen
 * @typedef {{key: string, source: string, session: string, since: number, seen: number, count: number,
 *   fresh: number, rate10: number | null, rate60: number | null, silent: boolean, stored: number | null,
 *   past: boolean, order: string, names: string[]}} Row `count`: since Forebay started, as it said when it was asked last;
 *   `fresh`: how many came here since then; `stored`: in the store, null where it was not asked or has none;
 *   `names`: the first `CHARTS` that came live; `past`: known from the store alone; rates are null where nobody has told them yet
 * @typedef {{senders: Map<string, Row>, past: Map<string, SessionSeen>, report: Omit<SendersReport, 'senders'> | null,
 *   overlooked: number}} Tracked `overlooked`: live metrics of new senders beyond `MOST`
 */

import { CHARTS } from './sender-link.js';

export const MOST = 10_000;
/** Characters of a source and of a session that Forebay tells apart (actors/core/senders.py). */
const LONGEST = 200;

/** @returns {Tracked} */
export const nobody = () => ({ senders: new Map(), past: new Map(), report: null, overlooked: 0 });

/** @param {string} source @param {string} session */
export const keyOf = (source, session) => `${source}\u0000${session}`;

/** @param {string} text */
const shortened = (text) => (text.length <= LONGEST ? text : [...text].slice(0, LONGEST).join(''));

/** So that worker-10 comes after worker-9, by plain comparison. @param {string} source @param {string} session */
const orderOf = (source, session) =>
  `${source}\u0000${session}`.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(16, '0'));

/**
 * After Forebay was asked who sends. Whom it does not know goes, but for who has sent here since it was asked before:
 * the answer may be older than that.
 * @param {Tracked} tracked
 * @param {SendersReport} report
 * @returns {Tracked}
 */
export function tell(tracked, { senders, ...report }) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  for (const sender of senders.slice(0, MOST)) {
    const key = keyOf(sender.source, sender.session);
    const before = tracked.senders.get(key);
    const stored = tracked.past.get(key);
    rows.set(key, {
      key,
      source: sender.source,
      session: sender.session,
      since: Math.min(sender.first_time, stored?.first_time ?? sender.first_time) / 1e6,
      // A live metric may have been quicker than the answer.
      seen: Math.max(sender.last_time / 1e6, before?.fresh ? before.seen : 0),
      count: sender.count,
      fresh: 0,
      rate10: sender.rate_10s,
      rate60: sender.rate_60s,
      silent: sender.silent,
      stored: stored?.count ?? null,
      past: false,
      order: before?.order ?? orderOf(sender.source, sender.session),
      names: before?.names ?? [],
    });
  }
  for (const [key, row] of tracked.senders) {
    if (row.fresh > 0 && !rows.has(key) && rows.size < MOST) {
      rows.set(key, { ...row, count: row.count + row.fresh, fresh: 0 });
    }
  }
  return { ...tracked, senders: rows, report, overlooked: 0 };
}

/**
 * After the store was asked which sessions it holds, the latest first.
 * @param {Tracked} tracked
 * @param {readonly SessionSeen[]} sessions
 * @returns {Tracked}
 */
export function recall(tracked, sessions) {
  const past = new Map(sessions.slice(0, MOST).map((seen) => [keyOf(seen.source, seen.session), seen]));
  const senders = new Map(
    [...tracked.senders].map(([key, row]) => {
      const seen = past.get(key);
      const since = Math.min(row.since, (seen?.first_time ?? Number.POSITIVE_INFINITY) / 1e6);
      return [key, { ...row, since, stored: seen?.count ?? null }];
    }),
  );
  return { ...tracked, senders, past };
}

/**
 * Count live metrics, which came at `now`; returns how many senders are new, or silent no more. Changes `tracked` in
 * place: ten thousand may come a second.
 * @param {Tracked} tracked
 * @param {readonly import('./frames.js').LiveMetric[]} metrics
 * @param {number} now
 */
export function count(tracked, metrics, now) {
  let news = 0;
  for (const metric of metrics) {
    const source = shortened(metric.source ?? '');
    const session = shortened(metric.session ?? '');
    const key = keyOf(source, session);
    const known = tracked.senders.get(key);
    if (known) {
      known.fresh += 1;
      known.seen = Math.max(known.seen, now);
      if (known.silent) news += 1;
      known.silent = false;
      if (known.names.length < CHARTS && !known.names.includes(metric.name)) known.names.push(metric.name);
    } else if (tracked.senders.size < MOST) {
      const row = newcomer(key, source, session, tracked.past.get(key), now);
      row.names.push(metric.name);
      news += 1;
      tracked.senders.set(key, row);
    } else tracked.overlooked += 1;
  }
  return news;
}

/** @param {string} key @param {string} source @param {string} session @param {SessionSeen | undefined} past @param {number} now @returns {Row} */
const newcomer = (key, source, session, past, now) => ({
  key,
  source,
  session,
  since: past ? past.first_time / 1e6 : now,
  seen: now,
  count: 0,
  fresh: 1,
  rate10: null,
  rate60: null,
  silent: false,
  stored: past?.count ?? null,
  past: false,
  order: orderOf(source, session),
  names: [],
});

/** @param {string} key @param {SessionSeen} seen @returns {Row} */
const pastRow = (key, seen) => ({
  key,
  source: seen.source,
  session: seen.session,
  since: seen.first_time / 1e6,
  seen: seen.last_time / 1e6,
  count: 0,
  fresh: 0,
  rate10: null,
  rate60: null,
  silent: false,
  stored: seen.count,
  past: true,
  order: orderOf(seen.source, seen.session),
  names: [],
});

/** @typedef {'all' | 'sending' | 'silent' | 'past'} Which */
/** @typedef {'name' | 'rate' | 'seen' | 'since' | 'count'} Sort */

/** @type {Record<Sort, (a: Row, b: Row) => number>} */
const ORDERS = {
  name: () => 0,
  rate: (a, b) => (b.rate10 ?? -1) - (a.rate10 ?? -1),
  seen: (a, b) => b.seen - a.seen,
  since: (a, b) => b.since - a.since,
  count: (a, b) => (b.stored ?? b.count) - (a.stored ?? a.count),
};

/**
 * The rows to show, in order: silent ones first where no other order is wanted than that of names.
 * @param {Tracked} tracked
 * @param {{which: Which, text: string, sort: Sort}} wanted `text`: words that source and session must have
 * @returns {Row[]}
 */
export function rowsOf(tracked, { which, text, sort }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (/** @type {Row} */ row) => {
    if (words.length === 0) return true;
    const name = `${row.source} ${row.session}`.toLowerCase();
    return words.every((word) => name.includes(word));
  };
  const rows = which === 'past' ? [] : [...tracked.senders.values()];
  if (which === 'past' || which === 'all') {
    for (const [key, seen] of tracked.past) if (!tracked.senders.has(key)) rows.push(pastRow(key, seen));
  }
  const byName = (/** @type {Row} */ a, /** @type {Row} */ b) =>
    Number(b.silent) - Number(a.silent) ||
    Number(a.past) - Number(b.past) ||
    (a.order < b.order ? -1 : a.order > b.order ? 1 : 0);
  const order = ORDERS[sort] ?? ORDERS.name;
  return rows
    .filter((row) => (which === 'silent' ? row.silent : which !== 'sending' || !row.silent) && fits(row))
    .sort((a, b) => order(a, b) || byName(a, b));
}

/** Milliseconds after which silence is no news any more. */
const NEWS = 3_600_000;

/**
 * How many send and are silent now; `recent` fell silent within the last hour, the latest first.
 * @param {Tracked} tracked
 * @param {number} now
 */
export function silence(tracked, now) {
  let sending = 0;
  let past = 0;
  /** @type {Row[]} */
  const recent = [];
  let old = 0;
  for (const row of tracked.senders.values()) {
    if (!row.silent) sending += 1;
    else if (now - row.seen < NEWS) recent.push(row);
    else old += 1;
  }
  for (const key of tracked.past.keys()) if (!tracked.senders.has(key)) past += 1;
  recent.sort((a, b) => b.seen - a.seen);
  return { sending, recent, old, past };
}
