import assert from 'node:assert/strict';
import { test } from 'node:test';

import { READY } from '../../../web/dashboard/src/core/relying.js';
import { metrics, status } from './frames.mjs';
import { World } from './world.mjs';

const otherThan = (name) => (name === 'websocket' ? 'realtime' : 'websocket');
const NAMES = ['websocket', 'realtime'];

/** A page on which `name` alone is open and only statuses come. */
function quietPage(name, options = {}) {
  const world = new World(name, options);
  world.flows = false;
  return world.run(10_000);
}

/** What a person can see of a standby: notes, and what the meters count. */
const words = ({ link }) => [
  link.notes,
  link.falls,
  link.together,
  link.meters.websocket.reconnects,
  link.meters.realtime.reconnects,
];

test('two seconds after the last frame of a transport that fell silent the page relies on the other', () => {
  for (const name of NAMES) {
    for (const lag of [0, 250]) {
      const world = quietPage(name);
      world.lag = lag;
      world.break(name, 'dumb');
      const { heardAt } = world.link.lines[name];
      while (world.link.active === name && world.now - heardAt < 10_000) world.run(250);
      assert.ok(world.now - heardAt <= 2_000, `${world.now - heardAt} ms, ${name}, ${lag}`);
      assert.equal(world.link.active, otherThan(name), 'with no moment without a transport');
      assert.equal(world.link.fallback.because, 'is silent');
      assert.match(world.link.notes.at(-1).text, /^Falling back/);
    }
  }
});

test('statuses that come up to 1.2 s after one another are no reason for anything', () => {
  for (const name of NAMES) {
    const world = quietPage(name);
    const { opens, now } = world;
    const before = words(world);
    for (let at = now + 50, said = now, i = 0; at < now + 60_000; at += 50) {
      world.now = at;
      if (at - said >= 1_000 + ((i * 70) % 201)) {
        world.say(name, status());
        said = at;
        i += 1;
      }
      if (at % 250 === 0) world.tell({ type: 'tick' });
    }
    assert.equal(world.opens.length, opens.length);
    assert.deepEqual(words(world), before);
  }
});

test('a status that is later opens a standby, which goes again without a word', () => {
  for (const name of NAMES) {
    const world = quietPage(name);
    const other = otherThan(name);
    for (let times = 0; times < 3; times += 1) {
      const before = words(world);
      world.is[name] = 'dumb';
      world.run(1_500);
      world.is[name] = 'up';
      world.say(name, status());
      assert.ok(world.open[other], 'it is ready');
      assert.equal(world.link.active, name);
      world.run(READY + 500);
      assert.ok(!world.open[other], 'it is not kept');
      assert.equal(world.link.standby, null);
      assert.deepEqual(words(world), before);
    }
  }
});

test('a standby brings nothing twice and hides no hole', () => {
  const world = new World('realtime').run(5_000);
  world.is.realtime = 'dumb';
  world.run(1_500);
  world.is.realtime = 'up';
  world.run(20_000);
  assert.ok([...world.counts.values()].every((times) => times === 1));
  assert.equal(world.counts.size, world.model.state.next);
  assert.deepEqual(
    NAMES.map((name) => world.link.meters[name].duplicates),
    [0, 0],
  );
});

test('where Realtime is known to be refused no standby asks for it again', () => {
  const world = quietPage('websocket', { realtime: 'refused' });
  for (let times = 0; times < 100; times += 1) {
    world.beat = 1_500;
    world.run(1_500);
  }
  assert.ok(world.opens.filter(({ name }) => name === 'realtime').length <= 1);
  assert.equal(world.link.fallback, null);
  assert.equal(world.link.active, 'websocket');
});

test('a page whose timers are slowed down relies on what it hears', () => {
  for (const tick of [1_000, 2_000, 4_000, 60_000]) {
    const world = new World('websocket');
    world.flows = false;
    world.tick = tick;
    world.run(10 * 60_000);
    assert.deepEqual(
      world.opens.map(({ name }) => name),
      ['websocket'],
      `ticks each ${tick} ms`,
    );
    assert.equal(world.link.falls, 0);
  }
});

test('a page that stood still for a moment listens before it gives a transport up', () => {
  for (const still of [1_500, 2_500, 4_000]) {
    const world = quietPage('websocket');
    world.now += still;
    world.tell({ type: 'tick' });
    assert.equal(world.link.fallback, null);
    world.say('websocket', { ...metrics(world.next, world.next), at: world.now * 1e6 });
    world.next += 1;
    world.run(1_000);
    assert.equal(world.opens.length, 1);
  }
});

test('a page that stands still again and again finds a silence all the same', () => {
  const world = quietPage('websocket');
  world.break('websocket', 'dumb');
  for (let times = 0; times < 3; times += 1) {
    world.now += 2_000;
    world.tell({ type: 'tick' });
  }
  assert.equal(world.link.active, 'realtime');
});
