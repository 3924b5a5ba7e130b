import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as core from '../../../web/dashboard/src/core/flags.js';

const { about, byValue, check, choices, decided, draftOf, parse, seenLately, why, whyBriefly, words } = core;

const transport = { name: 't', type: 'string', default: 'websocket', allowed: ['websocket', 'dual'] };
const report = (setting, extra = {}) => ({ definition: transport, setting, overrides: {}, ...extra });

test('what was decided is said for all, some and none of the sessions', () => {
  assert.equal(decided(transport, null), 'websocket for all sessions, the default');
  assert.equal(decided(transport, { value: 'dual', rollout: 100 }), 'dual for all sessions');
  assert.match(decided(transport, { value: 'dual', rollout: 0 }), /^websocket for all .* dual is rolled out/);
  assert.equal(
    decided(transport, { value: 'dual', rollout: 33.3 }),
    'dual for 33.3 % of the sessions, websocket for all others',
  );
  assert.equal(decided(transport, { value: 'websocket', rollout: 5 }), 'websocket for all sessions');
});

test('a rollout tells who is inside from who is outside', () => {
  const flag = report({ value: 'dual', rollout: 25 });
  assert.equal(why({ value: 'dual', reason: 'SPLIT' }, flag), 'inside the rollout of 25 %');
  assert.match(why({ value: 'websocket', reason: 'SPLIT' }, flag), /outside the rollout of 25 %/);
  assert.equal(whyBriefly('SPLIT', false), 'inside the rollout');
  assert.equal(whyBriefly('SPLIT', true), 'outside the rollout');
});

test('every reason has words, and an error its own', () => {
  for (const reason of ['DEFAULT', 'STATIC', 'SPLIT', 'TARGETING_MATCH', 'DISABLED', 'ERROR']) {
    assert.ok(why({ value: 'dual', reason }, report(null)).length > 5, reason);
    assert.ok(whyBriefly(reason, false).length > 3, reason);
  }
  assert.match(
    why({ value: 'dual', reason: 'ERROR', error: '7 was decided' }, report(null)),
    /7 was decided/,
  );
});

test('the form begins with what was decided, and comes to the same change', () => {
  for (const setting of [null, { value: 'dual', rollout: 12.5 }]) {
    const checked = check(report(setting), draftOf(report(setting)));
    assert.ok(checked.same);
    assert.deepEqual(checked.change, setting ?? { value: 'websocket', rollout: 100 });
  }
});

test('a share that is none is refused at its field', () => {
  for (const rollout of ['', ' ', '-1', '100.1', 'half', 'NaN', 'Infinity']) {
    assert.equal(check(report(null), { value: 'dual', rollout }).field, 'rollout', rollout);
  }
  for (const rollout of ['0', '0.5', '100', '1e1']) {
    assert.ok('change' in check(report(null), { value: 'dual', rollout }), rollout);
  }
});

test('numbers are read within their limits, whole ones whole', () => {
  const integer = { type: 'integer', minimum: 1, maximum: 10 };
  assert.deepEqual(parse(integer, '7'), { value: 7 });
  for (const text of ['', '1.5', '0', '11', 'x', '1e999']) assert.ok(parse(integer, text).problem, text);
  assert.deepEqual(parse({ type: 'number' }, '1e-9'), { value: 1e-9 });
  assert.equal(check({ definition: integer, setting: null }, { value: '11', rollout: '100' }).field, 'value');
});

test('booleans are chosen as on and off, strings of a list from the list, others are written', () => {
  assert.deepEqual(choices({ type: 'boolean' }), ['true', 'false']);
  assert.deepEqual(choices(transport), transport.allowed);
  assert.equal(choices({ type: 'string' }), null);
  assert.deepEqual(parse({ type: 'boolean' }, 'false'), { value: false });
  assert.deepEqual([true, false, '', 0, 'dual'].map(words), ['on', 'off', '(empty)', '0', 'dual']);
});

test('shares are joined by value, the largest first, and make a whole', () => {
  const shares = [
    { value: 'websocket', reason: 'SPLIT', sessions: 50 },
    { value: 'dual', reason: 'SPLIT', sessions: 40 },
    { value: 'dual', reason: 'TARGETING_MATCH', sessions: 30 },
  ];
  const parts = byValue(shares);
  assert.deepEqual(
    parts.map(({ value, sessions }) => [value, sessions]),
    [
      ['dual', 70],
      ['websocket', 50],
    ],
  );
  assert.equal(
    parts.reduce((sum, { fraction }) => sum + fraction, 0),
    1,
  );
  assert.equal(seenLately(shares), 120);
  assert.equal(about(25, 120), 30);
  assert.deepEqual(byValue([]), []);
});
