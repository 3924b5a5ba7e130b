/**
 * States of the past beside the present one: what to show of both, and where to go from there.
 *
 * @typedef {{offset: number, persisted: number, dead_lettered: number, lost: number}} CursorState
 * @typedef {{position: 'closed' | 'open' | 'half-open', since: number, failures: number, error: string,
 *   probe_at: number, by: '' | 'hand'}} BreakerState
 * @typedef {{restarts: number, crashes: number, last_error: string, last_crash_at: number}} ActorState
 * @typedef {{value: boolean | string | number | null, rollout: number,
 *   overrides: Record<string, boolean | string | number>, updated_at: number, by: string}} FlagState
 * @typedef {{accepted: number, events: number, cursors: Record<string, CursorState>,
 *   actors: Record<string, ActorState>, opened_at: number, clean: boolean, retired_before: number,
 *   breakers: Record<string, BreakerState>, flags: Record<string, FlagState>, lost_metrics: number}} Folded
 *   as in journal/state.py. Points in time are nanoseconds, 0 where there is none
 * @typedef {{offset: number, time: number, journal_id: string, first_offset: number, next_offset: number,
 *   state: Folded}} Report as in web/past.py
 * @typedef {{then: string, now: string, changed: boolean, tone: string, title: string}} Cell `now` is said
 *   only where it differs
 * @typedef {{key: string, cells: Cell[]}} Row
 */

import { duration, NONE, whole } from './format.js';

/** Milliseconds in nanoseconds. */
export const MS = 1e6;

/**
 * JSON numbers hold nanoseconds of this century to about 256 of them: whoever wants the state just after what
 * was written at a time asks for so many nanoseconds later.
 */
const JUST_AFTER = 1_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});

/**
 * A time of day in the reader's own zone; with its day where that is not the one of `near`.
 * @param {number} at nanoseconds
 * @param {number} [near] milliseconds
 */
export function localTime(at, near) {
  const date = new Date(at / MS);
  const words = clock.format(date);
  return near !== undefined && new Date(near).toDateString() === date.toDateString()
    ? words
    : `${day.format(date)}, ${words}`;
}

/** @param {string} then @param {string} now @param {string} [tone] @param {string} [title] @returns {Cell} */
const cell = (then, now, tone = '', title = '') => ({ then, now, changed: then !== now, tone, title });

/**
 * A number then and now, with how many more there are.
 * @param {number | undefined} then
 * @param {number | undefined} now
 * @param {string} [tone]
 * @returns {Cell}
 */
function number(then, now, tone = '') {
  if (then === undefined || now === undefined) {
    return cell(then === undefined ? NONE : whole(then), now === undefined ? 'gone' : whole(now), tone);
  }
  const more = now - then;
  return cell(
    whole(then),
    more === 0 ? whole(now) : `${whole(now)} (${more > 0 ? '+' : '−'}${whole(Math.abs(more))})`,
    tone,
  );
}

/** @param {Folded} state @param {CursorState | undefined} cursor */
const lagOf = (state, cursor) =>
  cursor && Math.max(0, state.accepted - cursor.persisted - cursor.dead_lettered - cursor.lost);

/**
 * The tiles at the top. Stored and dead letters are those of the first store, waiting is what the store that is
 * furthest behind waits for.
 * @param {Folded} then
 * @param {Folded} now
 * @returns {(Cell & {label: string, note: string})[]}
 */
export function figures(then, now) {
  const first = Object.keys(now.cursors)[0] ?? Object.keys(then.cursors)[0];
  const [a, b] = [then.cursors[first ?? ''], now.cursors[first ?? '']];
  const [late, later] = [furthest(then), furthest(now)];
  const dead = a?.dead_lettered ?? 0;
  return [
    { label: 'Accepted', note: 'since the journal began', ...number(then.accepted, now.accepted) },
    {
      label: 'Stored',
      note: first ? `in ${first}, as noted` : 'in no store',
      ...number(a?.persisted ?? 0, b?.persisted ?? 0),
    },
    {
      label: 'Waiting',
      note: late.name ? `for ${late.name}` : 'for no store',
      ...number(late.lag, later.lag),
    },
    {
      label: 'Dead letters',
      note: 'not stored for what is in them',
      ...number(dead, b?.dead_lettered ?? 0, dead > 0 ? 'busy' : ''),
    },
  ];
}

/** The store that has most to come. @param {Folded} state */
const furthest = (state) =>
  Object.entries(state.cursors)
    .map(([name, cursor]) => ({ name, lag: lagOf(state, cursor) ?? 0 }))
    .reduce((most, one) => (one.lag > most.lag ? one : most), {
      name: '',
      // Before a cursor is noted nothing is known to be stored.
      lag: Object.keys(state.cursors).length > 0 ? 0 : state.accepted,
    });

/** @param {Record<string, unknown>} then @param {Record<string, unknown>} now */
const names = (then, now) => [...new Set([...Object.keys(then), ...Object.keys(now)])].sort();

export const STORE_COLUMNS = ['Store', 'Cursor', 'Waiting', 'Stored', 'Dead letters', 'Breaker', 'Since'];

/**
 * Each store that there was or is.
 * @param {Folded} then
 * @param {Folded} now
 * @param {number} near milliseconds: times of that day are said without it
 * @returns {Row[]}
 */
export function stores(then, now, near) {
  const known = names({ ...then.cursors, ...then.breakers }, { ...now.cursors, ...now.breakers });
  return known.map((name) => {
    const [a, b] = [then.cursors[name], now.cursors[name]];
    const [was, is] = [then.breakers[name], now.breakers[name]];
    const tone = { closed: 'good', 'half-open': 'busy', open: 'bad' }[was?.position ?? 'closed'];
    return {
      key: name,
      cells: [
        number(a?.offset, b?.offset),
        number(lagOf(then, a), lagOf(now, b)),
        number(a?.persisted, b?.persisted),
        number(a?.dead_lettered, b?.dead_lettered, a?.dead_lettered ? 'busy' : ''),
        cell(breaker(was), breaker(is), tone, was?.error),
        since(was?.since, is?.since, near),
      ],
    };
  });
}

/** @param {BreakerState | undefined} state */
const breaker = (state) =>
  state?.by === 'hand' && state.position === 'open' ? 'open by hand' : (state?.position ?? 'closed');

/** @param {number | undefined} then @param {number | undefined} now @param {number} near */
const since = (then, now, near) =>
  cell(then ? localTime(then, near) : NONE, now ? localTime(now, near) : NONE);

export const ACTOR_COLUMNS = ['Actor', 'Crashes', 'Restarts', 'Last crash', 'Error'];

/**
 * Each actor that had crashed then or has by now.
 * @param {Folded} then
 * @param {Folded} now
 * @param {number} near milliseconds: times of that day are said without it
 * @returns {Row[]}
 */
export const actors = (then, now, near) =>
  names(then.actors, now.actors).map((path) => {
    const [a, b] = [then.actors[path], now.actors[path]];
    return {
      key: path,
      cells: [
        number(a?.crashes ?? 0, b?.crashes ?? 0, a?.crashes ? 'busy' : ''),
        number(a?.restarts ?? 0, b?.restarts ?? 0),
        since(a?.last_crash_at, b?.last_crash_at, near),
        cell(a?.last_error || NONE, b?.last_error || NONE, '', a?.last_error),
      ],
    };
  });

export const FLAG_COLUMNS = ['Flag', 'Value', 'Given to', 'Own values', 'Changed'];

/**
 * Each flag of which something was decided then or is now.
 * @param {Folded} then
 * @param {Folded} now
 * @param {number} near milliseconds: times of that day are said without it
 * @returns {Row[]}
 */
export const flags = (then, now, near) =>
  names(then.flags, now.flags).map((name) => {
    const [a, b] = [then.flags[name], now.flags[name]];
    const own = (/** @type {FlagState | undefined} */ flag) => Object.keys(flag?.overrides ?? {}).length;
    return {
      key: name,
      cells: [
        cell(givenBy(a), givenBy(b)),
        cell(shareOf(a), shareOf(b)),
        number(own(a), own(b)),
        since(a?.updated_at, b?.updated_at, near),
      ],
    };
  });

/** @param {FlagState | undefined} flag */
const givenBy = (flag) => (flag?.value === null || flag === undefined ? 'default' : String(flag.value));

/** @param {FlagState | undefined} flag */
const shareOf = (flag) => (flag?.value === null || flag === undefined ? NONE : `${flag.rollout} %`);

/**
 * @typedef {'breaker' | 'crash' | 'flag' | 'start'} Kind
 * @typedef {{kind: Kind, what: string, at: number}} Moment `at` is nanoseconds
 */

/** @type {readonly {kind: Kind, label: string, none: string}[]} */
export const KINDS = [
  { kind: 'breaker', label: 'Breaker moved', none: 'none had moved' },
  { kind: 'crash', label: 'Last crash', none: 'none had crashed' },
  { kind: 'flag', label: 'Flag changed', none: 'none had been changed' },
  { kind: 'start', label: 'Forebay started', none: 'not known' },
];

/**
 * The last moment of a kind that `state` knows of.
 * @param {Folded} state
 * @param {Kind} kind
 * @returns {Moment | null}
 */
export function lastMoment(state, kind) {
  /** @type {[string, number][]} */
  const found =
    kind === 'breaker'
      ? Object.entries(state.breakers).map(([name, one]) => [`${name} ${breaker(one)}`, one.since])
      : kind === 'crash'
        ? Object.entries(state.actors).map(([path, one]) => [path, one.last_crash_at])
        : kind === 'flag'
          ? Object.entries(state.flags).map(([name, one]) => [name, one.updated_at])
          : [['', state.opened_at]];
  const last = found.reduce(
    (best, one) => (one[1] > best[1] ? one : best),
    /** @type {[string, number]} */ (['', 0]),
  );
  return last[1] > 0 ? { kind, what: last[0], at: last[1] } : null;
}

/**
 * Whether `report` is the state just after `at`: whoever asks for the last moment there wants the one before.
 * @param {Report} report
 * @param {number} at nanoseconds
 */
export const isAt = (report, at) => Math.abs(report.time - at) <= 2 * JUST_AFTER;

/**
 * As `GET /api/state` wants a time: just after `at`.
 * @param {number} at nanoseconds
 */
export const justAfter = (at) => BigInt(Math.round(at + JUST_AFTER)).toString();

/**
 * As `GET /api/state` wants a time: just before `at`.
 * @param {number} at nanoseconds
 */
export const justBefore = (at) => BigInt(Math.round(at - JUST_AFTER)).toString();

/**
 * Where the view stands, in words.
 * @param {{offset: number, next: number, at: number | null, exact: boolean, live: boolean, playing: boolean}} point
 *   `at` is nanoseconds, null where it is not known
 * @param {number} now milliseconds
 * @returns {{when: string, where: string, badge: string, aloud: string}}
 */
export function headline({ offset, next, at, exact, live, playing }, now) {
  const of = `offset ${whole(offset)} of ${whole(next)}`;
  const when = at === null ? '…' : `${exact ? '' : 'about '}${localTime(at)}`;
  const past = live || at === null ? '' : ` · ${duration(Math.max(0, now - at / MS) / 1000)} ago`;
  return {
    when,
    where: of + past,
    badge: live ? 'live' : playing ? 'playing' : 'the past',
    aloud: live ? `now, ${of}` : `${of}, ${when}`,
  };
}

/**
 * From when on the past is kept, in words.
 * @param {number | undefined} begun when the oldest segment was begun, nanoseconds
 * @param {number} first the first offset that is kept
 * @param {number} now milliseconds
 */
export function keptSince(begun, first, now) {
  if (!begun) return '';
  const time = localTime(begun, now);
  return first > 0
    ? `kept since ${time}, offset ${whole(first)}; older segments are retired`
    : `begun ${time}`;
}
