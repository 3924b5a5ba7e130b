import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as core from '../../../web/dashboard/src/core/meter.js';
import { metrics } from './frames.mjs';

const { DELAYS, GRACE, NO_CLOCK, UNUSED, broke, brought, lately, latency, opened, overdue } = core;
const { timed, tripped, withControls } = core;

/** A live frame, made at `at` milliseconds. */
const live = (first, last, at = 0) => ({ ...metrics(first, last), at: at * 1e6 });

/** The meter after frames that came at their times. */
const after = (...frames) =>
  frames.reduce((meter, [frame, now]) => brought(meter, frame, now), opened(UNUSED, 0));

test('what was passed by and not brought within the grace is lost, once', () => {
  let meter = after([live(0, 9), 0], [live(15, 19), 100]);
  meter = overdue(meter, [], GRACE + 99);
  assert.equal(meter.lost, 0);
  meter = overdue(overdue(meter, [], GRACE + 100), [], 10 * GRACE);
  assert.equal(meter.lost, 5);
  assert.equal(meter.metrics, 15);
});

test('what comes late, but within the grace, is neither lost nor twice', () => {
  const meter = overdue(after([live(0, 9), 0], [live(15, 19), 100], [live(10, 14), 200]), [], 10 * GRACE);
  assert.deepEqual([meter.lost, meter.duplicates, meter.metrics], [0, 0, 20]);
});

test('what comes again is a duplicate and no metric more', () => {
  const meter = after([live(0, 9), 0], [live(5, 12), 0], [live(0, 12), 0]);
  assert.deepEqual([meter.metrics, meter.duplicates], [13, 5 + 13]);
});

test('offsets that hold control events are not lost metrics', () => {
  const controls = withControls([], { ...live(10, 14), metrics: live(10, 12).metrics });
  assert.deepEqual(controls, [13, 14]);
  assert.equal(overdue(after([live(0, 9), 0], [live(15, 19), 0]), controls, GRACE).lost, 3);
});

test('a transport that breaks owes what the page had from elsewhere before, and nothing after', () => {
  const meter = broke(after([live(0, 9), 0]), 30, [], 5_000);
  assert.equal(meter.lost, 20);
  const again = brought(opened(meter, 6_000), live(90, 99), 6_000);
  assert.deepEqual([overdue(again, [], 60_000).lost, again.reconnects], [20, 1]);
});

test('latency is free of the difference between the clocks, and compares between transports', () => {
  const skew = 3_600_000;
  let clock = tripped(tripped(NO_CLOCK, 40), 8);
  let [quick, slow] = [opened(UNUSED, 0), opened(UNUSED, 0)];
  for (let i = 0; i < 100; i += 1) {
    const made = i * 100;
    quick = brought(quick, live(i, i, made), made + skew + 4);
    slow = brought(slow, live(i, i, made), made + skew + (i === 50 ? 504 : 24));
    clock = timed(timed(clock, skew + 4, made), skew + 24, made);
  }
  assert.deepEqual(latency(quick, clock, [0.5, 0.99]), [4, 4]);
  assert.deepEqual(latency(slow, clock, [0.5, 0.99, 1]), [24, 24, 504]);
  assert.deepEqual(latency(UNUSED, clock, [0.5]), [null]);
});

test('the least delay is one of late: a clock that was set is believed after a while', () => {
  let clock = timed(NO_CLOCK, 100, 0);
  for (let now = 1_000; now < 700_000; now += 1_000) clock = timed(clock, 5_000, now);
  const meter = brought(opened(UNUSED, 0), live(0, 0, 0), 5_000);
  assert.ok(latency(meter, clock, [0.5])[0] < 10);
});

test('memory is constant, and ten minutes are what is told of late', () => {
  let meter = opened(UNUSED, 0);
  for (let i = 0; i < 3 * DELAYS; i += 1) {
    meter = overdue(brought(meter, live(i * 10, i * 10 + (i % 2 ? 4 : 9)), i * 1_000), [], i * 1_000);
  }
  assert.equal(meter.delays.length, DELAYS);
  assert.ok(meter.missing.length < 10 && meter.minutes.length <= 10);
  const { metrics: counted, lost } = lately(meter, 3 * DELAYS * 1_000);
  assert.ok(lost > 1_300 && lost < 1_600, String(lost));
  assert.ok(counted > 4_000 && counted < 4_600, String(counted));
});
