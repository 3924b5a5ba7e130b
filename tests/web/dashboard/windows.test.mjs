import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ahead,
  fixed,
  LONGEST,
  lengthOf,
  pan,
  rangeOf,
  readLength,
  SHORTEST,
  stepFor,
  WINDOWS,
  writeLength,
  zoom,
} from '../../../web/dashboard/src/core/windows.js';

const NOW = 1_795_470_600_000;
const live = (length) => ({ kind: 'live', length });

test('every window has steps enough to show a form, and no more than fit', () => {
  for (const { length, label } of WINDOWS) {
    for (const pixels of [250, 600, 1_200, 3_000]) {
      const steps = length / stepFor(length, pixels);
      assert.ok(steps <= Math.max(20, pixels / 2) && steps <= 600, `${label} on ${pixels}: ${steps}`);
      assert.ok(steps >= Math.min(600, pixels / 2, length / 10) / 5, `${label} on ${pixels}: ${steps}`);
    }
  }
});

test('zooming in on a fixed span keeps what the pointer is on', () => {
  const span = fixed(NOW - 100_000, NOW - 50_000, NOW);
  const { from, to } = rangeOf(zoom(span, 0.5, NOW, 0.2), NOW);
  assert.equal(to - from, 25_000);
  assert.equal(from + 0.2 * (to - from), NOW - 100_000 + 0.2 * 50_000);
});

test('zooming what is live goes from window to window and stays live', () => {
  assert.deepEqual(zoom(live(300_000), 0.5, NOW), live(60_000));
  assert.deepEqual(zoom(live(300_000), 2, NOW), live(900_000));
  assert.deepEqual(zoom(live(1_000), 0.5, NOW), live(1_000));
});

test('moving back leaves live, moving on to now comes back to it', () => {
  const back = pan(live(60_000), -0.5, NOW);
  assert.deepEqual(back, { kind: 'fixed', from: NOW - 90_000, to: NOW - 30_000 });
  assert.deepEqual(pan(back, 0.25, NOW), { kind: 'fixed', from: NOW - 75_000, to: NOW - 15_000 });
  assert.deepEqual(pan(back, 0.5, NOW), live(60_000));
  assert.deepEqual(pan(live(60_000), 1, NOW), live(60_000));
});

test('no span is too short, too long, or ahead of now', () => {
  assert.equal(lengthOf(fixed(NOW - 10, NOW - 9, NOW)), SHORTEST);
  assert.equal(lengthOf(fixed(0, NOW, NOW)), LONGEST);
  assert.equal(rangeOf(fixed(NOW - 1_000, NOW + 9_000, NOW), NOW).to, NOW);
  assert.equal(lengthOf(zoom(fixed(NOW - LONGEST, NOW, NOW), 4, NOW)), LONGEST);
});

test('lengths read as they are written', () => {
  for (const { length } of WINDOWS) assert.equal(readLength(writeLength(length)), length);
  assert.equal(writeLength(300_000), '5m');
  assert.equal(readLength(writeLength(1_500)), 1_500);
  for (const text of [null, '', '5', 'm', '1y', '1ms', '-5m']) assert.equal(readLength(text), null);
});

test('a clock that is wrong by seconds is set right, a slow network is no wrong clock', () => {
  assert.equal(ahead({ least: 30_000, before: Infinity }), 30_000);
  assert.equal(ahead({ least: Infinity, before: -45_000.4 }), -45_000);
  assert.equal(ahead({ least: 400, before: 900 }), 0);
  assert.equal(ahead({ least: Infinity, before: Infinity }), 0);
});
