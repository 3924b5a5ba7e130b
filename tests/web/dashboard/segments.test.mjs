import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newest, placeOf, segmentOf, strip, timeNear } from '../../../web/dashboard/src/core/segments.js';

/** Segments of 100 offsets each, begun a second apart. */
const some = (count) =>
  Array.from({ length: count }, (_, i) => ({
    name: String(i),
    first_offset: i * 100,
    last_offset: i * 100 + 99,
    created_at: i * 1e9,
    bytes: 10,
    size: 10,
    state: i === count - 1 ? 'active' : 'sealed',
  }));

test('the strip is as wide as its offsets are many, up to the next offset', () => {
  assert.deepEqual(
    strip(some(2), 150).map(({ from, until, active }) => [from, until, active]),
    [
      [0, 0.5, false],
      [0.5, 1, true],
    ],
  );
  assert.deepEqual(strip([], 0), []);
});

test('many segments share blocks, and none is left out', () => {
  const blocks = strip(some(1000), 100_000);
  assert.ok(blocks.length <= 96);
  assert.equal(
    blocks.reduce((sum, block) => sum + block.segments, 0),
    1000,
  );
  assert.ok(blocks.every((block, i) => block.from === (blocks[i - 1]?.until ?? 0)));
  assert.equal(blocks.at(-1).until, 1);
});

test('a place is between 0 and 1, also of what has been retired or is not there yet', () => {
  assert.equal(placeOf(150, 100, 200), 0.5);
  assert.equal(placeOf(50, 100, 200), 0);
  assert.equal(placeOf(250, 100, 200), 1);
  assert.equal(placeOf(0, 0, 0), 1);
});

test('an offset is in the segment that begins at or before it', () => {
  assert.equal(segmentOf(some(3), 100).name, '1');
  assert.equal(segmentOf(some(3), 299).name, '2');
  assert.equal(segmentOf(some(3), 300).name, '2');
  assert.equal(segmentOf(some(3).slice(1), 99), undefined);
});

test('times between the beginnings of segments are guessed evenly', () => {
  assert.equal(timeNear(some(2), 50, 200, 2e9), 0.5e9);
  assert.equal(timeNear(some(2), 150, 200, 2e9), 1.5e9);
  assert.equal(timeNear(some(2).slice(1), 50, 200, 2e9), null);
});

test('the newest come first, all of them if asked', () => {
  assert.deepEqual(newest([1, 2, 3], 2, false), [3, 2]);
  assert.deepEqual(newest([1, 2, 3], 2, true), [3, 2, 1]);
});
