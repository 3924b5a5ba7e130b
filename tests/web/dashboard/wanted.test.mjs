import assert from 'node:assert/strict';
import { test } from 'node:test';

import { wanted } from '../../../web/dashboard/src/core/wanted.js';

const said = { url: null, hand: null, flag: 'websocket', websocket: true };

test('the address stands above the hand, the hand above the flag', () => {
  assert.deepEqual(wanted({ ...said, flag: 'dual' }), { transport: 'dual', by: 'flag' });
  assert.deepEqual(wanted({ ...said, flag: 'dual', hand: 'websocket' }), {
    transport: 'websocket',
    by: 'hand',
  });
  assert.deepEqual(wanted({ ...said, hand: 'websocket', url: 'realtime' }), {
    transport: 'realtime',
    by: 'url',
  });
});

test('what is no transport is as if it had not been said', () => {
  assert.deepEqual(wanted({ ...said, url: 'pigeon', hand: 'dual' }), { transport: 'dual', by: 'hand' });
  assert.deepEqual(wanted({ ...said, url: '', hand: '', flag: 'toString' }), {
    transport: 'websocket',
    by: 'flag',
  });
});

test('a retired WebSocket cannot be chosen by anybody', () => {
  for (const choice of [{ url: 'websocket' }, { hand: 'dual' }, {}]) {
    assert.deepEqual(wanted({ ...said, ...choice, websocket: false }), { transport: 'realtime', by: 'flag' });
  }
});
