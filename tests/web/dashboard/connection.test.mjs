import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as core from '../../../web/dashboard/src/core/connection.js';
import { hello, status } from './frames.mjs';

const { INITIAL, SILENCE, away, due, heard, isSilent, lost } = core;

/** How long each of `count` attempts in a row is waited for. */
function waits(count, chance) {
  let connection = INITIAL;
  return Array.from({ length: count }, () => {
    connection = lost(connection, 0, chance);
    const wait = connection.until;
    connection = due(connection);
    return wait;
  });
}

test('waiting doubles up to a limit, and chance takes at most half of it', () => {
  assert.deepEqual(waits(8, 1), [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.deepEqual(waits(3, 0), [250, 500, 1_000]);
});

test('a server that greets and dies is waited for longer and longer; a status shows that it lives', () => {
  let connection = lost(INITIAL, 0, 1);
  connection = lost(heard(due(connection), hello(0), 0), 0, 1);
  assert.equal(connection.until, 1_000);
  connection = lost(heard(due(connection), status(), 0), 0, 1);
  assert.equal(connection.until, 500);
});

test('a goodbye says how long to wait', () => {
  const goodbye = { type: 'goodbye', reason: 'stopping', reconnect_after: 7 };
  const connection = heard(heard(INITIAL, status(), 0), goodbye, 100);
  const { until } = lost(connection, 200, 0.5);
  assert.ok(until >= 7_200 && until <= 7_700, String(until));
});

test('an open connection is dead after SILENCE, and its loss counts from when it was last heard', () => {
  const connection = heard(INITIAL, status(), 1_000);
  assert.equal(isSilent(connection, 1_000 + SILENCE), false);
  assert.equal(isSilent(connection, 1_001 + SILENCE), true);
  const waiting = lost(connection, 20_000, 0);
  assert.equal(away(waiting, 31_000), 30);
  assert.equal(away(lost(due(waiting), 40_000, 0), 41_000), 40, 'failed attempts do not shorten it');
});

test('losing what is lost already changes nothing', () => {
  const waiting = lost(INITIAL, 0, 0);
  assert.equal(lost(waiting, 5, 0), waiting);
});
