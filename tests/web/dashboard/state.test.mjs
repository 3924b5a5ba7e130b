import assert from 'node:assert/strict';
import { test } from 'node:test';

import { POINTS } from '../../../web/dashboard/src/core/series.js';
import * as core from '../../../web/dashboard/src/core/state.js';
import { gap, hello, metrics, status } from './frames.mjs';

const { BACKFILL, EMPTY, FIRST_LOOK, HISTORY, MAX_SERIES, acceptedPerSecond, fold, resume } = core;

/** The state and everything asked for after `frames`. */
function run(frames, state = EMPTY) {
  const asked = [];
  for (const frame of frames) {
    const folded = fold(state, frame, 0);
    state = folded.state;
    asked.push(...folded.ask.map(({ first, last }) => [first, last]));
  }
  return { state, asked };
}

/** Numbers in [0, 1) that are the same in every run. */
function* chances(seed) {
  for (;;) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    yield seed / 2147483648;
  }
}

test('a frame that comes twice counts once', () => {
  const { state } = run([hello(0), metrics(0, 9), metrics(0, 9), metrics(5, 12)]);
  assert.equal(state.counted, 13);
  assert.equal(
    state.series.get('load\0').points.reduce((sum, point) => sum + point.count, 0),
    13,
  );
});

test('fold changes nothing that it was given', () => {
  const freeze = (value) => {
    if (value && typeof value === 'object') Object.values(Object.freeze(value)).forEach(freeze);
    if (value instanceof Map) value.forEach(freeze);
    return value;
  };
  let state = freeze(structuredClone(EMPTY));
  for (const frame of [hello(5), metrics(5, 9), metrics(7, 12), gap(13, 20), metrics(15, 21), status()]) {
    const before = structuredClone(state);
    const folded = fold(state, frame, 0);
    assert.deepEqual(state, before);
    state = freeze(folded.state);
  }
});

test('a first page asks for what was there just before it, and no further back than the journal goes', () => {
  assert.deepEqual(run([hello(10_000)]).asked, [[10_000 - FIRST_LOOK, 9_999]]);
  assert.deepEqual(run([hello(4)]).asked, [[0, 3]]);
  assert.deepEqual(run([hello(0)]).asked, []);
});

test('a small gap is asked for at once, and filled by the answer', () => {
  const first = run([hello(0), metrics(0, 9), gap(10, 19), metrics(20, 29)]);
  assert.deepEqual(first.asked, [[10, 19]]);
  assert.equal(first.state.counted, 20);
  const then = run([metrics(10, 14), metrics(15, 19), metrics(15, 19)], first.state);
  assert.deepEqual(then.asked, []);
  assert.equal(then.state.counted, 30);
  assert.deepEqual(then.state.holes, []);
  assert.equal(then.state.skipped, 0);
});

test('a gap that no frame speaks of is found from the offsets', () => {
  const { state, asked } = run([hello(0), metrics(0, 9), metrics(12, 19)]);
  assert.deepEqual(asked, [[10, 11]]);
  assert.equal(state.next, 20);
});

test('a gap of BACKFILL or more is skipped and counted, one less is asked for', () => {
  const large = run([hello(0), gap(0, BACKFILL - 1)]);
  assert.deepEqual(large.asked, []);
  assert.equal(large.state.skipped, BACKFILL);
  const small = run([hello(0), gap(0, BACKFILL - 2)]);
  assert.deepEqual(small.asked, [[0, BACKFILL - 2]]);
  assert.equal(small.state.skipped, 0);
});

test('what is outstanding together stays below BACKFILL', () => {
  const gaps = Array.from({ length: 10 }, (_, i) => gap(i * 5_000, i * 5_000 + 4_999));
  const { state, asked } = run([hello(0), ...gaps]);
  assert.equal(asked.length, 3);
  assert.equal(state.skipped, 35_000);
});

test('the retired and the damaged are skipped for good; what was there before the page opened is no loss', () => {
  const { state, asked } = run([hello(100), metrics(100, 109), gap(110, 119)]);
  assert.deepEqual(asked, [
    [0, 99],
    [110, 119],
  ]);
  const after = run([gap(0, 99, 'retired'), gap(110, 119, 'damaged'), metrics(110, 119)], state);
  assert.deepEqual(after.asked, []);
  assert.equal(after.state.skipped, 10);
  assert.equal(after.state.counted, 10, 'neither a hole nor new: not counted');
});

test('a busy server is asked again with each status, and given up after many', () => {
  let { state, asked } = run([hello(0), gap(0, 9)]);
  for (let i = 0; i < 40; i += 1) {
    const refused = run([gap(0, 9, 'busy')], state);
    assert.deepEqual(refused.asked, []);
    const next = run([status()], refused.state);
    asked = [...asked, ...next.asked];
    state = next.state;
  }
  assert.ok(asked.length >= 15 && asked.length <= 25, String(asked.length));
  assert.equal(state.skipped, 10);
});

test('what the server has not come to is asked for once live frames pass it by, and no sooner', () => {
  let { state, asked } = run([hello(0), metrics(0, 9), gap(10, 19), gap(10, 19, 'early'), status()]);
  assert.deepEqual(asked, [[10, 19]]);
  ({ state, asked } = run([metrics(15, 19)], state));
  assert.deepEqual([asked, state.counted], [[], 15]);
  ({ state, asked } = run([metrics(20, 24)], state));
  assert.deepEqual([asked, state.skipped], [[[10, 14]], 0]);
});

test('what was asked for and passed by again is asked for three times in all', () => {
  let { state, asked } = run([hello(0), gap(0, 9)]);
  for (let i = 0; i < 4; i += 1) {
    const next = run([gap(0, 9)], state);
    asked = [...asked, ...next.asked];
    state = next.state;
  }
  assert.equal(asked.length, 3);
  assert.equal(state.skipped, 10);
});

test('in whatever order and however often frames come, every offset counts once', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const chance = chances(seed);
    const random = (limit) => Math.floor(chance.next().value * limit);
    const end = 50 + random(400);
    let state = run([hello(0)]).state;
    const queue = [];
    for (let offset = 0; offset < end; ) {
      const last = Math.min(end - 1, offset + random(20));
      const fate = random(4);
      if (fate === 0) queue.push(gap(offset, last));
      else if (fate > 1) queue.push(metrics(offset, last));
      if (fate === 3) queue.push(metrics(Math.max(0, offset - random(30)), last));
      offset = last + 1;
    }
    queue.push(metrics(end, end));
    while (queue.length > 0) {
      const folded = fold(state, queue.shift(), 0);
      state = folded.state;
      // Answers are sent in pieces, late, in any order among themselves, and now and then twice.
      for (const { first, last } of folded.ask) {
        const middle = first + random(last - first + 1);
        const pieces = [metrics(first, middle)];
        if (middle < last) pieces.push(metrics(middle + 1, last));
        for (const piece of random(3) ? pieces : [...pieces, ...pieces]) {
          const live = queue.length;
          queue.splice(random(live + 1), 0, piece);
        }
      }
    }
    assert.equal(state.counted, end + 1, `seed ${seed}`);
    assert.deepEqual(state.holes, [], `seed ${seed}`);
    assert.equal(state.skipped, 0, `seed ${seed}`);
  }
});

test('a page that was away shortly resumes at the offset it wants and asks again for its holes', () => {
  const before = run([hello(0), metrics(0, 9), gap(10, 14), metrics(15, 19)]).state;
  const { state, from } = resume(before, 5);
  assert.equal(from, 20);
  const after = run([hello(30), metrics(20, 29)], state);
  assert.deepEqual(after.asked, [[10, 14]]);
  assert.equal(after.state.counted, 25);
});

test('a page that missed too much goes on from now and says how much it skipped', () => {
  let before = run([hello(0), metrics(0, 9)]).state;
  before = fold(before, status({ accepted: 0 }), 0).state;
  before = fold(before, status({ accepted: 50_000 }), 1_000).state;
  const { state, from } = resume(before, 60);
  assert.equal(from, null);
  const after = run([hello(3_000_010), metrics(3_000_010, 3_000_019)], state);
  assert.equal(after.state.skipped, 3_000_000);
  assert.equal(after.state.counted, 20);
});

test('another journal, or one that lost its end, is begun anew', () => {
  const before = run([hello(0), metrics(0, 9)]).state;
  assert.equal(run([hello(500, 'b')], resume(before, 1).state).state.counted, 0);
  assert.equal(run([hello(5)], resume(before, 1).state).state.next, 5);
});

test('at most MAX_SERIES series are kept; the silent go first, and the busy are not displaced', () => {
  const named = (offset) => ({ name: `n${offset}` });
  let state = run([hello(0), metrics(0, MAX_SERIES + 99, named)]).state;
  assert.equal(state.series.size, MAX_SERIES);
  assert.ok(state.evicted);
  assert.ok(state.series.has('n0\0') && !state.series.has(`n${MAX_SERIES}\0`), 'all busy: the first stay');
  const next = MAX_SERIES + 100;
  state = fold(
    state,
    metrics(next, next + 9, (offset) => named(offset - next)),
    10_000,
  ).state;
  state = fold(state, metrics(next + 10, next + 14, named), 10_000).state;
  assert.equal(state.series.size, MAX_SERIES);
  assert.ok(state.series.has('n0\0') && state.series.has('n9\0'), 'heard of again');
  assert.ok(state.series.has(`n${next + 14}\0`), 'new, while others are silent');
});

test('points and statuses are rings', () => {
  const frames = Array.from({ length: HISTORY + 20 }, () => status());
  const { state } = run([hello(0), metrics(0, 999), ...frames]);
  assert.equal(state.series.get('load\0').points.length, POINTS);
  assert.equal(state.history.length, HISTORY);
});

test('the rate of acceptance is that of the latest five seconds', () => {
  let state = EMPTY;
  assert.equal(acceptedPerSecond(state), null);
  for (let second = 0; second <= 20; second += 1) {
    const accepted = second <= 10 ? 0 : (second - 10) * 1_000;
    state = fold(state, status({ accepted }), second * 1_000).state;
  }
  assert.equal(acceptedPerSecond(state), 1_000);
});

test('a frame of a type from the future changes nothing', () => {
  assert.equal(fold(EMPTY, { type: 'flag', name: 'x' }, 0).state, EMPTY);
});
