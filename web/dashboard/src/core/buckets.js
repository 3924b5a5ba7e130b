/**
 * The live metrics of one line, folded into buckets of several lengths at once, so that each window finds what it
 * needs whenever it is opened. Each length is a ring: memory stays the same however long and fast metrics come. A
 * late metric goes where it belongs as long as its bucket is in the ring, and is dropped where it is not: by then
 * the store has it.
 *
 * @typedef {{from: number, step: number, length: number}} Grid `length` buckets of `step` from `from` on, which is a
 *   multiple of `step` (milliseconds)
 * @typedef {{min: Float64Array, max: Float64Array, sum: Float64Array, count: Float64Array}} Columns
 * @typedef {{
 *   add: (time: number, value: number, count?: number) => void,
 *   read: (grid: Grid, into: Columns) => void,
 *   reach: (step: number) => number,
 * }} Buckets `add`: with `count`, the mean of so many of one second; `read` adds what is there to `into`; `reach`:
 *   the earliest time of which a grid of `step` still has all that came
 */

const RINGS = [
  { step: 10, size: 512 },
  { step: 100, size: 1_024 },
  { step: 1_000, size: 1_024 },
  { step: 10_000, size: 512 },
  { step: 60_000, size: 720 },
];

/** @param {number} length @returns {Columns} */
export const makeColumns = (length) => ({
  min: new Float64Array(length),
  max: new Float64Array(length),
  sum: new Float64Array(length),
  count: new Float64Array(length),
});

/** @param {Columns} columns */
export function clearColumns({ min, max, sum, count }) {
  min.fill(Infinity);
  max.fill(-Infinity);
  sum.fill(0);
  count.fill(0);
}

/** @returns {Buckets} */
export function makeBuckets() {
  const rings = RINGS.map(({ step, size }) => {
    const columns = makeColumns(size);
    return { step, size, columns, bucket: new Float64Array(size).fill(-Infinity), latest: -Infinity };
  });
  const ringFor = (/** @type {number} */ step) =>
    rings.findLast((ring) => step % ring.step === 0) ?? rings[0];

  return {
    add(time, value, count) {
      for (const ring of rings) {
        // The mean of a second says nothing of a part of it.
        if (count !== undefined && ring.step < 1_000) continue;
        const bucket = Math.floor(time / ring.step);
        const at = ((bucket % ring.size) + ring.size) % ring.size;
        const { columns } = ring;
        if (ring.bucket[at] > bucket) continue;
        if (ring.bucket[at] < bucket) {
          ring.bucket[at] = bucket;
          columns.min[at] = columns.max[at] = value;
          columns.sum[at] = columns.count[at] = 0;
          if (bucket > ring.latest) ring.latest = bucket;
        }
        if (value < columns.min[at]) columns.min[at] = value;
        if (value > columns.max[at]) columns.max[at] = value;
        columns.sum[at] += value * (count ?? 1);
        columns.count[at] += count ?? 1;
      }
    },

    read({ from, step, length }, into) {
      const ring = ringFor(step);
      const { columns, size } = ring;
      const first = Math.max(Math.floor(from / ring.step), ring.latest - size + 1);
      const last = Math.min(Math.floor((from + step * length) / ring.step) - 1, ring.latest);
      for (let bucket = first; bucket <= last; bucket += 1) {
        const at = bucket % size;
        if (ring.bucket[at] !== bucket) continue;
        const slot = Math.floor((bucket * ring.step - from) / step);
        into.sum[slot] += columns.sum[at];
        into.count[slot] += columns.count[at];
        if (columns.min[at] < into.min[slot]) into.min[slot] = columns.min[at];
        if (columns.max[at] > into.max[slot]) into.max[slot] = columns.max[at];
      }
    },

    reach(step) {
      const ring = ringFor(step);
      return (ring.latest - ring.size + 1) * ring.step;
    },
  };
}
