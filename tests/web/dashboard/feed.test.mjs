import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chosen } from '../../../web/dashboard/src/core/choice.js';
import { makeFeed } from '../../../web/dashboard/src/views/explore/feed.js';

const NOW = 1_795_470_600_000;
const STEP = 1_000;
const MINUTE = { from: NOW - 60_000, to: NOW };
const GRID = { from: NOW - 60_000, step: STEP, length: 62 };

const metric = (source, time, extra = {}) => ({
  offset: 0,
  name: 'm',
  value: 1,
  time: time * 1e6,
  source,
  ...extra,
});

/** A server that has a metric a second of each of `sources`, and remembers what it was asked. */
function server(sources, { fails = () => false, sessions = [] } = {}) {
  const queries = [];
  return {
    queries,
    sources: () => sources,
    sessions: async () => sessions,
    lag: () => 0,
    now: () => NOW,
    series: async (query, signal) => {
      queries.push(query);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      if (fails()) throw new Error('store sqlite: away');
      const from = Math.ceil(query.from / query.step) * query.step;
      const points = [];
      for (let time = from; time < query.to; time += query.step) {
        points.push({ time: time * 1e6, min: 0, mean: 1, max: 2, count: query.step / 1_000 });
      }
      return sources
        .filter((source) => query.source === null || query.source === source)
        .map((source) => ({ name: query.name, source, unit: 'ms', points }));
    },
  };
}

function open(one, asked, now = NOW) {
  const told = { changed() {}, grown() {} };
  return makeFeed(one, asked, told, now);
}

const settled = async () => {
  for (let i = 0; i < 40; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

const counts = (feed, grid = GRID) => {
  for (const line of feed.lines()) line.joined = { ...line.joined, ...fresh(grid.length) };
  feed.fill(grid);
  return feed.lines().map((line) => [line.label, line.joined.summary.count]);
};
const fresh = (length) => ({
  min: new Float64Array(length),
  max: new Float64Array(length),
  sum: new Float64Array(length),
  count: new Float64Array(length),
  mean: new Array(length).fill(null),
});

test('history has a line a source, and live metrics go on in the same one', async () => {
  const feed = open(chosen('m'), server(['b', 'a']));
  feed.take(metric('b', NOW + 100));
  feed.tick(MINUTE, STEP, NOW);
  assert.ok(feed.loading());
  await settled();
  assert.deepEqual(counts(feed), [
    ['a', 60],
    ['b', 61],
  ]);
  assert.equal(feed.unit(), 'ms');
  assert.ok(!feed.loading());
});

test('the server is asked for one thing at a time, and not again for what is there', async () => {
  const asked = server(['a']);
  const feed = open(chosen('m'), asked);
  for (let i = 0; i < 5; i += 1) feed.tick(MINUTE, STEP, NOW);
  await settled();
  assert.equal(asked.queries.length, 1);
  feed.tick(MINUTE, STEP, NOW + 100);
  await settled();
  assert.equal(asked.queries.length, 1, 'it waits before it goes on');
  feed.tick({ from: MINUTE.from + 5_000, to: NOW + 5_000 }, STEP, NOW + 5_000);
  await settled();
  assert.equal(asked.queries.length, 2);
  assert.ok(asked.queries[1].from >= NOW - 5_000, 'the tail alone');
  assert.deepEqual(counts(feed, { ...GRID, from: GRID.from + 5_000 }), [['a', 60]]);
});

test('a question that is overtaken changes nothing', async () => {
  const asked = server(['a']);
  const feed = open(chosen('m'), asked);
  feed.tick(MINUTE, STEP, NOW);
  feed.tick({ from: NOW - 3_600_000, to: NOW }, 60_000, NOW);
  await settled();
  assert.equal(feed.error(), '');
  assert.deepEqual(
    asked.queries.map(({ step }) => step),
    [STEP, 60_000],
  );
  assert.deepEqual(counts(feed, { from: NOW - 3_600_000, step: 60_000, length: 60 }), [['a', 3_600]]);
});

test('where the store cannot be asked, live metrics stay, the reason is told, and it is asked again', async () => {
  let away = true;
  const feed = open(chosen('m'), server(['a'], { fails: () => away }));
  feed.take(metric('a', NOW - 500));
  feed.tick(MINUTE, STEP, NOW);
  await settled();
  assert.equal(feed.error(), 'store sqlite: away');
  assert.deepEqual(counts(feed), [['a', 1]]);
  away = false;
  feed.tick(MINUTE, STEP, NOW + 500);
  await settled();
  assert.equal(feed.error(), 'store sqlite: away', 'not at once');
  feed.retry();
  feed.tick(MINUTE, STEP, NOW + 600);
  await settled();
  assert.equal(feed.error(), '');
  assert.deepEqual(counts(feed), [['a', 61]]);
});

test('of more sources than lines those are drawn that have the most, and the others counted', async () => {
  const sources = Array.from({ length: 30 }, (_, i) => `s${i}`);
  const asked = server(sources);
  const series = asked.series;
  asked.series = async (query, signal) =>
    (await series(query, signal)).filter(({ source }) => Number(source.slice(1)) >= 15);
  const feed = open(chosen('m'), asked);
  feed.tick(MINUTE, STEP, NOW);
  await settled();
  const drawn = counts(feed);
  assert.equal(drawn.length, 12);
  assert.ok(drawn.every(([label, count]) => Number(label.slice(1)) >= 15 && count === 60));
  assert.equal(feed.further(), 18);
  feed.take(metric('s0', NOW));
  assert.equal(feed.lines().length, 12);
});

test('a line a session asks for the sessions of that time alone', async () => {
  const session = (name, from, to) => ({
    session: name,
    source: 'a',
    first_time: from * 1e6,
    last_time: to * 1e6,
    count: 1,
  });
  const sessions = [session('now', NOW - 9_000, NOW), session('old', 0, NOW - 3_600_000)];
  const asked = server(['a'], { sessions });
  const feed = open({ ...chosen('m'), by: 'session' }, asked);
  feed.tick(MINUTE, STEP, NOW);
  await settled();
  assert.deepEqual(
    asked.queries.map((query) => query.session),
    ['now'],
  );
  feed.take(metric('a', NOW, { session: 'next' }));
  assert.deepEqual(
    feed.lines().map(({ label }) => label),
    ['next', 'now'],
  );
});

test('a late metric, which history has among others, has the history fetched anew', async () => {
  const asked = server(['a']);
  const feed = open(chosen('m'), asked);
  feed.tick(MINUTE, STEP, NOW);
  await settled();
  feed.take(metric('a', NOW - 30_000));
  feed.tick(MINUTE, STEP, NOW + 11_000);
  await settled();
  assert.ok(asked.queries.at(-1).from < NOW - 60_000, 'the whole of it');
});
