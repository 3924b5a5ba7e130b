import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as core from '../../../web/dashboard/src/core/connection.js';
import { hello, status } from './frames.mjs';

const { LATE, OFF, SILENCE, away, dial, heard, isDue, isSilent, isWell, lost, refuse } = core;

/** How long each of `count` attempts in a row is waited for. */
function waits(count, chance) {
  let line = dial(OFF, 0);
  return Array.from({ length: count }, () => {
    line = lost(line, 0, chance);
    const wait = line.until;
    line = dial(line, 0);
    return wait;
  });
}

test('waiting doubles up to a limit, and chance takes at most half of it', () => {
  assert.deepEqual(waits(8, 1), [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.deepEqual(waits(3, 0), [250, 500, 1_000]);
});

test('a server that greets and dies is waited for longer and longer; a status shows that it lives', () => {
  let line = lost(dial(OFF, 0), 0, 1);
  line = lost(heard(dial(line, 0), hello(0), 0), 0, 1);
  assert.equal(line.until, 1_000);
  line = lost(heard(dial(line, 0), status(), 0), 0, 1);
  assert.equal(line.until, 500);
});

test('a goodbye says how long to wait', () => {
  const goodbye = { type: 'goodbye', reason: 'stopping', reconnect_after: 7 };
  const { until } = lost(heard(heard(dial(OFF, 0), status(), 0), goodbye, 100), 200, 0.5);
  assert.ok(until >= 7_200 && until <= 7_700, String(until));
});

test('an open line is dead after SILENCE, and its loss counts from when it was last heard', () => {
  const line = heard(dial(OFF, 0), status(), 1_000);
  assert.equal(isSilent(line, 1_000 + SILENCE), false);
  assert.equal(isSilent(line, 1_001 + SILENCE), true);
  const waiting = lost(line, 20_000, 0);
  assert.equal(away(waiting, 31_000), 30);
  assert.equal(away(lost(dial(waiting, 40_000), 40_000, 0), 41_000), 40, 'failed attempts do not shorten it');
});

test('a connection that does not come to be within SILENCE is given up', () => {
  assert.equal(isSilent(dial(OFF, 0), SILENCE), false);
  assert.equal(isSilent(dial(OFF, 0), SILENCE + 1), true);
});

test('a line that was late has been steady only since it was heard again', () => {
  let line = heard(dial(OFF, 0), status(), 0);
  line = heard(line, status(), LATE);
  assert.equal(line.steadyAt, 0);
  assert.ok(isWell(line, 2 * LATE) && !isWell(line, 2 * LATE + 1));
  assert.equal(heard(line, status(), 3 * LATE).steadyAt, 3 * LATE);
});

test('what was refused is due when it says, or never', () => {
  const line = dial(OFF, 0);
  assert.equal(isDue(refuse(line, 0, null, ''), 1e12), false);
  assert.equal(isDue(refuse(line, 0, 60_000, ''), 59_999), false);
  assert.equal(isDue(refuse(line, 0, 60_000, ''), 60_000), true);
});

test('losing what is lost already changes nothing, nor does hearing what is off', () => {
  const waiting = lost(dial(OFF, 0), 0, 0);
  assert.equal(lost(waiting, 5, 0), waiting);
  assert.equal(heard(waiting, status(), 5), waiting);
  assert.equal(heard(OFF, status(), 5), OFF);
});
