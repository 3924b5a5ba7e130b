import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  account,
  accountWords,
  bodyOf,
  CAUSES,
  expiryWords,
  filterOf,
  impossible,
  lostWords,
  matches,
  rateOf,
  redriveWords,
  reselect,
  why,
} from '../../../web/dashboard/src/core/letters.js';

const ANY = filterOf(new URLSearchParams());
const letter = (id, extra = {}) => ({
  id,
  store: 'sqlite',
  offset: id,
  accepted_at: Date.parse('2026-11-23T12:00:00Z') * 1e6,
  name: 'load',
  source: 'a',
  cause: 'check',
  error: 'no',
  attempts: 1,
  first_failed_at: 0,
  last_failed_at: 0,
  ...extra,
});
const byId = (...letters) => new Map(letters.map((each) => [each.id, each]));

test('an address without a filter means all, and that is asked for by name', () => {
  assert.deepEqual(bodyOf(ANY), { all: true });
  const some = filterOf(new URLSearchParams('cause=check&after=2026-11-23T12:00:00Z&id=7&other=x'));
  assert.deepEqual(bodyOf(some), { cause: 'check', after: '2026-11-23T12:00:00Z' });
});

test('a time that is none, or has no zone, is no filter', () => {
  for (const text of ['soon', '2026-11-23T12:00', '2026-99-23T12:00:00Z']) {
    assert.equal(filterOf(new URLSearchParams({ after: text })).after, '', text);
  }
});

test('a span that ends before it begins is impossible', () => {
  const [early, late] = ['2026-11-23T12:00:00Z', '2026-11-23T13:00:00Z'];
  assert.equal(impossible({ ...ANY, after: early, before: late }), '');
  assert.notEqual(impossible({ ...ANY, after: late, before: early }), '');
  assert.notEqual(impossible({ ...ANY, after: early, before: early }), '');
});

test('a letter matches what it is, from the first moment of a span until before its end', () => {
  const at = '2026-11-23T12:00:00Z';
  for (const [change, fits] of [
    [{}, true],
    [{ cause: 'check', name: 'load', source: 'a', store: 'sqlite' }, true],
    [{ name: 'loa' }, false],
    [{ after: at }, true],
    [{ before: at }, false],
  ]) {
    assert.equal(matches(letter(1), { ...ANY, ...change }), fits, JSON.stringify(change));
  }
});

test('a selection loses what has left the queue or the filter, and says how many; what is further down stays', () => {
  const selected = byId(letter(1), letter(2, { cause: 'nul-byte' }), letter(3), letter(9));
  const filter = { ...ANY, cause: 'check' };
  const part = reselect(selected, [letter(3, { attempts: 2 }), letter(4)], false, filter);
  assert.deepEqual([[...part.selected.keys()], part.left, part.outside], [[3, 9], 1, 1]);
  assert.equal(part.selected.get(3).attempts, 2);
  assert.equal(
    lostWords(part),
    '1 selected dead letter does not match this filter, and 1 selected dead letter has left the queue: no longer selected.',
  );
  const all = reselect(selected, [letter(3)], true, filter);
  assert.deepEqual([[...all.selected.keys()], all.left], [[3], 2]);
  assert.equal(lostWords({ left: 0, outside: 0 }), '');
});

test('what a redrive would do is said with number, store and rate', () => {
  assert.equal(
    redriveWords(1_204, 'supabase', 500),
    'This sends 1,204 dead letters to supabase again, 500 a second.',
  );
  assert.equal(
    redriveWords(1, '', null),
    'This sends 1 dead letter to the stores that refused them again, as fast as the store takes it.',
  );
});

test('a rate is a positive number, or none', () => {
  assert.equal(rateOf(' '), null);
  assert.equal(rateOf('0.5'), 0.5);
  for (const text of ['0', '-1', 'fast', '1e10']) assert.ok(Number.isNaN(rateOf(text)), text);
});

test('letters that were redriven are gone; refused ones were tried once more; the others are queued', () => {
  const before = byId(letter(1), letter(2), letter(3), letter(4));
  const after = byId(letter(2, { attempts: 2 }), letter(3), letter(4, { attempts: 2, redriving: true }));
  const counts = account(before, after);
  assert.deepEqual(counts, { redriven: 1, refused: 1, queued: 2 });
  assert.equal(
    accountWords(counts),
    '1 dead letter redriven; 1 refused again, and kept with the error that it got; 2 queued: stored once the store takes them.',
  );
});

test('what did not happen to any letter is not spoken of', () => {
  assert.equal(
    accountWords({ redriven: 0, refused: 450, queued: 0 }),
    '450 dead letters refused again, and kept with the error that they got.',
  );
  assert.equal(accountWords({ redriven: 0, refused: 0, queued: 0 }), 'No dead letter was left to redrive.');
});

test('every cause has a sentence, an unknown one as well, and the weather is not blamed on the metric', () => {
  for (const cause of [...Object.keys(CAUSES), 'of-tomorrow']) {
    assert.match(why({ cause, store: 'supabase' }), /^supabase can never store it as it is: \w.+\.$/);
  }
  assert.match(why({ cause: 'refused', store: 'supabase', weather: true }), /^Nothing is known to be wrong/);
});

test('the oldest is said to expire in so many days, and soon where its time has come', () => {
  const now = Date.UTC(2026, 10, 23);
  const at = (/** @type {number} */ seconds) => (now / 1e3 + seconds) * 1e9;
  assert.equal(expiryWords(at(90 * 86_400), now), 'expires in 90 days');
  assert.equal(expiryWords(at(7_200), now), 'expires in 2 h');
  assert.equal(expiryWords(at(-3_000), now), 'expires soon');
  assert.equal(expiryWords(0, now), 'refused first');
});
