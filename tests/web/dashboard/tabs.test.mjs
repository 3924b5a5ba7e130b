import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BACKFILL, EMPTY, fold, resume } from '../../../web/dashboard/src/core/state.js';
import * as core from '../../../web/dashboard/src/core/tabs.js';
import { hello, metrics, status } from './frames.mjs';

const {
  asked,
  caughtUp,
  CHECK,
  checked,
  heardOf,
  memory,
  PATIENCE,
  QUIET,
  remembered,
  sharingWords,
  watching,
} = core;

/** What a tab does that checks until `until` and hears of the holder when `hears` says so. */
function acts(watch, from, until, hears = () => undefined) {
  const done = [];
  for (let now = from + CHECK; now <= until; now += CHECK) {
    const said = hears(now);
    if (said) watch = heardOf(watch, now, said.visible);
    const next = checked(watch, now);
    watch = next.watch;
    if (next.act !== 'nothing') done.push([now, next.act]);
  }
  return { watch, done };
}

test('a holder that speaks is left alone, one that is quiet is asked, one that is silent is replaced in a second', () => {
  assert.deepEqual(acts(watching(0), 0, 10_000, () => ({})).done, []);
  const { done } = acts(watching(0), 0, 1_000);
  assert.deepEqual(
    done.map(([, act]) => act),
    ['ping', 'take'],
  );
  assert.ok(done[0][0] > QUIET && done[1][0] > PATIENCE && done[1][0] <= 1_000);
});

test('a quiet holder that answers is left alone', () => {
  let asks = 0;
  const { done } = acts(watching(0), 0, 20_000, (now) => (now % 750 === 0 ? {} : undefined));
  for (const [, act] of done) {
    assert.equal(act, 'ping');
    asks += 1;
  }
  assert.ok(asks > 0);
});

test('a tab that stood still itself accuses nobody', () => {
  const { watch, act } = checked(watching(0), 60_000);
  assert.equal(act, 'ping');
  assert.equal(checked(watch, 60_000 + CHECK).act, 'nothing');
});

test('who takes the connection again and again becomes patient, and quick again after a quiet minute', () => {
  let watch = watching(0);
  const waits = [];
  let last = 0;
  for (let now = CHECK; now < 40_000; now += CHECK) {
    const next = checked(watch, now);
    watch = next.watch;
    if (next.act !== 'take') continue;
    waits.push(now - last);
    last = now;
  }
  assert.ok(waits[1] < waits[2] && waits.at(-1) > 4_000, waits.join());
  const later = acts(watch, 40_000, 140_000, () => ({})).watch;
  const { done } = acts(later, 140_000, 150_000);
  assert.equal(done.filter(([, act]) => act === 'take').length > 0, true);
});

test('a holder that nobody looks at is relieved after a second, and not before', () => {
  const { done } = acts(watching(0), 0, 3_000, (now) => ({ visible: now < 1_000 }));
  assert.equal(done[0][1], 'relieve');
  assert.ok(done[0][0] > 2_000 && done[0][0] <= 2_500);
  assert.deepEqual(acts(watching(0), 0, 3_000, (now) => ({ visible: now % 1_000 === 0 })).done, []);
});

test('what is asked for already is not asked for again, until it should have come', () => {
  let asks = [];
  const ask = (first, last, now) => {
    const result = asked(asks, { first, last }, now);
    asks = result.asks;
    return result.again;
  };
  assert.equal(ask(10, 20, 0), false);
  assert.equal(ask(10, 20, 1), true);
  assert.equal(ask(12, 15, 1), true);
  assert.equal(ask(15, 25, 1), false);
  assert.equal(ask(10, 20, 10_000), false);
});

/** The state after `frames`, which came at 0. */
const after = (...frames) => frames.reduce((state, frame) => fold(state, frame, 0).state, EMPTY);

test('a page that is opened again goes on before where it was, and counts each offset once', () => {
  const seen = memory(after(hello(50_000), metrics(50_000, 50_999), status()), 0);
  const begun = remembered(JSON.parse(JSON.stringify(seen)), 5_000);
  const { state, from } = resume(begun, 0);
  assert.ok(from < 50_999 && 51_000 - from <= BACKFILL);
  let folded = fold(state, hello(51_100), 0);
  assert.deepEqual(folded.ask, [], 'the server sends on from there');
  folded = fold(folded.state, metrics(from, 51_099), 0);
  folded = fold(folded.state, metrics(51_050, 51_099), 0);
  assert.equal(folded.state.counted, 51_100 - from);
  assert.equal(folded.state.skipped, 0);
});

test('what was long ago, is too much, or is not what was kept begins anew', () => {
  const seen = { journal: 'a', next: 50_000, since: 40_000, at: 0, rate: 100 };
  assert.equal(remembered(seen, 1_000).journal, 'a');
  assert.equal(remembered(seen, 3_600_000), EMPTY);
  assert.equal(remembered({ ...seen, rate: 100_000 }, 1_000), EMPTY);
  for (const kept of [
    null,
    7,
    'x',
    {},
    { ...seen, next: -1 },
    { ...seen, since: 60_000 },
    { ...seen, rate: '1' },
  ]) {
    assert.equal(remembered(kept, 1_000), EMPTY);
  }
});

test('another journal than the one remembered is begun anew', () => {
  const begun = remembered({ journal: 'a', next: 50_000, since: 40_000, at: 0, rate: 100 }, 1_000);
  const { state } = fold(resume(begun, 0).state, hello(10, 'b'), 0);
  assert.deepEqual([state.journal, state.counted, state.next], ['b', 0, 10]);
});

test('a tab keeps what it has where it can ask for what it missed, else it takes what the other knows', () => {
  const own = after(hello(0), metrics(0, 9), status());
  const near = after(hello(0), metrics(0, 99), status());
  const far = after(hello(0), metrics(0, 9), metrics(10, 10 + BACKFILL), status());
  const missed = caughtUp(own, near, 0);
  assert.deepEqual(missed.ask, [{ first: 10, last: 99 }]);
  assert.equal(fold(missed.state, metrics(10, 99), 0).state.counted, 100);
  assert.equal(caughtUp(own, far, 0).state, far);
  assert.equal(caughtUp(own, after(hello(0, 'b')), 0).state.journal, 'b');
  assert.equal(caughtUp(EMPTY, near, 0).state, near);
  assert.deepEqual(caughtUp(near, own, 0), { state: near, ask: [] }, 'ahead of the other');
});

test('how a tab shares the connection is said in words', () => {
  const say = (role, extra = {}) => sharingWords({ role, why: '', others: 0, ...extra });
  assert.match(say('holds'), /its only one/);
  assert.match(say('holds', { others: 1 }), /1 other tab of/);
  assert.match(say('holds', { others: 3 }), /3 other tabs/);
  assert.match(say('follows'), /Another tab/);
  assert.match(say('alone', { why: 'unsupported' }), /HTTPS/);
  assert.match(say('alone', { why: 'address' }), /address/);
});
