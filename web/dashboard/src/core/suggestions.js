/** What the picker of metrics suggests: names, and, once something is typed, single sources of them. */

import { compact } from './format.js';
import { hasWords } from './lines.js';

/**
 * @typedef {{name: string, unit: string, count: number, sources: readonly string[]}} Known
 * @typedef {{name: string, source: string, label: string, note: string}} Suggestion `source` '' is any
 */

const MOST = 40;

/**
 * What fits `text`, names before sources: the busiest first while nothing is typed, else in order.
 * @param {readonly Known[]} stored
 * @param {Iterable<{name: string, source: string, unit: string}>} live what comes now, stored or not
 * @param {string} text
 * @returns {Suggestion[]}
 */
export function suggestions(stored, live, text) {
  const names = [...stored, ...notStored(stored, live)].sort((a, b) =>
    text ? a.name.localeCompare(b.name) : b.count - a.count,
  );
  const whole = names
    .filter(({ name, sources }) => hasWords(text, sources.length === 1 ? `${name} ${sources[0]}` : name))
    .map(({ name, count, unit }) => ({
      name,
      source: '',
      label: name,
      note: [unit, count > 0 ? compact(count) : 'live'].filter((part) => part !== '').join(' · '),
    }));
  if (!text) return whole.slice(0, MOST);
  const parts = names.flatMap(({ name, sources }) =>
    sources
      .filter((source) => source && sources.length > 1 && hasWords(text, `${name} ${source}`))
      .map((source) => ({ name, source, label: `${name} from ${source}`, note: '' })),
  );
  return [...whole, ...parts].slice(0, MOST);
}

/** @param {readonly Known[]} stored @param {Iterable<{name: string, source: string, unit: string}>} live @returns {Known[]} */
function notStored(stored, live) {
  const known = new Set(stored.map(({ name }) => name));
  /** @type {Map<string, Known>} */
  const fresh = new Map();
  for (const { name, source, unit } of live) {
    if (known.has(name)) continue;
    const sources = [...(fresh.get(name)?.sources ?? []), source];
    fresh.set(name, { name, unit, count: 0, sources });
  }
  return [...fresh.values()];
}
