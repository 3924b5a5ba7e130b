import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exploreParams, namesBySource } from '../../../web/dashboard/src/core/sender-link.js';
import {
  count,
  keyOf,
  MOST,
  nobody,
  recall,
  rowsOf,
  silence,
  tell,
} from '../../../web/dashboard/src/core/session-tracker.js';
import { metric } from './frames.mjs';

const SECOND = 1_000;
const sender = (source, extra = {}) => ({
  source,
  session: '',
  first_time: 10e9,
  last_time: 20e9,
  count: 5,
  rate_10s: 1,
  rate_60s: 1,
  silent: false,
  ...extra,
});
const report = (...senders) => ({ since: 0, kept: senders.length, limit: MOST, forgotten: 0, senders });
const seen = (source, extra = {}) => ({
  source,
  session: '',
  first_time: 1e9,
  last_time: 2e9,
  count: 7,
  ...extra,
});
const usual = { which: 'all', text: '', sort: 'name' };
const names = (rows) => rows.map(({ source }) => source);
const row = (tracked, source, session = '') => tracked.senders.get(keyOf(source, session));

test('every live metric is counted for its sender, exactly, since Forebay was asked', () => {
  const tracked = tell(nobody(), report(sender('a')));
  count(
    tracked,
    [metric(1, { source: 'a' }), metric(2, { source: 'b', session: 's' }), metric(3)],
    30 * SECOND,
  );
  count(tracked, [metric(4, { source: 'a' })], 31 * SECOND);
  assert.deepEqual(
    [row(tracked, 'a').fresh, row(tracked, 'b', 's').fresh, row(tracked, '').fresh],
    [2, 1, 1],
  );
  assert.deepEqual([row(tracked, 'a').count, row(tracked, 'a').seen], [5, 31 * SECOND]);
  assert.equal(row(tell(tracked, report(sender('a', { count: 7 }))), 'a').fresh, 0);
});

test('a live metric ends a silence, which only Forebay can tell', () => {
  const tracked = tell(nobody(), report(sender('a', { silent: true })));
  assert.equal(silence(tracked, 80 * SECOND).recent[0].source, 'a');
  count(tracked, [metric(1, { source: 'a' })], 81 * SECOND);
  assert.deepEqual(silence(tracked, 81 * SECOND), { sending: 1, recent: [], old: 0, past: 0 });
});

test('who has begun while Forebay was answering stays, and goes if it is silent and unknown ever after', () => {
  let tracked = nobody();
  count(tracked, [metric(1, { source: 'new' })], 30 * SECOND);
  tracked = tell(tracked, report(sender('a')));
  assert.equal(row(tracked, 'new').count, 1);
  assert.equal(row(tell(tracked, report(sender('a'))), 'new'), undefined);
});

test('memory is bounded: ten thousand senders, what is more is counted as overlooked', () => {
  const tracked = nobody();
  const many = Array.from({ length: MOST + 5 }, (_, n) => metric(n, { source: `worker-${n}` }));
  count(tracked, many, SECOND);
  assert.deepEqual([tracked.senders.size, tracked.overlooked], [MOST, 5]);
  const told = tell(tracked, report(...many.map(({ source }) => sender(source))));
  assert.equal(told.senders.size, MOST);
  assert.equal(
    recall(
      told,
      many.map(({ source }) => seen(source)),
    ).past.size,
    MOST,
  );
});

test('ten thousand senders are in the order of their numbers', () => {
  const many = Array.from({ length: MOST }, (_, n) =>
    sender(`worker-${(n * 7919) % MOST}`, { session: `s${n}` }),
  );
  const tracked = tell(nobody(), report(...many));
  const rows = rowsOf(tracked, usual);
  assert.deepEqual(names(rows.slice(9, 12)), ['worker-9', 'worker-10', 'worker-11']);
});

test('names as long as Forebay cuts them are one sender, also where they are cut within an emoji pair', () => {
  const long = '😀'.repeat(300);
  const tracked = tell(nobody(), report(sender([...long].slice(0, 200).join(''))));
  count(tracked, [metric(1, { source: long })], 30 * SECOND);
  assert.equal(tracked.senders.size, 1);
});

test('the store adds the past: since when, how many, and who is over', () => {
  const tracked = recall(tell(nobody(), report(sender('a'))), [seen('a'), seen('gone')]);
  const rows = rowsOf(tracked, usual);
  assert.deepEqual(
    rows.map(({ source, past, since, stored }) => [source, past, since, stored]),
    [
      ['a', false, SECOND, 7],
      ['gone', true, SECOND, 7],
    ],
  );
  assert.deepEqual(names(rowsOf(tracked, { ...usual, which: 'past' })), ['gone']);
  assert.equal(row(tell(tracked, report(sender('a'))), 'a').since, SECOND);
});

test('silent ones stand first, then names in the order of their numbers; words filter source and session', () => {
  const tracked = tell(
    nobody(),
    report(sender('w-10'), sender('w-9', { session: 'Night run' }), sender('z', { silent: true })),
  );
  assert.deepEqual(names(rowsOf(tracked, usual)), ['z', 'w-9', 'w-10']);
  assert.deepEqual(names(rowsOf(tracked, { ...usual, text: 'RUN w' })), ['w-9']);
  assert.deepEqual(names(rowsOf(tracked, { ...usual, which: 'silent' })), ['z']);
  assert.deepEqual(names(rowsOf(tracked, { ...usual, which: 'sending' })), ['w-9', 'w-10']);
});

test('rows are ordered by what is wanted, and by name where that is the same', () => {
  const tracked = tell(
    nobody(),
    report(sender('b', { rate_10s: 1 }), sender('c', { rate_10s: 9, last_time: 50e9 }), sender('a')),
  );
  assert.deepEqual(names(rowsOf(tracked, { ...usual, sort: 'rate' })), ['c', 'a', 'b']);
  assert.deepEqual(names(rowsOf(tracked, { ...usual, sort: 'seen' })), ['c', 'a', 'b']);
});

test('the latest silence is named first; what is over for an hour is no news', () => {
  const silent = (source, last) => sender(source, { silent: true, last_time: last * 1e9 });
  const tracked = tell(nobody(), report(silent('a', 100), silent('b', 200), silent('old', 1)));
  const { recent, old } = silence(tracked, 3_610 * SECOND);
  assert.deepEqual([names(recent), old], [['b', 'a'], 1]);
});

test('Explore is asked for what a sender was heard to send, else for what its source has stored', () => {
  const stored = namesBySource([
    { name: 'cpu', sources: ['a', 'b'] },
    { name: 'disk', sources: ['a'] },
  ]);
  const tracked = recall(tell(nobody(), report(sender('a'))), [seen('b', { session: 's' })]);
  const params = (source) =>
    exploreParams(
      rowsOf(tracked, usual).find((each) => each.source === source),
      stored,
    ).toString();
  assert.equal(params('a'), 'name=cpu&source=a&session=&name=disk&source=a&session=');
  assert.equal(params('b'), 'name=cpu&source=b&session=s&from=-59000&to=62000');
  count(tracked, [metric(1, { source: 'a', name: 'gpu' })], SECOND);
  assert.equal(params('a'), 'name=gpu&source=a&session=');
});
