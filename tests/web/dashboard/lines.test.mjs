import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { isEmpty, sentence, sentenceOf } from '../../../web/dashboard/src/core/chart-words.js';
import {
  COLOURS,
  chooseLines,
  further,
  hasWords,
  inOrder,
  labelOf,
  limits,
  lonely,
  lookOf,
  MAX_LINES,
} from '../../../web/dashboard/src/core/lines.js';
import { axisTimes, brief, ends, moment, stretch } from '../../../web/dashboard/src/core/moments.js';
import { makeJoined } from '../../../web/dashboard/src/core/seam.js';

const READER = { language: 'en-GB', zone: 'Europe/Berlin' };
const NOON = Date.UTC(2026, 10, 23, 11, 0, 0);

/** As WCAG 2.2 defines it, of `#rrggbb`. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test('lines stand in natural order, each once, no more than fit', () => {
  assert.deepEqual(chooseLines(['gpu-10', 'gpu-2', 'gpu-2', '']), ['', 'gpu-2', 'gpu-10']);
  assert.equal(chooseLines(Array.from({ length: 99 }, (_, i) => `${i}`)).length, MAX_LINES);
  assert.deepEqual(
    inOrder([{ key: 'b' }, { key: 'a10' }, { key: 'a9' }]).map(({ key }) => key),
    ['a9', 'a10', 'b'],
  );
  assert.equal(labelOf('', 'session'), 'no session');
});

test('no two lines of a chart look the same', () => {
  const looks = Array.from({ length: MAX_LINES }, (_, i) => JSON.stringify(lookOf(i)));
  assert.equal(new Set(looks).size, MAX_LINES);
  assert.ok(Array.from({ length: MAX_LINES }, (_, i) => lookOf(i).colour).every((one) => one < COLOURS));
});

test('every colour of a line has a contrast of 3:1 to the card, by day and by night', () => {
  const read = (file) => readFileSync(new URL(`../../../web/dashboard/src/${file}`, import.meta.url), 'utf8');
  const pairs = [
    ...`${read('ui/page.css')}${read('views/explore.css')}`.matchAll(
      /--(card|line-\d): light-dark\((#\w{6}), (#\w{6})\)/g,
    ),
  ];
  const colours = new Map(pairs.map(([, name, light, dark]) => [name, [light, dark]]));
  assert.equal(colours.size, COLOURS + 1);
  for (const theme of [0, 1]) {
    const card = luminance(colours.get('card')[theme]);
    for (const [name, colour] of colours) {
      if (name === 'card') continue;
      const [low, high] = [card, luminance(colour[theme])].sort((a, b) => a - b);
      assert.ok((high + 0.05) / (low + 0.05) >= 3, `${name} ${colour[theme]}`);
    }
  }
});

test('lines that are not drawn are said, and nothing where all are', () => {
  assert.equal(further(0, 'source'), '');
  assert.match(further(1, 'source'), /^1 more source is not drawn/);
  assert.match(further(1_234, 'session'), /^1,234 more sessions are not drawn/);
});

test('a point is lonely that no line reaches', () => {
  assert.deepEqual(lonely([1, 2, null, null, null, 3, null, null, null, 4, 5], 2), [5]);
  assert.deepEqual(lonely([null, 7, null], 1), [1]);
  assert.deepEqual(lonely([1, null, 2], 2), []);
});

test('an axis has room for its values, and begins at zero where that is near', () => {
  assert.deepEqual(limits(Infinity, -Infinity), null);
  assert.equal(limits(3, 100)?.[0], 0);
  assert.ok((limits(90, 100)?.[0] ?? 0) > 80);
  const [low, high] = limits(42, 42) ?? [0, 0];
  assert.ok(low < 42 && high > 42);
  assert.deepEqual(limits(0, 0), [0, 1]);
  assert.equal(limits(-100, -1)?.[1], 0);
});

test('words are found in any order, capitals or not', () => {
  assert.ok(hasWords('GPU cpu', 'cpu.utilization gpu-1'));
  assert.ok(!hasWords('cpu gpu-2', 'cpu.utilization gpu-1'));
});

test('times are those of the reader: the clock, and the day where a new one begins', () => {
  assert.deepEqual(axisTimes([NOON, NOON + 60_000], 60_000, READER), ['12:00', '12:01']);
  assert.deepEqual(axisTimes([NOON, NOON + 500], 500, READER), ['12:00:00.0', '12:00:00.5']);
  const evening = NOON + 10.5 * 3_600_000;
  assert.deepEqual(axisTimes([evening, evening + 3_600_000 * 1.5], 5_400_000, READER), ['22:30', '24 Nov']);
  assert.equal(moment(NOON, 10, READER), '23 Nov, 12:00:00.00');
  assert.equal(brief(NOON, 1_000, READER), '12:00:00');
  assert.equal(brief(NOON, 300_000, READER), '23 Nov, 12:00');
  assert.equal(stretch(NOON, NOON + 60_000, READER), '23 Nov 2026, 12:00:00 – 12:01:00');
  assert.equal(ends(NOON, NOON + 1_000, READER), '23 Nov, 12:00:00.00 and 23 Nov, 12:00:01.00');
  assert.match(stretch(NOON, NOON + 86_400_000, READER), /^23 Nov 2026, 12:00 – 24 Nov 2026, 12:00$/);
});

test('a chart says in words what it has, or why it has nothing', () => {
  const joined = makeJoined(1);
  assert.ok(isEmpty([{ joined }]));
  assert.equal(sentenceOf('a', joined, 'ms'), 'a: no data.');
  Object.assign(joined.summary, { count: 1_200, last: 3, min: 1, max: 2_000, mean: 2 });
  assert.equal(
    sentenceOf('a', joined, 'ms').replaceAll('\u202f', ' '),
    'a: last 3 ms, from 1 ms to 2.00 s, 1,200 metrics.',
  );
  assert.match(
    sentence('1 and 2', 3 * 3_600_000, false),
    /^No data between 1 and 2\. The last one came 3 hr\. ago\.$/,
  );
  assert.match(sentence('1 and 2', null, true), /^No metric of this name/);
});
