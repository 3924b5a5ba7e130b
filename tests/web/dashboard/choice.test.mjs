import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  chosen,
  isShown,
  keyOfChart,
  MAX_CHARTS,
  narrowing,
  readChoice,
  withAttribute,
  writeChoice,
} from '../../../web/dashboard/src/core/choice.js';

const NOW = 1_795_470_600_000;
const read = (query) => readChoice(new URLSearchParams(query), NOW);

test('each name begins a chart, and what follows belongs to it', () => {
  const { charts } = read('name=cpu&source=a&attribute=gpu%3D0&name=cpu&source=b&by=session&name=queue');
  assert.deepEqual(charts, [
    { name: 'cpu', source: 'a', session: '', attributes: ['gpu=0'], by: 'source' },
    { name: 'cpu', source: 'b', session: '', attributes: [], by: 'session' },
    chosen('queue'),
  ]);
});

test('a choice that is written reads the same again, whatever is in it', () => {
  const odd = 'a=b&c ?#é🗼%';
  const choice = {
    charts: [
      { name: odd, source: odd, session: odd, attributes: [`k=${odd}=${odd}`, 'z='], by: 'session' },
      chosen('b'),
    ],
    span: { kind: 'fixed', from: NOW - 1_000, to: NOW - 200 },
  };
  assert.deepEqual(read(writeChoice(choice).toString()), choice);
});

test('the span is the last 5 minutes unless it is said', () => {
  assert.deepEqual(read('name=a').span, { kind: 'live', length: 300_000 });
  assert.equal(writeChoice(read('name=a')).toString(), 'name=a');
  assert.deepEqual(read('last=30d').span, { kind: 'live', length: 30 * 86_400_000 });
  for (const nonsense of ['last=', 'last=-1s', 'last=5', 'last=9999999d', 'from=2&to=1', 'from=x&to=2']) {
    assert.deepEqual(read(nonsense).span, { kind: 'live', length: 300_000 }, nonsense);
  }
});

test('too many charts, the same one again, and names that cannot be are left out', () => {
  const many = Array.from({ length: 30 }, (_, i) => `name=m${i}`).join('&');
  assert.equal(read(many).charts.length, MAX_CHARTS);
  assert.equal(read(`name=a&name=a&name=&source=x&name=${'y'.repeat(300)}`).charts.length, 2);
});

test('an attribute has a key, one value a key, and there are at most eight', () => {
  const one = withAttribute(withAttribute(chosen('a'), 'gpu=0'), 'gpu=1');
  assert.deepEqual(one.attributes, ['gpu=1']);
  assert.equal(withAttribute(one, '=1'), one);
  assert.equal(withAttribute(one, 'gpu'), one);
  const many = Array.from({ length: 12 }, (_, i) => `k${i}=v`).reduce(withAttribute, chosen('a'));
  assert.equal(many.attributes.length, 8);
});

test('a live metric is shown by the same rules as the server filters by', () => {
  const metric = {
    offset: 1,
    name: 'cpu',
    value: 1,
    time: 1,
    source: 'a',
    attributes: { gpu: 0, up: true, os: 'x=y' },
  };
  const shows = (query) => isShown(read(`name=cpu&${query}`).charts[0], metric);
  assert.ok(shows('') && shows('source=a') && shows('attribute=gpu%3D0&attribute=up%3Dtrue'));
  assert.ok(shows(`attribute=${encodeURIComponent('os=x=y')}`));
  assert.ok(
    !shows('source=b') && !shows('session=s') && !shows('attribute=gpu%3D1') && !shows('attribute=no%3D1'),
  );
  assert.ok(!isShown(chosen('cp'), metric));
});

test('charts of one name are told apart in words and by key', () => {
  const [all, some] = read('name=a&name=a&source=x&attribute=gpu%3D0').charts;
  assert.equal(narrowing(all), '');
  assert.equal(narrowing(some), 'from x, gpu=0');
  assert.notEqual(keyOfChart(all), keyOfChart(some));
});
