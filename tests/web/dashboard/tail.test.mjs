import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LAG, pause, wanted } from '../../../web/dashboard/src/core/tail.js';

const NOW = 1_795_470_600_000;
const MINUTE = 60_000;
const live = (now) => ({ from: now - 5 * MINUTE, to: now });
/** What is known after `want` was fetched at `now`. */
const after = (fetched, want, now) => ({
  from: want.whole ? want.from : fetched.from,
  known: Math.min(want.to, now - LAG),
  step: want.step,
});

test('at first, and with another step, all that is shown is fetched and some to each side', () => {
  const want = wanted(null, live(NOW), 1_000, NOW, NOW);
  assert.deepEqual(want, { from: NOW - 7.5 * MINUTE, to: NOW, step: 1_000, whole: true });
  const other = wanted({ from: 0, known: NOW, step: 2_000 }, live(NOW), 1_000, NOW, NOW);
  assert.equal(other?.whole, true);
});

test('the tail is fetched until the history reaches where live metrics are whole, and then no more', () => {
  let fetched = null;
  let fetches = 0;
  for (let now = NOW; now < NOW + 60_000; now += 500) {
    const want = wanted(fetched, live(now), 1_000, NOW + 300, now);
    if (!want) continue;
    fetches += 1;
    if (fetched) assert.ok(want.from <= fetched.known, 'nothing is left out between');
    fetched = after(fetched, want, now);
  }
  assert.ok(fetched && fetched.known >= NOW + 1_000, 'the bucket in which the page began is whole');
  assert.ok(fetches < 10);
});

test('after live metrics were missed, the history is fetched from where it ended', () => {
  const fetched = { from: NOW - 10 * MINUTE, known: NOW - MINUTE, step: 1_000 };
  assert.equal(wanted(fetched, live(NOW), 1_000, NOW - 2 * MINUTE, NOW), null);
  const want = wanted(fetched, live(NOW), 1_000, NOW - 1_500, NOW);
  assert.ok(want && !want.whole && want.from <= fetched.known && want.to >= NOW - 1_500);
});

test('what live metrics have in full is not asked for again', () => {
  const fetched = { from: NOW - 90 * MINUTE, known: NOW - 80 * MINUTE, step: 1_000 };
  assert.equal(wanted(fetched, live(NOW), 1_000, NOW - 6 * MINUTE, NOW), null);
});

test('a small move back is there already, a large one is fetched, and so is one far ahead', () => {
  const fetched = { from: NOW - 20 * MINUTE, known: NOW - 8 * MINUTE, step: 1_000 };
  const at = (ago) => ({ from: NOW - (ago + 5) * MINUTE, to: NOW - ago * MINUTE });
  assert.equal(wanted(fetched, at(10), 1_000, NOW, NOW), null);
  assert.equal(wanted(fetched, at(30), 1_000, NOW, NOW)?.whole, true);
  assert.equal(wanted(fetched, at(1), 1_000, NOW, NOW)?.whole, true);
  assert.equal(wanted(fetched, at(6), 1_000, NOW, NOW)?.whole, false);
});

test('who is refused asks less and less often, up to twice a minute', () => {
  assert.ok(pause(1_000, 2) > pause(1_000, 1));
  assert.equal(pause(1_000, 50), 30_000);
  assert.ok(pause(1_000, 0) <= 2_000 && pause(7_200_000, 0) <= 15_000);
});
