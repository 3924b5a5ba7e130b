/**
 * Sets of offsets as sorted, disjoint ranges, both ends included.
 *
 * @typedef {{first: number, last: number}} Range
 */

/**
 * How many offsets `ranges` hold.
 * @param {readonly Range[]} ranges
 */
export const count = (ranges) => ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0);

/**
 * @param {readonly Range[]} ranges
 * @param {number} offset
 */
export const includes = (ranges, offset) =>
  ranges.some((range) => range.first <= offset && offset <= range.last);

/**
 * What `ranges` and `[first, last]` have in common.
 * @template {Range} R
 * @param {readonly R[]} ranges
 * @param {number} first
 * @param {number} last
 * @returns {R[]}
 */
export const within = (ranges, first, last) =>
  ranges
    .map((range) => ({ ...range, first: Math.max(range.first, first), last: Math.min(range.last, last) }))
    .filter((range) => range.first <= range.last);

/**
 * `ranges` without `[first, last]`.
 * @template {Range} R
 * @param {readonly R[]} ranges
 * @param {number} first
 * @param {number} last
 * @returns {R[]}
 */
export const without = (ranges, first, last) => [
  ...within(ranges, -Infinity, first - 1),
  ...within(ranges, last + 1, Infinity),
];
