import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clearColumns, makeBuckets, makeColumns } from '../../../web/dashboard/src/core/buckets.js';

const T = 1_795_470_600_000;

/** What `buckets` hold of `length` steps from `from` on: [count, min, mean, max] each, null where nothing is. */
function read(buckets, from, step, length) {
  const columns = makeColumns(length);
  clearColumns(columns);
  buckets.read({ from, step, length }, columns);
  return Array.from(columns.count, (count, i) =>
    count === 0 ? null : [count, columns.min[i], columns.sum[i] / count, columns.max[i]],
  );
}

test('metrics fall into the bucket of their time, whatever the order they come in', () => {
  const buckets = makeBuckets();
  for (const [after, value] of [
    [2_500, 7],
    [100, 1],
    [900, 3],
    [1_000, 5],
  ]) {
    buckets.add(T + after, value);
  }
  assert.deepEqual(read(buckets, T, 1_000, 4), [[2, 1, 2, 3], [1, 5, 5, 5], [1, 7, 7, 7], null]);
});

test('each step of a chart counts every metric once, from 10 ms to a day', () => {
  const buckets = makeBuckets();
  for (let i = 0; i < 400; i += 1) buckets.add(T + i * 10, i);
  for (const step of [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000, 3_600_000, 86_400_000,
  ]) {
    const from = Math.floor(T / step) * step;
    const filled = read(buckets, from, step, 420).filter(Boolean);
    assert.equal(
      filled.reduce((sum, [count]) => sum + count, 0),
      400,
      `${step}`,
    );
    assert.equal(Math.min(...filled.map((one) => one[1])), 0);
    assert.equal(Math.max(...filled.map((one) => one[3])), 399);
  }
});

test('a ring forgets what is older than it reaches, and never shows it as something new', () => {
  const buckets = makeBuckets();
  buckets.add(T, 1);
  buckets.add(T + 24 * 3_600_000, 2);
  buckets.add(T + 1, 3);
  assert.deepEqual(read(buckets, T, 1_000, 3), [null, null, null]);
  assert.deepEqual(read(buckets, T + 24 * 3_600_000, 1_000, 1), [[1, 2, 2, 2]]);
  assert.ok(buckets.reach(1_000) > T, 'and says so');
});

test('a mean of a second counts for as many metrics as it is of, in steps of seconds and more', () => {
  const buckets = makeBuckets();
  buckets.add(T + 500, 4, 9);
  buckets.add(T + 700, 14);
  assert.deepEqual(read(buckets, T, 1_000, 1), [[10, 4, 5, 14]]);
  assert.deepEqual(read(buckets, T, 500, 2), [null, [1, 14, 14, 14]]);
});
