import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keyed, parseLocal, parseOffset, toLocal } from '../../../web/dashboard/src/core/scrub.js';

test('arrows go one offset, with shift a hundred, pages a twentieth, and never outside', () => {
  assert.equal(keyed('ArrowLeft', false, 500, 0, 1000), 499);
  assert.equal(keyed('ArrowUp', true, 500, 0, 1000), 600);
  assert.equal(keyed('PageUp', false, 500, 0, 1000), 550);
  assert.equal(keyed('ArrowLeft', true, 50, 10, 1000), 10);
  assert.equal(keyed('Home', false, 500, 10, 1000), 10);
  assert.equal(keyed('End', false, 500, 10, 1000), 1000);
  assert.equal(keyed('Tab', false, 500, 0, 1000), null);
});

test('an offset may have its digits grouped, and nothing else', () => {
  assert.equal(parseOffset('1200'), 1200);
  assert.equal(parseOffset(' 1,234,567 '), 1_234_567);
  assert.equal(parseOffset('1\u202f234'), 1234);
  for (const text of [null, '', 'abc', '-1', '12x', '99999999999999999'])
    assert.equal(parseOffset(text), null);
});

test('a local date and time is read back as it was written', () => {
  const at = 1_795_470_387 * 1e9;
  assert.equal(parseLocal(toLocal(at)), at);
  assert.match(toLocal(at), /^2026-11-2\dT\d\d:\d\d:\d\d$/);
  assert.equal(parseLocal(''), null);
});
