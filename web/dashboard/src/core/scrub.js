/** Where keys and what a person types take the slider of the past. Points in time are nanoseconds. */

/** Milliseconds in nanoseconds. */
const MS = 1e6;

/**
 * Where a key takes the slider; null where it takes it nowhere. With `far` an arrow goes a hundred steps.
 * @param {string} key
 * @param {boolean} far
 * @param {number} offset
 * @param {number} low
 * @param {number} high
 */
export function keyed(key, far, offset, low, high) {
  const page = Math.max(1, Math.round((high - low) / 20));
  const steps = /** @type {Record<string, number>} */ ({
    ArrowLeft: far ? -100 : -1,
    ArrowDown: far ? -100 : -1,
    ArrowRight: far ? 100 : 1,
    ArrowUp: far ? 100 : 1,
    PageDown: -page,
    PageUp: page,
    Home: -Infinity,
    End: Infinity,
  })[key];
  return steps === undefined ? null : Math.min(high, Math.max(low, offset + steps));
}

/**
 * The offset in an address or typed by a person, who may group its digits; null where it is none.
 * @param {string | null} text
 */
export function parseOffset(text) {
  const digits = (text ?? '').replace(/[\s,._'’\u00a0\u202f]/g, '');
  if (!/^\d{1,16}$/.test(digits)) return null;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : null;
}

/**
 * A `datetime-local` value as nanoseconds, in the reader's zone; null where it is none.
 * @param {string} text
 */
export function parseLocal(text) {
  const at = new Date(text).getTime();
  return text === '' || Number.isNaN(at) ? null : at * MS;
}

/**
 * The value of a `datetime-local` input for `at`, in the reader's zone.
 * @param {number} at nanoseconds
 */
export function toLocal(at) {
  const date = new Date(at / MS);
  const two = (/** @type {number} */ part) => String(part).padStart(2, '0');
  const ymd = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${ymd}T${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}
