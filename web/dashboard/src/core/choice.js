/**
 * What a person has chosen to look at, as it stands in the address: each `name` begins a chart, and what follows it
 * (`source`, `session`, `attribute=KEY=VALUE`, `by`) says which of its metrics; `last=5m`, or `from` and `to` in
 * milliseconds since the epoch, say when.
 *
 *   #/explore?name=cpu&source=a1&attribute=gpu%3D0&name=queue.depth&by=session&last=15m
 *
 * @typedef {{name: string, source: string, session: string, attributes: readonly string[],
 *   by: 'source' | 'session'}} Chosen '' is any; `attributes` are `KEY=VALUE`
 * @typedef {{charts: readonly Chosen[], span: import('./windows.js').Span}} Choice
 */

import { fixed, readLength, USUAL, writeLength } from './windows.js';

export const MAX_CHARTS = 20;
const MAX_ATTRIBUTES = 8;
const LONGEST_NAME = 255;

/** @param {string} name @returns {Chosen} */
export const chosen = (name) => ({ name, source: '', session: '', attributes: [], by: 'source' });

/**
 * The choice that `params` name; what cannot be read is left out, and a chart that comes twice is there once.
 * @param {URLSearchParams} params
 * @param {number} now
 * @returns {Choice}
 */
export function readChoice(params, now) {
  /** @type {Chosen[]} */
  const charts = [];
  for (const [key, value] of params) {
    if (key === 'name' && value && value.length <= LONGEST_NAME) charts.push(chosen(value));
    const last = charts.at(-1);
    if (last) charts[charts.length - 1] = narrowed(last, key, value);
  }
  const different = [...new Map(charts.map((chart) => [keyOfChart(chart), chart])).values()];
  return { charts: different.slice(0, MAX_CHARTS), span: readSpan(params, now) };
}

/** @param {Chosen} chart @param {string} key @param {string} value @returns {Chosen} */
function narrowed(chart, key, value) {
  if (key === 'source') return { ...chart, source: value };
  if (key === 'session') return { ...chart, session: value };
  if (key === 'by') return { ...chart, by: value === 'session' ? 'session' : 'source' };
  if (key === 'attribute') return withAttribute(chart, value);
  return chart;
}

/**
 * `chart` of metrics that have the attribute too; an earlier value of the same key is replaced.
 * @param {Chosen} chart
 * @param {string} attribute
 * @returns {Chosen}
 */
export function withAttribute(chart, attribute) {
  const at = attribute.indexOf('=');
  if (at < 1) return chart;
  const key = attribute.slice(0, at + 1);
  const others = chart.attributes.filter((other) => !other.startsWith(key));
  return others.length < MAX_ATTRIBUTES ? { ...chart, attributes: [...others, attribute].sort() } : chart;
}

/** @param {URLSearchParams} params @param {number} now @returns {import('./windows.js').Span} */
function readSpan(params, now) {
  const from = Number(params.get('from') ?? Number.NaN);
  const to = Number(params.get('to') ?? Number.NaN);
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return fixed(from, to, now);
  const length = readLength(params.get('last'));
  return length === null ? USUAL : { kind: 'live', length };
}

/** @param {Chosen} chart @returns {[string, string][]} */
function pairs({ name, source, session, attributes, by }) {
  /** @type {[string, string][]} */
  const all = [
    ['name', name],
    ['source', source],
    ['session', session],
    ...attributes.map((attribute) => /** @type {[string, string]} */ (['attribute', attribute])),
    ['by', by === 'source' ? '' : by],
  ];
  return all.filter(([, value]) => value !== '');
}

/** @param {Chosen} chart what makes it different from others */
export const keyOfChart = (chart) => new URLSearchParams(pairs(chart)).toString();

/** @param {Choice} choice @returns {URLSearchParams} */
export function writeChoice({ charts, span }) {
  const params = new URLSearchParams(charts.flatMap(pairs));
  if (span.kind === 'fixed') {
    params.append('from', String(span.from));
    params.append('to', String(span.to));
  } else if (span.length !== USUAL.length) params.append('last', writeLength(span.length));
  return params;
}

/**
 * Whether `metric` is one that `chart` shows. An attribute that is no text is compared as JSON prints it.
 * @param {Chosen} chart
 * @param {import('./frames.js').LiveMetric} metric
 */
export function isShown(chart, metric) {
  return (
    metric.name === chart.name &&
    (chart.source === '' || (metric.source ?? '') === chart.source) &&
    (chart.session === '' || (metric.session ?? '') === chart.session) &&
    chart.attributes.every((attribute) => {
      const at = attribute.indexOf('=');
      const value = metric.attributes?.[attribute.slice(0, at)];
      return value !== undefined && String(value) === attribute.slice(at + 1);
    })
  );
}

/** @param {Chosen} chart what of its name it shows, in words; '' for all */
export function narrowing({ source, session, attributes }) {
  const parts = [source && `from ${source}`, session && `session ${session}`, ...attributes];
  return parts.filter((part) => part !== '').join(', ');
}
