/**
 * The journal's segments as a strip, and where on it an offset stands.
 *
 * @typedef {{name: string, first_offset: number, last_offset: number, created_at: number, bytes: number,
 *   size: number, state: 'sealed' | 'active'}} Segment as in web/machinery.py
 * @typedef {{from: number, until: number, active: boolean, segments: number}} Block `from` and `until` are
 *   places on the strip, 0 to 1
 */

/** Blocks on the strip: with more segments than that, several share one. */
const MAX_BLOCKS = 96;

/**
 * Where `offset` stands between the first and the next offset, 0 to 1.
 * @param {number} offset
 * @param {number} first
 * @param {number} next
 */
export const placeOf = (offset, first, next) =>
  next > first ? Math.min(1, Math.max(0, (offset - first) / (next - first))) : 1;

/**
 * The strip: as wide as their offsets are many, oldest first. `next` is the next offset of the journal, of
 * which the status may know more than the segments do.
 * @param {readonly Segment[]} segments
 * @param {number} next
 * @returns {Block[]}
 */
export function strip(segments, next) {
  if (segments.length === 0) return [];
  const first = segments[0].first_offset;
  const end = Math.max(next, (segments.at(-1)?.last_offset ?? 0) + 1);
  const share = Math.ceil(segments.length / MAX_BLOCKS);
  /** @type {Block[]} */
  const blocks = [];
  for (let i = 0; i < segments.length; i += share) {
    const after = segments[i + share];
    blocks.push({
      from: placeOf(segments[i].first_offset, first, end),
      until: after ? placeOf(after.first_offset, first, end) : 1,
      active: !after,
      segments: Math.min(share, segments.length - i),
    });
  }
  return blocks;
}

/**
 * The segment in which `offset` is or, as the next offset, will be.
 * @param {readonly Segment[]} segments
 * @param {number} offset
 */
export const segmentOf = (segments, offset) => segments.findLast((one) => one.first_offset <= offset);

/**
 * About when `offset` was written: between the beginnings of its segment and of the next one, or `now`, as if
 * everything had come evenly. Nanoseconds; null before the first segment.
 * @param {readonly Segment[]} segments
 * @param {number} offset
 * @param {number} next the next offset of the journal
 * @param {number} now nanoseconds
 */
export function timeNear(segments, offset, next, now) {
  const at = segments.findLastIndex((one) => one.first_offset <= offset);
  if (at < 0) return null;
  const after = segments[at + 1];
  const [end, until] = after
    ? [after.first_offset, after.created_at]
    : [next, Math.max(now, segments[at].created_at)];
  const begun = segments[at].created_at;
  return begun + placeOf(offset, segments[at].first_offset, end) * (until - begun);
}

/**
 * Of `items`, the newest first, the first `most`, unless `all`.
 * @template I
 * @param {readonly I[]} items
 * @param {number} most
 * @param {boolean} all
 */
export const newest = (items, most, all) => (all ? items : items.slice(-most)).toReversed();
