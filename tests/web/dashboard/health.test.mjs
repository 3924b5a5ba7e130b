import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dial, heard, lost, OFF } from '../../../web/dashboard/src/core/connection.js';
import { health, isStuck, viewThatHelps } from '../../../web/dashboard/src/core/health.js';
import { EMPTY, fold } from '../../../web/dashboard/src/core/state.js';
import { status, store } from './frames.mjs';

const FIRST = dial(OFF, 0);

/** The health after a status with `said`, on an open connection. */
function after(said) {
  const frame = status({ health: said });
  return health(fold(EMPTY, frame, 0).state, heard(FIRST, frame, 0), 0);
}

test("while it is heard, the server's own sentence stands there", () => {
  const { tone, text } = after({ level: 'bad', sentence: 'Supabase has been unreachable for 4 min.' });
  assert.deepEqual([tone, text], ['bad', 'Supabase has been unreachable for 4 min.']);
});

test('the kind stays while only numbers change, so that it is not read aloud again', () => {
  const one = after({ level: 'good', sentence: 'All 1,204 accepted metrics are stored.' });
  const two = after({ level: 'good', sentence: 'All 99,007 accepted metrics are stored.' });
  const other = after({ level: 'busy', sentence: 'All 99,007 accepted metrics are stored.' });
  assert.equal(one.kind, two.kind);
  assert.notEqual(two.kind, other.kind);
});

test('that all is well stays the same news, however it is said', () => {
  const all = after({ level: 'good', sentence: 'All 1,204 accepted metrics are stored.' });
  const most = after({
    level: 'good',
    sentence: '1,199 of 1,204 metrics are stored, the last 5 on their way.',
  });
  assert.equal(all.kind, most.kind);
});

test('the view that helps is that of what the server speaks of, and of nothing else', () => {
  const open = (/** @type {unknown} */ said, /** @type {number} */ at = 0) => {
    const frame = status({ health: said });
    const { state } = fold(EMPTY, frame, 0);
    const connection = heard(FIRST, frame, 0);
    return viewThatHelps(state, health(state, at ? lost(connection, at, 0) : connection, at));
  };
  const letters = { level: 'busy', sentence: '3 dead letters wait.', about: 'dead-letters' };
  assert.equal(open(letters)?.view, 'dead-letters');
  assert.equal(open({ level: 'bad', sentence: 'The disk is full.', about: 'journal' })?.view, 'system');
  assert.equal(open({ level: 'good', sentence: 'All are stored.', about: '' }), null);
  assert.equal(open({ level: 'busy', sentence: 'By an older Forebay.' }), null);
  assert.equal(open({ level: 'busy', sentence: 'By a newer Forebay.', about: 'weather' }), null);
  assert.equal(open(letters, 10_000), null, 'it speaks of the lost connection');
});

test('a server that says nothing of it is not called healthy', () => {
  assert.equal(after(null).tone, 'unknown');
});

test('before the first status, the page says what it knows', () => {
  assert.equal(health(EMPTY, FIRST, 0).text, 'Connecting to Forebay…');
  assert.equal(health(EMPTY, lost(FIRST, 0, 0), 0).text, 'Forebay does not answer. Is it running?');
  assert.equal(health(EMPTY, dial(lost(FIRST, 0, 0), 0), 0).tone, 'bad');
});

test('when the connection is lost, old figures are called old', () => {
  const frame = status({ health: { level: 'good', sentence: 'Fine.' } });
  const { state } = fold(EMPTY, frame, 0);
  const dropped = lost(heard(FIRST, frame, 10_000), 25_000, 0);
  assert.equal(
    health(state, dropped, 40_000).text,
    'The connection to Forebay is lost. What you see is from 30 sec. ago.',
  );
  assert.match(health(state, dropped, 10_000).text, /from a moment ago/);
});

test('a server that falls silent on an open connection is not called well for long', () => {
  const frame = status({ health: { level: 'good', sentence: 'Fine.' } });
  const { state } = fold(EMPTY, frame, 0);
  const open = heard(FIRST, frame, 10_000);
  assert.equal(health(state, open, 13_000).text, 'Fine.');
  const { tone, text } = health(state, open, 16_000);
  assert.deepEqual([tone, text], ['busy', 'Forebay has been silent for 6 s. What you see is from before.']);
});

test('a connection that another tab handed over is not called lost, unless it takes long', () => {
  const { state } = fold(EMPTY, status({ health: { level: 'good', sentence: 'Fine.' } }), 0);
  const taken = dial(OFF, 10_000);
  assert.equal(health(state, taken, 11_000).text, 'Fine.');
  assert.equal(health(state, taken, 13_000).tone, 'bad');
});

test('a store is stuck when its breaker is open or it waits or is blocked', () => {
  assert.ok(isStuck(store({ breaker: 'open' })));
  assert.ok(isStuck(store({ state: 'waiting' })));
  assert.ok(isStuck(store({ state: 'blocked' })));
  assert.ok(!isStuck(store()));
});
