import assert from 'node:assert/strict';
import { test } from 'node:test';

import { axisOf, inColumn, increments, withUnit } from '../../../web/dashboard/src/core/units.js';

const said = (value, unit) => withUnit(value, unit).replace('\u202f', ' ');
const labels = (values, unit) => {
  const { write, label } = axisOf(Math.max(...values.map(Math.abs)), values[1] - values[0], unit);
  return [...values.map(write), label];
};

test('times, bytes and rates of bytes read in the scale that fits them', () => {
  assert.equal(said(350, 'ms'), '350 ms');
  assert.equal(said(0.35, 's'), '350 ms');
  assert.equal(said(1_500, 'ms'), '1.50 s');
  assert.equal(said(90, 's'), '90 s');
  assert.equal(said(7_200, 's'), '2.00 h');
  assert.equal(said(1_288_490_189, 'bytes'), '1.20 GiB');
  assert.equal(said(1_536, 'bytes/s'), '1.50 KiB/s');
  assert.equal(said(2, 'GiB'), '2 GiB');
  assert.equal(said(12, 'MB/s'), '11.4 MiB/s');
  assert.equal(said(0, 'bytes'), '0 B');
});

test('other units stand behind the number as they are', () => {
  assert.equal(said(12_400, 'tokens/s'), '12,400 tokens/s');
  assert.equal(said(87.5, '%'), '87.50 %');
  assert.equal(said(5, 'percent'), '5 %');
  assert.equal(said(3, ''), '3');
  assert.equal(said(null, 'ms'), '–');
  for (const unit of ['constructor', '/s', 'ps', 'toString']) assert.equal(said(1, unit), `1 ${unit}`);
});

test('a column has room for a value, and for a unit that scales or is short', () => {
  const said = (value, unit) => inColumn(value, unit).replace('\u202f', ' ');
  assert.equal(said(9_411.5, 'requests'), '9,411.5');
  assert.equal(said(1_536, 'bytes/s'), '1.50 KiB/s');
  assert.equal(said(90, 'seconds'), '90 s');
  assert.equal(said(5, 'percent'), '5 %');
  assert.equal(said(21.5, '°C'), '21.50 °C');
  assert.equal(said(null, 'requests'), '–');
});

test('the smallest and the largest numbers can be read', () => {
  assert.equal(said(1e-9, 's'), '1 ns');
  assert.equal(said(1.5e-9, ''), '1.5E-9');
  assert.match(said(3e15, ''), /^3E15$/);
  assert.match(said(2e300, 'bytes'), /E\d+ EiB$/);
});

test('labels of one axis share their scale and can be told apart', () => {
  assert.deepEqual(labels([0, 200, 400, 600], 'ms'), ['0', '200', '400', '600', 'ms']);
  assert.deepEqual(labels([0, 0.25, 0.5], ''), ['0.00', '0.25', '0.50', '']);
  assert.deepEqual(labels([15, 17.5, 20], '°C'), ['15.0', '17.5', '20.0', '°C']);
  const KIB = 1_024;
  assert.deepEqual(labels([0, 5 * KIB ** 2, 10 * KIB ** 2], 'bytes/s'), ['0', '5', '10', 'MiB/s']);
  for (const [low, step] of [
    [1e-9, 1e-10],
    [1e15, 1e14],
    [20_000_000, 250_000],
    [123_400_000, 1_000],
    [1_795_485_600, 2_500],
    [7e15, 2e12],
    [99.99, 0.001],
  ]) {
    const [a, b, c] = labels([low, low + step, low + 2 * step], '');
    assert.equal(new Set([a, b, c]).size, 3, `${a} ${b} ${c}`);
    assert.ok(Math.max(...[a, b, c].map((text) => text.length)) <= 9, `${a} ${b} ${c}`);
  }
});

test('increments are round in the scale that is read, and ascend', () => {
  const KIB = 1_024;
  assert.ok(increments(10 * KIB ** 2, 'bytes').includes(2 * KIB ** 2));
  assert.ok(increments(1_200, 's').includes(300));
  for (const [top, unit] of [
    [1_200, 's'],
    [9e9, 'bytes'],
    [1, ''],
  ]) {
    const all = increments(top, unit);
    assert.ok(
      all.every((one, i) => i === 0 || one > all[i - 1]),
      unit,
    );
  }
});
