import assert from 'node:assert/strict';
import { test } from 'node:test';

import { draftOf, faultsIn, faultsOf, metricJson } from '../../../web/dashboard/src/core/metric-edit.js';

const DRAFT = draftOf('{"name":"load","value":1.0,"kind":"timer","attributes":{"big":9007199254740993}}');
const faulty = (change) => Object.keys(faultsOf({ ...DRAFT, ...change }));

test('a draft that nobody changed is the metric again, with every digit and without its time', () => {
  assert.equal(
    metricJson(DRAFT),
    '{"name":"load","kind":"timer","value":1,"attributes":{\n  "big": 9007199254740993\n}}',
  );
  assert.deepEqual(faultsOf(DRAFT), {});
});

test('a metric that is lost is edited from nothing', () => {
  assert.deepEqual(Object.keys(faultsOf(draftOf(null))), ['name', 'value']);
});

test('a name has 1 to 255 characters, however many code units they take', () => {
  assert.deepEqual(faulty({ name: '' }), ['name']);
  assert.deepEqual(faulty({ name: '😀'.repeat(255) }), []);
  assert.deepEqual(faulty({ name: '😀'.repeat(256) }), ['name']);
});

test('a value is a finite number in digits, and nothing that JavaScript takes for one', () => {
  for (const value of ['1', '-1.5e-9', ' 1e15 ', '.5', '1.7976931348623157e308']) {
    assert.deepEqual(faulty({ value }), [], value);
  }
  for (const value of ['', '12,5', 'NaN', 'Infinity', '1e309', '0x10', '1_000']) {
    assert.deepEqual(faulty({ value }), ['value'], value);
  }
});

test('attributes are a flat object of at most 128 strings, numbers of 64 bits and booleans', () => {
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 129 }, (_, n) => [n, n])));
  for (const attributes of ['', '{}', '{"a": true, "b": -9223372036854775808, "c": "1e999"}']) {
    assert.deepEqual(faulty({ attributes }), [], attributes);
  }
  for (const attributes of ['[]', '1', 'null', '{"a": null}', '{"a": [1]}', '{a: 1}', many]) {
    assert.deepEqual(faulty({ attributes }), ['attributes'], attributes);
  }
  for (const attributes of ['{"a": 1e999}', '{"a": 9223372036854775808}']) {
    assert.deepEqual(faulty({ attributes }), ['attributes'], attributes);
  }
});

test('a time is nanoseconds of 64 bits or has a zone, and is sent as it was written', () => {
  for (const time of ['2026-11-23 12:00', '9223372036854775808', 'now']) {
    assert.deepEqual(faulty({ time }), ['time'], time);
  }
  assert.match(metricJson({ ...DRAFT, time: '1795471073339937789' }), /"time":1795471073339937789,/);
  assert.match(metricJson({ ...DRAFT, time: '2026-11-23T12:00:00Z' }), /"time":"2026-11-23T12:00:00Z",/);
});

test('what the server says stands at its field, or with the whole where there is no such field', () => {
  const errors = (...fields) => ({ errors: fields.map((field) => ({ index: 0, field, reason: 'no' })) });
  assert.deepEqual(faultsIn(errors('time', 'attributes.host'), 'm'), { time: 'no', attributes: 'no' });
  assert.deepEqual(faultsIn(errors('colour'), 'm'), { '': 'colour: no' });
  assert.deepEqual(faultsIn({}, 'the queue is full'), { '': 'the queue is full' });
});
