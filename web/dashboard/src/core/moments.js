/**
 * Times as charts say them, in the reader's own time zone and way of writing. `language` and `zone` are for tests.
 * @typedef {{language?: string, zone?: string}} Reader
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Intl.DateTimeFormatOptions} options @param {Reader} reader */
function formatOf(options, { language, zone }) {
  const key = JSON.stringify([options, language, zone]);
  const format = formats.get(key) ?? new Intl.DateTimeFormat(language, { ...options, timeZone: zone });
  formats.set(key, format);
  return format;
}

/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: '2-digit', minute: '2-digit' };
/** @type {Intl.DateTimeFormatOptions} */
const CALENDAR = { day: 'numeric', month: 'short' };

/**
 * Labels of an axis of time at `times`, `increment` apart: the clock, with the day where a new one begins.
 * @param {readonly number[]} times
 * @param {number} increment
 * @param {Reader} [reader]
 */
export function axisTimes(times, increment, reader = {}) {
  const day = formatOf(CALENDAR, reader);
  const clock = formatOf(
    increment >= MINUTE ? CLOCK : { ...CLOCK, second: '2-digit', ...fraction(increment) },
    reader,
  );
  let before = '';
  return times.map((time) => {
    const today = day.format(time);
    const first = before !== '' && before !== today;
    before = today;
    return increment >= DAY || (first && increment >= MINUTE) ? today : clock.format(time);
  });
}

/** @param {number} increment @returns {Intl.DateTimeFormatOptions} */
function fraction(increment) {
  if (increment >= SECOND) return {};
  return { fractionalSecondDigits: increment >= 100 ? 1 : increment >= 10 ? 2 : 3 };
}

/**
 * One moment, as exact as `step` asks for.
 * @param {number} time
 * @param {number} step
 * @param {Reader} [reader]
 */
export const moment = (time, step, reader = {}) =>
  formatOf(
    { ...CALENDAR, ...CLOCK, ...(step >= MINUTE ? {} : { second: '2-digit', ...fraction(step) }) },
    reader,
  ).format(time);

/**
 * One moment as short as it can be said: without the day where `step` is that of a day or less.
 * @param {number} time
 * @param {number} step
 * @param {Reader} [reader]
 */
export const brief = (time, step, reader = {}) =>
  step >= MINUTE
    ? moment(time, step, reader)
    : formatOf({ ...CLOCK, second: '2-digit', ...fraction(step) }, reader).format(time);

/**
 * A stretch of time, the day said once where it is one day.
 * @param {number} from
 * @param {number} to
 * @param {Reader} [reader]
 */
export function stretch(from, to, reader = {}) {
  const day = formatOf({ ...CALENDAR, year: 'numeric' }, reader);
  const exact = exactness(to - from);
  const clock = formatOf(
    exact >= MINUTE ? CLOCK : { ...CLOCK, second: '2-digit', ...fraction(exact) },
    reader,
  );
  const [first, last] = [day.format(from), day.format(to)];
  return first === last
    ? `${first}, ${clock.format(from)} – ${clock.format(to)}`
    : `${first}, ${clock.format(from)} – ${last}, ${clock.format(to)}`;
}

/**
 * The two ends of a stretch of time, each said in full.
 * @param {number} from
 * @param {number} to
 * @param {Reader} [reader]
 */
export const ends = (from, to, reader = {}) =>
  [from, to].map((time) => moment(time, exactness(to - from), reader)).join(' and ');

/** @param {number} length the milliseconds that its ends are said to */
const exactness = (length) => (length < 2 * SECOND ? 10 : length < 10 * MINUTE ? SECOND : MINUTE);
