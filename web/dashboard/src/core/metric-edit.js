/**
 * A metric in a form, by the rules of contract.md: every field is text until it is sent, so that no digit is lost.
 *
 * @typedef {'name' | 'value' | 'time' | 'kind' | 'unit' | 'source' | 'session' | 'attributes'} Field
 * @typedef {Record<Field, string>} Draft `time` is '' where the metric keeps its own
 * @typedef {Partial<Record<Field | '', string>>} Faults what is wrong, by field; '' is the metric as a whole
 */

import { member, numbers, pretty } from './raw-json.js';

export const KINDS = ['gauge', 'counter', 'timer', 'histogram', 'event'];
const MAX_NAME = 255;
const MAX_ATTRIBUTES = 128;
const MAX_INT64 = 2n ** 63n - 1n;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NANOSECONDS = /^-?\d{1,19}$/;
const RFC3339 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/**
 * The draft of the metric in `json`, the text of one as the server gives it; an empty one where it is lost.
 * @param {string | null} json
 * @returns {Draft}
 */
export function draftOf(json) {
  const text = (/** @type {string} */ field, usual = '') => {
    const raw = json === null ? null : member(json, field);
    return raw === null ? usual : raw.startsWith('"') ? JSON.parse(raw) : raw;
  };
  return {
    name: text('name'),
    value: text('value'),
    time: '',
    kind: text('kind', 'gauge'),
    unit: text('unit'),
    source: text('source'),
    session: text('session'),
    attributes: pretty(text('attributes', '{}')),
  };
}

/**
 * What is wrong with `draft`; nothing, where it may be sent.
 * @param {Draft} draft
 * @returns {Faults}
 */
export function faultsOf(draft) {
  /** @type {Faults} */
  const faults = {};
  const length = [...draft.name].length;
  if (length === 0) faults.name = 'A metric needs a name.';
  else if (length > MAX_NAME)
    faults.name = `A name has at most ${MAX_NAME} characters; this one has ${length}.`;
  const value = draft.value.trim();
  if (!NUMBER.test(value)) faults.value = 'A number is needed, such as 42 or 1.5e-3.';
  else if (!Number.isFinite(Number(value)))
    faults.value = 'The number is too large: a double holds up to 1.797e308.';
  if (!KINDS.includes(draft.kind)) faults.kind = `One of ${KINDS.join(', ')}.`;
  const time = draft.time.trim();
  if (time && !RFC3339.test(time) && !isInt64(time)) {
    faults.time = 'Nanoseconds since the epoch, or a time with its zone, such as 2026-11-23T12:00:00Z.';
  }
  const attributes = attributesFault(draft.attributes);
  if (attributes) faults.attributes = attributes;
  for (const field of /** @type {const} */ (['name', 'unit', 'source', 'session', 'attributes'])) {
    if (!(/** @type {any} */ (draft[field]).isWellFormed?.()))
      faults[field] ??= 'Half a character (a lone surrogate) cannot be stored.';
  }
  return faults;
}

/** @param {string} text */
const isInt64 = (text) =>
  NANOSECONDS.test(text) && BigInt(text) <= MAX_INT64 && BigInt(text) >= -MAX_INT64 - 1n;

/** @param {string} text */
function attributesFault(text) {
  /** @type {unknown} */
  let parsed;
  try {
    parsed = JSON.parse(text.trim() || '{}');
  } catch (error) {
    return `This is no JSON: ${error instanceof Error ? error.message : error}.`;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return 'An object is needed, such as {"host": "web-1"}.';
  }
  const entries = Object.entries(parsed);
  if (entries.length > MAX_ATTRIBUTES)
    return `At most ${MAX_ATTRIBUTES} attributes; here are ${entries.length}.`;
  const wrong = entries.find(([, value]) => !['string', 'number', 'boolean'].includes(typeof value));
  if (wrong) return `“${wrong[0]}” must be a string, a number or a boolean: attributes are flat.`;
  const large = numbers(text).find((number) =>
    /^-?\d+$/.test(number) ? !isInt64(number) : !Number.isFinite(Number(number)),
  );
  return large ? `The number ${large} is too large.` : '';
}

/**
 * The JSON of the metric that `draft`, in which nothing is wrong, stands for. What is left out is as usual.
 * @param {Draft} draft
 */
export function metricJson(draft) {
  const { name, kind, unit, source, session } = draft;
  const time = draft.time.trim();
  const members = [
    ...Object.entries({ name, kind, unit, source, session })
      .filter(([field, text]) => text !== '' && !(field === 'kind' && text === 'gauge'))
      .map(([field, text]) => [field, JSON.stringify(text)]),
    ['value', JSON.stringify(Number(draft.value))],
    ...(time ? [['time', RFC3339.test(time) ? JSON.stringify(time) : String(BigInt(time))]] : []),
    ['attributes', draft.attributes.trim() || '{}'],
  ];
  return `{${members.map(([field, json]) => `"${field}":${json}`).join(',')}}`;
}

/**
 * What the server says is wrong, by field.
 * @param {Record<string, unknown>} problem an RFC 9457 one
 * @param {string} message what it says of the whole
 * @returns {Faults}
 */
export function faultsIn(problem, message) {
  const errors = /** @type {{field: string, reason: string}[]} */ (
    Array.isArray(problem.errors) ? problem.errors : []
  );
  /** @type {Faults} */
  const faults = {};
  for (const { field, reason } of errors) {
    const [head] = field.split(/[.[]/);
    const known = /** @type {Field | ''} */ (FIELDS.has(head) ? head : '');
    faults[known] ??= known || !field ? reason : `${field}: ${reason}`;
  }
  return errors.length ? faults : { '': message };
}

const FIELDS = new Set(['name', 'value', 'time', 'kind', 'unit', 'source', 'session', 'attributes']);
