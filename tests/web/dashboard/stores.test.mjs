import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  facts,
  lacking,
  moved,
  moveOf,
  probe,
  stateOf,
  trouble,
} from '../../../web/dashboard/src/core/stores.js';
import { store } from './frames.mjs';

const NOW = 1_000_000;
const ns = (ms) => ms * 1e6;
const fact = (one, label) => facts(one, NOW).find((each) => each.label === label);

const away = store({
  breaker: 'open',
  state: 'waiting',
  lag: 12_000,
  lag_seconds: 240,
  last_error: 'connection refused',
  error_kind: 'outage',
  attempts: 5,
  breaker_since: ns(NOW - 60_000),
  failing_since: ns(NOW - 240_000),
  next_probe_at: ns(NOW + 12_300),
});

test('a store that is away says for how long, why, and when it is tried again', () => {
  assert.deepEqual(trouble(away, NOW), {
    tone: 'bad',
    title: 'Outage: it does not answer',
    detail: 'connection refused',
    next: '5 attempts in a row have failed for 4 min. Next probe in 13 s',
  });
  assert.equal(fact(away, 'Breaker').note, 'for 60 s');
  assert.equal(fact(away, 'Lag').note, 'the oldest for 4 min');
});

test('the countdown ends in words', () => {
  assert.equal(probe(away, NOW + 20_000), 'A probe is due');
  assert.equal(probe({ ...away, breaker: 'half-open' }, NOW), 'A probe is under way');
  assert.equal(probe(store(), NOW), '');
});

test('who holds a breaker open is told, and that nothing is lost', () => {
  const held = { ...away, breaker_by: 'hand', next_probe_at: 0 };
  assert.equal(stateOf(held).text, 'held by hand');
  assert.equal(fact(held, 'Breaker').text, 'open by hand');
  assert.match(trouble(held, NOW).title, /^Held open by hand for 60 s$/);
  assert.match(trouble(held, NOW).detail, /wait in the journal/);
});

test('a healthy store has no trouble, and no more facts than it needs', () => {
  assert.equal(trouble(store(), NOW), null);
  assert.deepEqual(
    facts(store(), NOW).map(({ label }) => label),
    ['Cursor', 'Lag', 'Stored', 'Breaker'],
  );
  assert.equal(fact(store(), 'Breaker').note, 'has never opened');
});

test('what is missing, lost or a dead letter has a fact of its own', () => {
  const labels = facts(store({ dead_lettered: 3, missing: 2, lost: 1 }), NOW).map(({ label }) => label);
  assert.deepEqual(labels.slice(4), ['Dead letters', 'Missing', 'Lost']);
});

test('what can be done with a breaker depends on how it stands', () => {
  assert.deepEqual(moveOf(store()), { position: 'open', label: 'Open the breaker…' });
  assert.deepEqual(moveOf(away), { position: 'closed', label: 'Try now' });
  assert.equal(moveOf({ ...away, breaker_by: 'hand' }).label, 'Close the breaker');
  assert.equal(moveOf(store({ breaker: 'off' })), null);
  assert.equal(moveOf(store({ state: 'off' })), null);
});

test('what came of a move is told, and that the journal does not know of it', () => {
  const now = { store: 'sqlite', breaker: 'open', by: 'hand', noted: true };
  assert.match(moved(now), /^Nothing is written to sqlite/);
  assert.match(moved({ ...now, by: '' }), /being tried now/);
  assert.match(moved({ ...now, noted: false }), /the next start will not know of it\.$/);
});

test('charts of a store that is behind say what they lack', () => {
  assert.match(lacking(away), /^.+ is 4 min behind: what it has not stored yet is missing here/);
  assert.equal(lacking(store({ lag: 500, lag_seconds: 2 })), '');
  assert.equal(lacking(undefined), '');
});
