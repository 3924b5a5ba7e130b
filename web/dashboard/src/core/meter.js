/**
 * What each transport brings, told apart: frames, metrics, losses, duplicates, latency. Constant in memory.
 *
 * Only live frames count, which say when they were made (`at`); what was asked for says nothing of a transport.
 * A transport's position is the offset after the last that it brought since it was opened. What it passes by
 * is `missing`, and lost if it has not brought it `GRACE` later; when it breaks, what the page had from
 * elsewhere before it broke is lost too. What it brings again below its position is a duplicate. Offsets that
 * hold control events and no metric (`controls`) do not count.
 *
 * Latency is (received − made), with the clocks' difference taken out: of all differences of late the least,
 * on any transport, is taken to be half of the shortest round trip of a small request. So the latencies of two
 * transports compare exactly, and their level is as good as that guess.
 *
 * @typedef {import('./ranges.js').Range} Range
 * @typedef {{minute: number, metrics: number, lost: number, reconnects: number}} Minute
 * @typedef {{frames: number, metrics: number, lost: number, duplicates: number, reconnects: number,
 *   opened: boolean, position: number | null, missing: readonly (Range & {at: number})[],
 *   delays: readonly number[], minutes: readonly Minute[]}} Meter `delays`: (received − made) of the latest
 *   frames in ms, the clocks' difference still in it; `minutes`: the latest ten that have something to tell
 * @typedef {{least: number, before: number, since: number, trip: number | null}} Clock `least` and `before`:
 *   the least delay in this and the previous `WINDOW`
 */

import { count, within, without } from './ranges.js';

export const GRACE = 3_000;
export const DELAYS = 1_000;
export const MINUTES = 10;
const CONTROLS = 1_000;
const MISSING = 100;
const WINDOW = 300_000;
/** Half of a round trip that nobody has measured. */
const USUAL_TRIP = 2;

/** @type {Meter} */
export const UNUSED = {
  frames: 0,
  metrics: 0,
  lost: 0,
  duplicates: 0,
  reconnects: 0,
  opened: false,
  position: null,
  missing: [],
  delays: [],
  minutes: [],
};

/** @type {Clock} */
export const NO_CLOCK = { least: Infinity, before: Infinity, since: 0, trip: null };

/**
 * The transport brought a live frame at `now`.
 * @param {Meter} meter
 * @param {import('./frames.js').Metrics} frame
 * @param {number} now
 * @returns {Meter}
 */
export function brought(meter, frame, now) {
  const { first_offset: first, last_offset: last, metrics, at = 0 } = frame;
  const position = meter.position ?? first;
  const owed = first < position ? within(meter.missing, first, last) : [];
  const again =
    first < position
      ? metrics.filter(
          ({ offset }) => offset < position && !owed.some((one) => one.first <= offset && offset <= one.last),
        ).length
      : 0;
  const missing = owed.length > 0 ? without(meter.missing, first, last) : meter.missing;
  const passed = first > position ? [...missing, { first: position, last: first - 1, at: now }] : missing;
  return tally(
    {
      ...meter,
      frames: meter.frames + 1,
      metrics: meter.metrics + metrics.length - again,
      duplicates: meter.duplicates + again,
      position: Math.max(position, last + 1),
      missing: passed,
      delays: [...meter.delays.slice(1 - DELAYS), now - at / 1e6],
    },
    now,
    { metrics: metrics.length - again },
  );
}

/**
 * The transport was opened.
 * @param {Meter} meter
 * @param {number} now
 * @returns {Meter}
 */
export function opened(meter, now) {
  const again = meter.opened ? 1 : 0;
  const next = { ...meter, opened: true, position: null, reconnects: meter.reconnects + again };
  return again ? tally(next, now, { reconnects: 1 }) : next;
}

/**
 * The transport broke; it should have brought everything below `until`.
 * @param {Meter} meter
 * @param {number | null} until
 * @param {readonly number[]} controls
 * @param {number} now
 * @returns {Meter}
 */
export function broke(meter, until, controls, now) {
  const { position, missing } = meter;
  const tail =
    position !== null && until !== null && until > position ? { first: position, last: until - 1 } : null;
  const lost = metricsIn(missing, controls) + (tail ? metricsIn([tail], controls) : 0);
  return lose({ ...meter, position: null, missing: [] }, lost, now);
}

/**
 * The transport was closed on purpose: it owes nothing any more.
 * @param {Meter} meter
 * @returns {Meter}
 */
export const closed = (meter) =>
  meter.position === null && meter.missing.length === 0 ? meter : { ...meter, position: null, missing: [] };

/**
 * Time went by: what is missing for too long is lost.
 * @param {Meter} meter
 * @param {readonly number[]} controls
 * @param {number} now
 * @returns {Meter}
 */
export function overdue(meter, controls, now) {
  const { missing } = meter;
  if (missing.length === 0) return meter;
  const late = missing.filter((one, i) => now - one.at >= GRACE || i < missing.length - MISSING);
  if (late.length === 0) return meter;
  const next = { ...meter, missing: missing.filter((one) => !late.includes(one)) };
  return lose(next, metricsIn(late, controls), now);
}

/**
 * How many of the offsets in `ranges` are metrics.
 * @param {readonly Range[]} ranges
 * @param {readonly number[]} controls
 */
const metricsIn = (ranges, controls) =>
  count(ranges) -
  controls.filter((offset) => ranges.some(({ first, last }) => first <= offset && offset <= last)).length;

/** @param {Meter} meter @param {number} lost @param {number} now */
const lose = (meter, lost, now) =>
  lost > 0 ? tally({ ...meter, lost: meter.lost + lost }, now, { lost }) : meter;

/**
 * @param {Meter} meter
 * @param {number} now
 * @param {Partial<Omit<Minute, 'minute'>>} more
 * @returns {Meter}
 */
function tally(meter, now, more) {
  const minute = Math.floor(now / 60_000);
  const end = meter.minutes.at(-1);
  const same = end?.minute === minute;
  const { metrics, lost, reconnects } = end && same ? end : { metrics: 0, lost: 0, reconnects: 0 };
  const next = {
    minute,
    metrics: metrics + (more.metrics ?? 0),
    lost: lost + (more.lost ?? 0),
    reconnects: reconnects + (more.reconnects ?? 0),
  };
  const rest = same ? meter.minutes.slice(0, -1) : meter.minutes;
  return { ...meter, minutes: [...rest, next].slice(-MINUTES) };
}

/**
 * What the latest ten minutes brought.
 * @param {Meter} meter
 * @param {number} now
 * @returns {Omit<Minute, 'minute'>}
 */
export function lately({ minutes }, now) {
  const first = Math.floor(now / 60_000) - MINUTES + 1;
  const sum = { metrics: 0, lost: 0, reconnects: 0 };
  for (const { minute, metrics, lost, reconnects } of minutes) {
    if (minute < first) continue;
    sum.metrics += metrics;
    sum.lost += lost;
    sum.reconnects += reconnects;
  }
  return sum;
}

/**
 * `controls` with the offsets of `frame` that hold no metric: sorted, each once, the latest of them.
 * @param {readonly number[]} controls
 * @param {import('./frames.js').Metrics} frame
 * @returns {readonly number[]}
 */
export function withControls(controls, { first_offset: first, last_offset: last, metrics }) {
  if (metrics.length === last - first + 1) return controls;
  const held = new Set(metrics.map(({ offset }) => offset));
  const known = new Set(controls);
  const found = [];
  for (let offset = Math.max(first, last - 2 * CONTROLS); offset <= last; offset += 1) {
    if (!held.has(offset) && !known.has(offset)) found.push(offset);
  }
  if (found.length === 0) return controls;
  return [...controls, ...found].sort((a, b) => a - b).slice(-CONTROLS);
}

/**
 * A live frame took `delay` by the two clocks.
 * @param {Clock} clock
 * @param {number} delay
 * @param {number} now
 * @returns {Clock}
 */
export function timed(clock, delay, now) {
  if (now - clock.since > WINDOW) return { ...clock, before: clock.least, least: delay, since: now };
  return delay < clock.least ? { ...clock, least: delay } : clock;
}

/**
 * A small request took `trip` milliseconds there and back; the shortest is what counts.
 * @param {Clock} clock
 * @param {number} trip
 * @returns {Clock}
 */
export const tripped = (clock, trip) =>
  clock.trip !== null && clock.trip <= trip ? clock : { ...clock, trip };

/**
 * Milliseconds in which `share` of the latest frames came; null where none did.
 * @param {Meter} meter
 * @param {Clock} clock
 * @param {readonly number[]} shares
 * @returns {(number | null)[]}
 */
export function latency({ delays }, clock, shares) {
  if (delays.length === 0) return shares.map(() => null);
  const sorted = Float64Array.from(delays).sort();
  return shares.map((share) => {
    const index = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
    return corrected(sorted[Math.max(0, index)], clock);
  });
}

/**
 * A delay without the difference of the clocks.
 * @param {number} delay
 * @param {Clock} clock
 */
export const corrected = (delay, clock) =>
  Math.max(0, delay - Math.min(clock.least, clock.before) + (clock.trip ?? 2 * USUAL_TRIP) / 2);
