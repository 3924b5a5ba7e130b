import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ago, bytes, compact, duration, measured, perTime } from '../../../web/dashboard/src/core/format.js';

const table = (format, rows) => {
  for (const [value, text] of rows) assert.equal(format(value), text);
};

test('values keep about five digits, whole numbers all of theirs', () => {
  table(measured, [
    [42, '42'],
    [0, '0'],
    [-1.5, '-1.500'],
    [12.3456, '12.35'],
    [4180.25, '4,180.3'],
    [1_234_567.8, '1,234,568'],
    [0.00001234, '1.234E-5'],
    [1.5e18, '1.5E18'],
  ]);
});

test('rates are a second, a minute or an hour, whichever reads best', () => {
  table(perTime, [
    [null, '–'],
    [0, '0/s'],
    [7.94, '7.9/s'],
    [12_345.6, '12,346/s'],
    [1 / 60, '1/min'],
    [1 / 3600, '1.0/h'],
  ]);
});

test('bytes are binary multiples of at most three digits', () => {
  table(bytes, [
    [0, '0 B'],
    [999, '999 B'],
    [65_536, '64.0 KiB'],
    [932_000_000, '889 MiB'],
    [1_020_000_000, '973 MiB'],
  ]);
});

test('times are rounded down to what has passed', () => {
  table(ago, [
    [0, 'now'],
    [1_999, 'now'],
    [12_900, '12 sec. ago'],
    [119_000, '1 min. ago'],
    [7_200_000, '2 hr. ago'],
    [200_000_000, '2 days ago'],
  ]);
  table(duration, [
    [0.2, 'less than 1 s'],
    [42, '42 s'],
    [240, '4 min'],
    [7_200, '2 h'],
  ]);
});

test('counts are short from ten thousand on', () => {
  table(compact, [
    [9_999, '9,999'],
    [1_204_113, '1.2M'],
  ]);
});
