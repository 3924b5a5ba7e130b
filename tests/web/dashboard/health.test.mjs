import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INITIAL, due, heard, lost } from '../../../web/dashboard/static/core/connection.js';
import { health } from '../../../web/dashboard/static/core/health.js';
import { EMPTY, fold } from '../../../web/dashboard/static/core/state.js';
import { actor, status, store } from './frames.mjs';

/** The health after `statuses`, one a second, on an open connection. */
function after(...statuses) {
  const state = statuses.reduce((some, extra, i) => fold(some, status(extra), i * 1_000).state, EMPTY);
  return health(state, heard(INITIAL, status(), 0), 0);
}

const counts = (accepted, pending, dead_lettered = 0) => ({
  accepted,
  pending,
  dead_lettered,
  persisted: accepted - pending - dead_lettered,
});

test('all is stored only when nothing waits and nothing is dead', () => {
  assert.deepEqual(after(counts(1_204_113, 0)), {
    tone: 'good',
    kind: 'stored',
    text: 'All 1,204,113 accepted metrics are stored.',
  });
  assert.equal(after(counts(1, 0)).text, 'The one accepted metric is stored.');
  assert.equal(after(counts(100, 7)).text, '93 of 100 metrics are stored, the last 7 on their way.');
  assert.equal(
    after(counts(100, 0, 1)).text,
    '99 of 100 metrics are stored; 1 could not be and is kept as dead letters.',
  );
  assert.equal(after(counts(0, 0)).kind, 'empty');
});

test('what a damage of the journal took is said, and that no more is lost', () => {
  const { tone, text } = after({ ...counts(97, 0), accepted: 100, lost: 3 });
  assert.equal(tone, 'busy');
  assert.equal(
    text,
    '97 metrics are stored; at most 3 were lost with a damage of the journal that was repaired.',
  );
  const stores = [store({ breaker: 'open', state: 'waiting' })];
  assert.match(after({ ...counts(100, 7), lost: 3, stores }).text, /Nothing more is lost/);
});

test('a store that takes nothing is named, with how many metrics wait', () => {
  const stores = [store({ breaker: 'open', state: 'waiting' })];
  const { tone, text } = after({ ...counts(300_000, 212_340), stores });
  assert.equal(tone, 'bad');
  assert.equal(
    text,
    '212,340 metrics wait in the journal: store sqlite is not taking them. Nothing is lost.',
  );
  const idle = after({ ...counts(10, 0), stores });
  assert.equal(idle.text, 'Store sqlite is not taking metrics. None waits, and nothing is lost.');
  const two = after({
    ...counts(10, 1),
    stores: [store({ state: 'blocked' }), store({ name: 'b', state: 'waiting' })],
  });
  assert.equal(
    two.text,
    '1 metric waits in the journal: stores sqlite and b are not taking them. Nothing is lost.',
  );
});

test('a backlog that shrinks says how long it will take', () => {
  const { text, tone } = after(counts(300_000, 200_000), counts(300_000, 100_000));
  assert.equal(tone, 'busy');
  assert.equal(text, '100,000 metrics wait in the journal, and the store is catching up: about 1 s left.');
});

test('a journal that cannot be written is the first thing said', () => {
  const journal = { ...status().status.journal, state: 'full' };
  const { text } = after({ ...counts(10, 0), journal, stores: [store({ breaker: 'open' })] });
  assert.equal(text, 'The disk is full: new metrics are refused. Nothing that was accepted is lost.');
});

test('a failed actor deep in the tree is named', () => {
  const actors = actor('root', { children: [actor('a', { children: [actor('b', { state: 'failed' })] })] });
  assert.match(after({ ...counts(10, 0), actors }).text, /^The actor \/b has failed/);
});

test('without a connection nothing is claimed of now', () => {
  const state = fold(EMPTY, status(counts(10, 0)), 0).state;
  const gone = lost(heard(INITIAL, status(), 0), 1_000, 0);
  assert.match(health(state, gone, 60_000).text, /is lost\. What you see is from 1 min\. ago\.$/);
  assert.match(health(state, due(gone), 500).text, /from a moment ago\.$/);
  assert.equal(health(EMPTY, lost(INITIAL, 0, 0), 0).kind, 'unreachable');
  assert.equal(health(EMPTY, INITIAL, 0).kind, 'connecting');
});

test('the kind stays while only numbers change', () => {
  assert.equal(after(counts(100, 7)).kind, after(counts(200, 9)).kind);
});
