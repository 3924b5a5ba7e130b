import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addPoint, measure, rate, ratesOf, sparkPath } from '../../../web/dashboard/src/core/series.js';
import { metric } from './frames.mjs';

/** A series of one metric at each of `seconds`, the page's clock being right. */
const at = (seconds) =>
  seconds.reduce((series, s, i) => measure(series, metric(i, { time: s * 1e9 }), s * 1000), undefined);

test('points stand in order of time whatever the order they come in', () => {
  const points = [5, 1, 3, 2, 4].reduce((some, second) => addPoint(some, second, second), []);
  assert.deepEqual(
    points.map((point) => point.second),
    [1, 2, 3, 4, 5],
  );
});

test('a point is the mean of its second', () => {
  const points = [1, 2, 6].reduce((some, value) => addPoint(some, 7, value), []);
  assert.deepEqual(points, [{ second: 7, value: 3, count: 3 }]);
});

test('a late metric does not replace the last value, and a metric of the same time does', () => {
  const first = measure(undefined, metric(5, { time: 9e9, value: 1 }), 0);
  assert.equal(measure(first, metric(2, { time: 8e9, value: 2 }), 0).value, 1);
  assert.equal(measure(first, metric(6, { time: 9e9, value: 3 }), 0).value, 3);
});

test('text of any length is cut to what can be shown', () => {
  const long = measure(undefined, metric(0, { source: 'x'.repeat(1e6), unit: 'y'.repeat(1e6) }), 0);
  assert.ok(long.source.length <= 255 && long.unit.length <= 16);
});

test('rate is per second when busy, over all points when quiet, and null when silent', () => {
  assert.equal(rate(at([1, 2, 3, 4, 5]), 5_000), 1);
  assert.equal(rate(at([0, 60, 120]), 120_000), 1 / 60);
  assert.equal(rate(at([0, 60, 120]), 290_000), 1 / 60, 'late, but within three times as long as usual');
  assert.equal(rate(at([0, 60, 120]), 310_000), null);
  assert.equal(rate(at([1, 2, 3, 4, 5]), 16_000), null);
  assert.equal(rate(at([1]), 1_000), null);
});

test('a sparkline fills its box from left to right and bottom to top', () => {
  const points = [
    { x: 0, y: 1 },
    { x: 5, y: 3 },
    { x: 10, y: 2 },
  ];
  assert.equal(sparkPath(points, 100, 24), 'M0.0 22.0L50.0 2.0L100.0 12.0');
});

test('a sparkline of nothing is empty, and a constant lies at mid-height', () => {
  assert.equal(sparkPath([], 100, 24), '');
  assert.equal(
    sparkPath(
      [
        { x: 0, y: 7 },
        { x: 1, y: 7 },
      ],
      100,
      24,
    ),
    'M0.0 12.0L100.0 12.0',
  );
  assert.equal(sparkPath([{ x: 3, y: 7 }], 100, 24), 'M94 12.0H100');
});

test('a sparkline goes from the least to the largest number there can be', () => {
  const points = [-1.7e308, 0, 1.7e308].map((y, x) => ({ x, y }));
  assert.equal(sparkPath(points, 100, 24), 'M0.0 22.0L50.0 12.0L100.0 2.0');
});

test('two looks in quick succession make no rate of their own', () => {
  const samples = [
    { at: 0, n: 0 },
    { at: 10, n: 300 },
    { at: 1_000, n: 300 },
    { at: 2_000, n: 600 },
  ];
  assert.deepEqual(
    ratesOf(samples, ({ n }) => n).map(({ y }) => y),
    [300, 300],
  );
  assert.deepEqual(
    ratesOf([], () => 0),
    [],
  );
});
