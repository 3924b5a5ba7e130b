import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeBuckets } from '../../../web/dashboard/src/core/buckets.js';
import { extend, join, makeJoined, merge } from '../../../web/dashboard/src/core/seam.js';

const T = 1_795_470_600_000;
const STEP = 1_000;

const point = (second, count, value = second) => ({
  time: T + second * 1_000,
  min: value,
  mean: value,
  max: value,
  count,
});

/** Live buckets with `count` metrics in each of `seconds`. */
function live(seconds, count = 4) {
  const buckets = makeBuckets();
  for (const second of seconds) {
    for (let i = 0; i < count; i += 1) buckets.add(T + second * 1_000 + i * 10, second);
  }
  return buckets;
}

function joined(length, past, buckets, step = STEP) {
  const into = makeJoined(length);
  join(into, { from: T, step, length }, past, buckets);
  return into;
}

test('history and live metrics meet without a hole and without a doubled point', () => {
  const past = { step: STEP, points: [0, 1, 2, 3].map((second) => point(second, 4)) };
  const { mean, count, summary } = joined(7, past, live([2, 3, 4, 5, 6]));
  assert.deepEqual(mean, [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...count], [4, 4, 4, 4, 4, 4, 4]);
  assert.equal(summary.count, 28);
});

test('of a bucket that both have in part, the one with more metrics is taken', () => {
  const past = { step: STEP, points: [point(0, 1, 10), point(1, 9, 11)] };
  const { count, mean } = joined(2, past, live([0, 1]));
  assert.deepEqual([...count], [4, 9]);
  assert.deepEqual(mean, [0, 11]);
});

test('history in finer steps is summed up, in coarser ones stands in where nothing is', () => {
  const fine = { step: 500, points: [point(0, 1, 2), { ...point(0, 3, 6), time: T + 500 }] };
  assert.deepEqual(joined(1, fine, makeBuckets()).mean, [5]);
  const coarse = { step: 4_000, points: [point(0, 100, 1), point(4, 100, 9)] };
  const { mean, count } = joined(8, coarse, live([6]));
  assert.deepEqual(mean, [null, null, 1, null, null, null, 6, null]);
  assert.deepEqual([...count], [0, 0, 100, 0, 0, 0, 4, 0], 'what is live is not hidden by a rough figure');
});

test('the summary is of the whole grid: last, least, most, mean by count', () => {
  const past = { step: STEP, points: [point(0, 1, -5), point(1, 3, 3)] };
  const { summary } = joined(4, past, live([2], 4));
  assert.deepEqual(summary, { last: 2, lastAt: T + 2_500, min: -5, max: 3, mean: 12 / 8, count: 8 });
});

test('a grid that is filled again has nothing of what it had', () => {
  const into = makeJoined(3);
  join(into, { from: T, step: STEP, length: 3 }, null, live([0, 1, 2]));
  join(into, { from: T + 60_000, step: STEP, length: 3 }, null, live([0, 1, 2]));
  assert.deepEqual(into.mean, [null, null, null]);
  assert.equal(into.summary.count, 0);
});

test('a line goes on over the usual distance of its points, whatever the step', () => {
  const every = (seconds) => ({
    step: STEP,
    points: Array.from({ length: Math.floor(60 / seconds) }, (_, i) => point(i * seconds, 1)),
  });
  assert.ok(joined(60, every(1), makeBuckets()).gap < 5);
  const slow = joined(60, every(10), makeBuckets()).gap;
  assert.ok(slow >= 10 && slow < 50);
});

test('a fetched tail takes the place of what was there, and what is too old goes', () => {
  const past = [0, 1, 2, 3, 4].map((second) => point(second, 1));
  const later = [point(2, 5), point(3, 5), point(4, 5), point(5, 5)];
  const extended = extend(past, [{ ...point(2, 1), time: T + 1_999 }, ...later], T + 2_000, T + 1_000);
  assert.deepEqual(
    extended.map(({ time, count }) => [(time - T) / 1_000, count]),
    [
      [1, 1],
      [2, 5],
      [3, 5],
      [4, 5],
      [5, 5],
    ],
  );
});

test('series that are one line are added up by their steps', () => {
  const merged = merge([
    [point(0, 1, 10), point(2, 1, 1)],
    [point(0, 3, 2), point(1, 1, 5)],
  ]);
  assert.deepEqual(merged, [{ time: T, min: 2, mean: 4, max: 10, count: 4 }, point(1, 1, 5), point(2, 1, 1)]);
});
