/** What a chart says in words: to who cannot see it, and where there is nothing to see. */

import { ago, whole } from './format.js';
import { withUnit } from './units.js';

/** @typedef {import('./seam.js').Joined} Joined */

/** Whether none of `lines` has anything. @param {readonly {joined: Joined}[]} lines */
export const isEmpty = (lines) => lines.every(({ joined }) => joined.summary.count === 0);

/**
 * Why a chart is empty.
 * @param {string} between its two ends
 * @param {number | null} since how long ago its last metric was (ms), where that is not between them
 * @param {boolean} unknown nobody has sent such a metric yet
 */
export function sentence(between, since, unknown) {
  if (unknown) return 'No metric of this name has been stored yet. The first one appears here by itself.';
  const none = `No data between ${between}.`;
  if (since === null) return none;
  return since < 2_000 ? `${none} The last one came just now.` : `${none} The last one came ${ago(since)}.`;
}

/** @param {string} label @param {Joined} joined @param {string} unit */
export function sentenceOf(label, joined, unit) {
  const { count, last, min, max } = joined.summary;
  if (count === 0) return `${label}: no data.`;
  const values = [last, min, max].map((value) => withUnit(value, unit));
  return `${label}: last ${values[0]}, from ${values[1]} to ${values[2]}, ${whole(count)} metrics.`;
}

/** @param {string} label @param {Joined} joined @param {number} at a bucket @param {string} unit */
export const sentenceAt = (label, joined, at, unit) => `${label} ${withUnit(joined.mean[at] ?? null, unit)}`;
