import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  fill,
  find,
  lines,
  perSecond,
  SAMPLES,
  sample,
  stateOf,
  summary,
  trend,
  unfolded,
} from '../../../web/dashboard/src/core/tree.js';
import { actor } from './frames.mjs';

const tree = (extra = {}) =>
  actor('root', {
    kind: 'supervisor',
    children: [
      actor('ingest', extra),
      actor('stores', { kind: 'supervisor', children: [actor('sqlite'), actor('postgres')] }),
    ],
  });

const names = (found) => found.map(({ actor: { name }, depth }) => `${' '.repeat(depth)}${name}`);

test('each actor is a line below its supervisor', () => {
  assert.deepEqual(names(lines(tree(), new Set())), ['root', ' ingest', ' stores', '  sqlite', '  postgres']);
});

test('what is in a folded supervisor is left out, and counted', () => {
  const found = lines(tree(), new Set(['/stores', '/ingest']));
  assert.deepEqual(names(found), ['root', ' ingest', ' stores']);
  assert.deepEqual(
    found.map(({ folded, within }) => [folded, within]),
    [
      [false, 4],
      [false, 0],
      [true, 2],
    ],
  );
});

test('an actor is found wherever it is', () => {
  assert.equal(find(tree(), '/postgres')?.name, 'postgres');
  assert.equal(find(tree(), '/gone'), undefined);
});

test('an actor that is opened is not hidden by a supervisor above it', () => {
  const folded = new Set(['/stores', '/root']);
  assert.deepEqual([...unfolded(folded, tree(), '/sqlite')], []);
  assert.deepEqual([...unfolded(folded, tree(), '/ingest')], ['/stores']);
  assert.deepEqual([...unfolded(folded, tree(), '/stores')], ['/stores']);
  assert.equal(unfolded(folded, tree(), ''), folded);
});

test('a rate is taken over the latest five seconds of statuses', () => {
  let loads = new Map();
  for (let second = 0; second <= 10; second += 1) {
    loads = sample(loads, tree({ processed: second < 5 ? 0 : (second - 5) * 100 }), second * 1000);
  }
  assert.equal(perSecond(loads.get('/ingest')), 100);
  assert.equal(perSecond(loads.get('/sqlite')), 0);
  assert.deepEqual(
    trend(loads.get('/ingest')).map(({ y }) => y),
    [0, 0, 0, 0, 0, 100, 100, 100, 100, 100],
  );
});

test('one sample is no rate, and an actor that counts anew begins anew', () => {
  const first = sample(new Map(), tree({ processed: 500 }), 0);
  assert.equal(perSecond(first.get('/ingest')), null);
  const anew = sample(first, tree({ processed: 3 }), 1000);
  assert.equal(perSecond(anew.get('/ingest')), null);
  assert.equal(perSecond(anew.get('/sqlite')), 0);
  assert.equal(perSecond(undefined), null);
});

test('samples are bounded, and actors that are gone are forgotten', () => {
  let loads = new Map();
  for (let at = 0; at < 2 * SAMPLES; at += 1) loads = sample(loads, tree(), at * 1000);
  assert.equal(loads.get('/ingest').length, SAMPLES);
  assert.deepEqual([...sample(loads, actor('root'), 1e9).keys()], ['/root']);
});

test('a crashed actor and a full mailbox are told in words', () => {
  assert.deepEqual(stateOf(actor('a')), { text: 'running', tone: 'good' });
  assert.equal(stateOf(actor('a', { state: 'restarting' })).text, 'crashed, restarts soon');
  assert.equal(stateOf(actor('a', { mailbox: 10 })).text, 'mailbox full');
  assert.equal(fill(actor('a', { mailbox: 5 })), 0.5);
  assert.equal(fill(actor('a', { mailbox: 0, capacity: 0 })), 0);
});

test('the summary counts actors, restarts and those that do not run', () => {
  assert.equal(summary(tree()), '3 actors');
  assert.equal(summary(tree({ restarts: 2, state: 'restarting' })), '3 actors, 2 restarts, 1 not running');
});
