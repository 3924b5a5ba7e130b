/**
 * What the page knows: a fold of frames. `next` is the offset after the highest seen; `holes` are the
 * offsets below it that were asked for and have not come. A metric counts if its offset is in a hole or
 * not below `next`, and only then: a frame that comes twice counts once, in whatever order frames come.
 *
 * Memory is bounded: `MAX_SERIES` series of a ring each, `HISTORY` statuses, and no more outstanding
 * offsets than `BACKFILL`; what is more than that is `skipped`, and the page says so.
 *
 * @typedef {import('./ranges.js').Range & {attempts: number,
 *   phase: 'wanted' | 'asked' | 'refused' | 'early'}} Hole `early`: not yet to be had; live frames may bring it
 * @typedef {{at: number, accepted: number, persisted: number, pending: number, dead: number, free: number}} Sample
 * @typedef {{journal: string | null, next: number | null, since: number, resumed: boolean,
 *   holes: readonly Hole[], skipped: number, counted: number,
 *   series: ReadonlyMap<string, import('./series.js').Series>, evicted: boolean,
 *   status: import('./frames.js').StatusReport | null, history: readonly Sample[]}} State
 * @typedef {{state: State, ask: import('./ranges.js').Range[],
 *   fresh: readonly import('./frames.js').LiveMetric[]}} Folded `ask`: what to have sent again; `fresh`: the
 *   metrics that count, each of which is in one Folded and no other
 */

import { count, includes, within, without } from './ranges.js';
import { keyOf, measure } from './series.js';

export const MAX_SERIES = 300;
export const HISTORY = 60;
export const BACKFILL = 20_000;
export const FIRST_LOOK = 2_000;
const MAX_ATTEMPTS = 3;
/** A server that is busy, or away, was hardly asked. */
const REFUSED_ATTEMPT = 0.1;
const QUIET = 10_000;
/** @type {Folded['fresh']} */
const NOTHING = [];

/** @type {State} */
export const EMPTY = {
  journal: null,
  next: null,
  since: 0,
  resumed: false,
  holes: [],
  skipped: 0,
  counted: 0,
  series: new Map(),
  evicted: false,
  status: null,
  history: [],
};

/**
 * The state after `frame`, which came at `now` (milliseconds), and the ranges to ask for.
 * Frames of a type not known here change nothing.
 * @param {State} state
 * @param {import('./frames.js').Frame} frame
 * @param {number} now
 * @returns {Folded}
 */
export function fold(state, frame, now) {
  switch (frame.type) {
    case 'hello':
      return request(greet(state, frame));
    case 'metrics':
      return countIn(overtake(passBy(state, frame.first_offset), frame.first_offset), frame, now);
    case 'gap':
      return request(
        miss(passBy(state, frame.first_offset), frame.first_offset, frame.last_offset, frame.reason),
      );
    case 'status':
      return request(observe(state, frame.status, now));
    default:
      return { state, ask: [], fresh: NOTHING };
  }
}

/**
 * Where to resume, and the state that remembers it: `from` is null where so much was missed that
 * following it would leave the page behind. `away` is seconds without a connection.
 * @param {State} state
 * @param {number} away
 * @returns {{state: State, from: number | null}}
 */
export function resume(state, away) {
  const missed = Math.max(0, away) * (acceptedPerSecond(state) ?? 0);
  const resumed = state.next !== null && missed < 10 * BACKFILL;
  return { state: { ...state, resumed }, from: resumed ? state.next : null };
}

/**
 * Who was asked has gone: what was asked for and has not come is asked for with the next status.
 * @param {State} state
 * @returns {State}
 */
export const unanswered = (state) =>
  state.holes.some((hole) => hole.phase === 'asked')
    ? { ...state, holes: state.holes.map((hole) => (hole.phase === 'asked' ? later(hole, 'busy') : hole)) }
    : state;

/**
 * Accepted metrics a second over the latest five seconds of statuses; null when there is nothing to tell from.
 * @param {State} state
 */
export function acceptedPerSecond({ history }) {
  const end = history.at(-1);
  const start = history.findLast((sample) => end && end.at - sample.at >= 4_500) ?? history[0];
  if (!end || !start || end.at === start.at) return null;
  return ((end.accepted - start.accepted) * 1000) / (end.at - start.at);
}

/** @param {State} state @param {import('./frames.js').Hello} hello @returns {State} */
function greet(state, hello) {
  const next = hello.next_offset;
  // A journal that is shorter than what was seen has lost what was never synced: its offsets begin anew.
  const same = state.journal === hello.journal_id && state.next !== null && state.next <= next;
  if (!same) {
    const first = Math.max(0, next - FIRST_LOOK);
    const fresh = { ...EMPTY, journal: hello.journal_id, next: first, since: next };
    return passBy(fresh, next);
  }
  const again = { ...state, holes: state.holes.map((hole) => phase(hole, 'wanted')) };
  return state.resumed ? again : passBy(again, next);
}

/** @param {State} state @param {import('./frames.js').Metrics} frame @param {number} now @returns {Folded} */
function countIn(state, frame, now) {
  const { holes, next } = state;
  const from = next ?? frame.first_offset;
  const fresh = frame.metrics.filter(
    ({ offset }) => offset >= from || (holes.length > 0 && includes(holes, offset)),
  );
  /** @type {Map<string, import('./series.js').Series>} */
  const series = new Map(state.series);
  for (const metric of fresh) {
    const key = keyOf(metric);
    series.set(key, measure(series.get(key), metric, now));
  }
  const evict = series.size > MAX_SERIES;
  const counted = {
    ...state,
    next: Math.max(from, frame.last_offset + 1),
    holes: without(holes, frame.first_offset, frame.last_offset),
    counted: state.counted + fresh.length,
    series: evict ? withoutQuietest(series, now) : series,
    evicted: state.evicted || evict,
  };
  return request(counted, fresh);
}

/**
 * The MAX_SERIES of `series` to keep: those heard of lately, in order of their first metric, then the others,
 * latest first. So a table of too many busy series stands still, and a series that fell silent makes room.
 * @param {Map<string, import('./series.js').Series>} series
 * @param {number} now
 */
function withoutQuietest(series, now) {
  const all = [...series.values()];
  const busy = all.filter((one) => now - one.seen < QUIET);
  const quiet = all.filter((one) => now - one.seen >= QUIET).sort((a, b) => b.seen - a.seen);
  return new Map([...busy, ...quiet].slice(0, MAX_SERIES).map((one) => [one.key, one]));
}

/**
 * The server is at `offset`: what lies between and was never spoken of is missed.
 * @param {State} state @param {number} offset @returns {State}
 */
const passBy = (state, offset) =>
  offset > (state.next ?? -1) ? miss(state, state.next ?? offset, offset - 1, 'slow') : state;

/**
 * The server is at `offset`: what it had not come to before it, it has now.
 * @param {State} state @param {number} offset @returns {State}
 */
const overtake = (state, offset) =>
  state.holes.some((hole) => hole.phase === 'early' && hole.last < offset)
    ? {
        ...state,
        holes: state.holes.map((hole) =>
          hole.phase === 'early' && hole.last < offset ? phase(hole, 'wanted') : hole,
        ),
      }
    : state;

/**
 * What has not been seen of `[first, last]` becomes a hole to be asked for: at once (`slow`), with the
 * next status (`busy`), when live frames pass it by (`early`), never (`retired`, `damaged`). What was asked for too often or is too much
 * is skipped.
 * @param {State} state
 * @param {number} first
 * @param {number} last
 * @param {import('./frames.js').Gap['reason']} reason
 * @returns {State}
 */
function miss(state, first, last, reason) {
  const next = state.next ?? first;
  /** @type {Hole} */
  const ahead = { first: next, last, attempts: 0, phase: 'wanted' };
  const missed = within([...state.holes, ahead], first, last);
  const rest = without(state.holes, first, last);
  const again = missed
    .filter((hole) => reason !== 'retired' && reason !== 'damaged' && hole.attempts < MAX_ATTEMPTS)
    .map((hole) => later(hole, reason));
  const kept = count(rest) + count(again) < BACKFILL ? again : [];
  // What was there before the page opened is a courtesy, not a loss.
  const own = (/** @type {Hole[]} */ holes) => count(within(holes, state.since, Infinity));
  return {
    ...state,
    next: Math.max(next, last + 1),
    holes: [...rest, ...kept],
    skipped: state.skipped + own(missed) - own(kept),
  };
}

/** @param {State} state @param {import('./frames.js').StatusReport} status @param {number} now @returns {State} */
function observe(state, status, now) {
  const sample = {
    at: now,
    accepted: status.accepted,
    persisted: status.persisted,
    pending: status.pending,
    dead: status.dead_letters.pending,
    free: status.journal.free_bytes,
  };
  const history = [...state.history, sample].slice(-HISTORY);
  const holes = state.holes.map((hole) => (hole.phase === 'refused' ? phase(hole, 'wanted') : hole));
  return { ...state, status, history, holes };
}

/** @param {State} state @param {Folded['fresh']} [fresh] @returns {Folded} */
function request(state, fresh = NOTHING) {
  const wanted = state.holes.filter((hole) => hole.phase === 'wanted');
  if (wanted.length === 0) return { state, ask: [], fresh };
  const holes = state.holes.map((hole) =>
    hole.phase === 'wanted' ? { ...phase(hole, 'asked'), attempts: hole.attempts + 1 } : hole,
  );
  return { state: { ...state, holes }, ask: wanted.map(({ first, last }) => ({ first, last })), fresh };
}

/** @param {Hole} hole @param {import('./frames.js').Gap['reason']} reason @returns {Hole} */
function later(hole, reason) {
  if (reason === 'early') return { ...hole, phase: 'early', attempts: 0 };
  if (reason !== 'busy') return phase(hole, 'wanted');
  const spared = hole.phase === 'asked' ? 1 - REFUSED_ATTEMPT : 0;
  return { ...hole, phase: 'refused', attempts: Math.max(0, hole.attempts - spared) };
}

/** @param {Hole} hole @param {Hole['phase']} value @returns {Hole} */
const phase = (hole, value) => ({ ...hole, phase: value });
