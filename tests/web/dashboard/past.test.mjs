import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  actors,
  figures,
  flags,
  headline,
  isAt,
  justAfter,
  justBefore,
  keptSince,
  lastMoment,
  localTime,
  stores,
} from '../../../web/dashboard/src/core/past.js';

const NOON = Date.UTC(2026, 10, 23, 12) * 1e6;
const NEAR = NOON / 1e6;

const folded = (extra = {}) => ({
  accepted: 0,
  events: 0,
  cursors: {},
  actors: {},
  opened_at: 0,
  clean: true,
  retired_before: 0,
  breakers: {},
  flags: {},
  lost_metrics: 0,
  ...extra,
});
const cursor = (persisted, extra = {}) => ({
  offset: persisted,
  persisted,
  dead_lettered: 0,
  lost: 0,
  ...extra,
});
const breaker = (position, since, extra = {}) => ({
  position,
  since,
  failures: 0,
  error: '',
  probe_at: 0,
  by: '',
  ...extra,
});

test('what is different now is marked, with how much', () => {
  const then = folded({ accepted: 1000, cursors: { sqlite: cursor(900) } });
  const now = folded({ accepted: 3000, cursors: { sqlite: cursor(3000) } });
  const [accepted, stored, waiting, dead] = figures(then, now);
  assert.deepEqual([accepted.then, accepted.now, accepted.changed], ['1,000', '3,000 (+2,000)', true]);
  assert.deepEqual([stored.then, stored.now], ['900', '3,000 (+2,100)']);
  assert.deepEqual([waiting.then, waiting.now], ['100', '0 (−100)']);
  assert.deepEqual([dead.then, dead.changed], ['0', false]);
});

test('what waits is what the store that is furthest behind waits for', () => {
  const state = folded({ accepted: 100, cursors: { sqlite: cursor(100), pg: cursor(40) } });
  const [, stored, waiting] = figures(state, state);
  assert.deepEqual([stored.then, stored.note], ['100', 'in sqlite, as noted']);
  assert.deepEqual([waiting.then, waiting.note], ['60', 'for pg']);
});

test('nothing differs from itself', () => {
  const state = folded({
    accepted: 5,
    cursors: { sqlite: cursor(5) },
    breakers: { sqlite: breaker('open', NOON) },
    actors: { ingest: { restarts: 1, crashes: 1, last_error: 'x', last_crash_at: NOON } },
    flags: { f: { value: true, rollout: 10, overrides: { a: false }, updated_at: NOON, by: '' } },
  });
  const cells = [stores, actors, flags].flatMap((of) => of(state, state, NEAR).flatMap((row) => row.cells));
  assert.ok(cells.length > 10);
  assert.ok([...cells, ...figures(state, state)].every((cell) => !cell.changed));
});

test('a store that was not there yet, and one that is gone, are rows too', () => {
  const rows = stores(
    folded({ cursors: { old: cursor(5) } }),
    folded({ cursors: { young: cursor(7) } }),
    NEAR,
  );
  assert.deepEqual(
    rows.map(({ key, cells: [first] }) => [key, first.then, first.now]),
    [
      ['old', '5', 'gone'],
      ['young', '–', '7'],
    ],
  );
});

test('a breaker says how it stood, since when, and who held it', () => {
  const then = folded({ breakers: { pg: breaker('open', NOON, { by: 'hand' }) } });
  const [{ cells }] = stores(then, folded(), NEAR);
  assert.deepEqual([cells[4].then, cells[4].now], ['open by hand', 'closed']);
  assert.equal(cells[5].then, localTime(NOON, NEAR));
});

test('a flag that is back at its default is told so', () => {
  const then = folded({
    flags: { f: { value: 'dual', rollout: 20, overrides: {}, updated_at: NOON, by: '' } },
  });
  const [{ cells }] = flags(then, folded(), NEAR);
  assert.deepEqual(
    cells.slice(0, 2).map((cell) => [cell.then, cell.now]),
    [
      ['dual', 'default'],
      ['20 %', '–'],
    ],
  );
});

test('the last moment of each kind is found, and none where none was', () => {
  const state = folded({
    opened_at: 3,
    breakers: { a: breaker('closed', 5), b: breaker('open', 9) },
    actors: { ingest: { restarts: 1, crashes: 1, last_error: 'x', last_crash_at: 7 } },
  });
  assert.deepEqual(lastMoment(state, 'breaker'), { kind: 'breaker', what: 'b open', at: 9 });
  assert.deepEqual(lastMoment(state, 'crash'), { kind: 'crash', what: 'ingest', at: 7 });
  assert.deepEqual(lastMoment(state, 'start'), { kind: 'start', what: '', at: 3 });
  assert.equal(lastMoment(state, 'flag'), null);
});

test('just after and just before a time leave room for what a JSON number cannot hold', () => {
  const exact = 1_795_470_387_661_842_537n;
  const read = Number(exact);
  assert.ok(BigInt(justAfter(read)) > exact);
  assert.ok(BigInt(justBefore(read)) < exact);
  assert.ok(isAt({ time: Number(exact + 200n) }, read));
  assert.ok(!isAt({ time: read + 1e6 }, read));
});

test('a time says its day only where that is another', () => {
  assert.equal(localTime(NOON, NEAR).length < localTime(NOON, NEAR + 7 * 864e5).length, true);
});

test('the headline tells the present from the past, and what is guessed', () => {
  const point = { offset: 1200, next: 5000, at: NOON, exact: true, live: false, playing: false };
  const past = headline(point, NEAR + 240_000);
  assert.equal(past.where, 'offset 1,200 of 5,000 · 4 min ago');
  assert.equal(past.badge, 'the past');
  assert.match(headline({ ...point, exact: false }, NEAR).when, /^about /);
  assert.equal(headline({ ...point, live: true }, NEAR).badge, 'live');
  assert.equal(headline({ ...point, playing: true }, NEAR).badge, 'playing');
  assert.equal(headline({ ...point, at: null }, NEAR).where, 'offset 1,200 of 5,000');
});

test('it is told from when on the past is kept', () => {
  assert.match(keptSince(NOON, 700, NEAR), /^kept since .*, offset 700; older segments are retired$/);
  assert.match(keptSince(NOON, 0, NEAR), /^begun /);
  assert.equal(keptSince(undefined, 0, NEAR), '');
});
