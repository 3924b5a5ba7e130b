/**
 * The lines of a chart: one a source, or one a session. A chart has at most MAX_LINES; the others are said in words.
 */

import { whole } from './format.js';

export const MAX_LINES = 12;
/** Colours that can be told apart; further lines have the same ones again, dashed. */
export const COLOURS = 8;
const UNNAMED = { source: 'no source', session: 'no session' };

const order = new Intl.Collator('en', { numeric: true });

/**
 * Which of `keys` become lines, in order.
 * @param {Iterable<string>} keys
 * @returns {string[]}
 */
export const chooseLines = (keys) => [...new Set(keys)].sort(order.compare).slice(0, MAX_LINES);

/**
 * `lines` in the order of their keys, so that a source has the same colour in charts of the same sources.
 * @template {{key: string}} L
 * @param {readonly L[]} lines
 * @returns {L[]}
 */
export const inOrder = (lines) => [...lines].sort((a, b) => order.compare(a.key, b.key));

/**
 * What a line is called.
 * @param {string} key
 * @param {'source' | 'session'} by
 */
export const labelOf = (key, by) => key || UNNAMED[by];

/**
 * How the line at `place` of its chart looks.
 * @param {number} place
 * @returns {{colour: number, dash: number[] | undefined}}
 */
export const lookOf = (place) => ({ colour: place % COLOURS, dash: place < COLOURS ? undefined : [6, 4] });

/**
 * What is said of the lines beyond MAX_LINES.
 * @param {number} more
 * @param {'source' | 'session'} by
 */
export const further = (more, by) =>
  more > 0
    ? `${whole(more)} more ${by}${more === 1 ? ' is' : 's are'} not drawn. Filter by ${by} to see ${more === 1 ? 'it' : 'one'}.`
    : '';

/**
 * The places of `mean` that stand alone: no neighbour within `gap` buckets, so that no line goes through them.
 * @param {readonly (number | null)[]} mean
 * @param {number} gap
 * @returns {number[]}
 */
export function lonely(mean, gap) {
  /** @type {number[]} */
  const found = [];
  let before = -Infinity;
  let alone = false;
  for (let at = 0; at < mean.length; at += 1) {
    if (mean[at] === null) continue;
    const joined = at - before <= gap;
    if (alone && !joined) found.push(before);
    alone = !joined;
    before = at;
  }
  if (alone) found.push(before);
  return found;
}

/**
 * Limits of an axis for values from `low` to `high`: some room, and zero where it is near. Null where there is
 * nothing to show.
 * @param {number} low
 * @param {number} high
 * @returns {[number, number] | null}
 */
export function limits(low, high) {
  if (!(low <= high)) return null;
  const room = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.1 || 1;
  if (low === 0 && high === 0) return [0, 1];
  const bottom = low >= 0 && (low - room < 0 || low < (high - low) * 0.35) ? 0 : low - room;
  const top = high <= 0 && (high + room > 0 || -high < (high - low) * 0.35) ? 0 : high + room;
  return [bottom, top];
}

/**
 * Whether each word of `text` is in the name or source.
 * @param {string} text
 * @param {string} subject
 */
export const hasWords = (text, subject) =>
  text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => subject.toLowerCase().includes(word));
