import assert from 'node:assert/strict';
import { test } from 'node:test';

import { items, member, numbers, pretty } from '../../../web/dashboard/src/core/raw-json.js';

const LETTER =
  '{"id":7,"name":"say \\"metric\\": {","metric":{"name":"a","value":1.0,"attributes":{"big":9007199254740993,"metric":"no"}},"list":[1,[]],"last":true}';

test('a member is what stands there, digit by digit, wherever brackets and quotes are within texts', () => {
  assert.equal(
    member(LETTER, 'metric'),
    '{"name":"a","value":1.0,"attributes":{"big":9007199254740993,"metric":"no"}}',
  );
  assert.equal(member(LETTER, 'last'), 'true');
  assert.equal(member(LETTER, 'name'), '"say \\"metric\\": {"');
  assert.equal(member(LETTER, 'value'), null);
  assert.equal(member('{ "a" : 1 , "b" : [ 2 ] }', 'b'), '[ 2 ]');
  assert.equal(member('{}', 'a'), null);
});

test('items are what stands there, whatever they hold', () => {
  const texts = ['{"a":[1,2],"b":"],["}', '9007199254740993', '[]', '"x, y"', '[[3],{}]'];
  assert.deepEqual(items(`[${texts.join()}]`), texts);
  assert.deepEqual(items(` [ ${texts.join(' , ')} ] `), texts);
  assert.deepEqual(items(member('{"letters":[{"id":1},{"id":2}],"cursor":null}', 'letters')), [
    '{"id":1}',
    '{"id":2}',
  ]);
  assert.deepEqual(items('[]'), []);
});

test('pretty JSON says the same, and looks as JavaScript would print it', () => {
  const text = '{"a":{},"b":[],"c":["x, {y}",-1.5e-9,null],"d":{"e":"\\u0000\\\\"}}';
  assert.equal(pretty(text), JSON.stringify(JSON.parse(text), null, 2));
  assert.match(pretty(LETTER), /"big": 9007199254740993,/);
});

test('numbers are those that stand alone, not those in texts', () => {
  assert.deepEqual(numbers('{"a1":"2","b":[3,-4.5e6,true]}'), ['3', '-4.5e6']);
});
