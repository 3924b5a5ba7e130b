import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as core from '../../../web/dashboard/src/core/dashboard-core.js';
import { connectionOf } from '../../../web/dashboard/src/core/link.js';
import { CALM, STEADY } from '../../../web/dashboard/src/core/relying.js';
import { gap, hello, metrics, status } from './frames.mjs';
import { World } from './world.mjs';

const { REFUSED_AGAIN, reduce } = core;
const GOODBYE = {
  type: 'goodbye',
  reason: 'the server is shutting down',
  reconnect_after: 1,
  code: 'stopping',
};
const RETIRED = { type: 'goodbye', reason: 'the WebSocket is retired', reconnect_after: 60, code: 'retired' };

/** Numbers in [0, 1) that are the same in every run. */
function* chances(seed) {
  for (;;) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    yield seed / 2147483648;
  }
}

test('the chosen transport alone is open', () => {
  for (const name of ['websocket', 'realtime']) {
    const world = new World(name).run(20_000);
    assert.deepEqual(
      world.opens.map((each) => each.name),
      [name],
    );
    assert.equal(world.link.active, name);
    assert.equal(world.link.fallback, null);
  }
});

for (const how of ['down', 'dumb', 'refused']) {
  test(`a transport that is ${how} is replaced within two seconds of its failing, and returned to`, () => {
    for (const name of ['websocket', 'realtime']) {
      const other = name === 'websocket' ? 'realtime' : 'websocket';
      const world = new World(name).run(10_000);
      world.break(name, how);
      world.run(2_000);
      assert.equal(world.link.active, other);
      assert.equal(world.link.fallback.from, name);
      assert.notEqual(world.link.fallback.because, '');
      world.run(30_000);
      world.is[name] = 'up';
      if (how === 'refused' && name === 'websocket') world.tell({ type: 'allowed', websocket: true });
      world.run(REFUSED_AGAIN + 2 * STEADY);
      assert.equal(world.link.active, name);
      assert.equal(world.link.fallback, null);
      assert.deepEqual(world.open, { websocket: name === 'websocket', realtime: name === 'realtime' });
      world.run(1_000);
      assert.equal(world.counts.size, world.model.state.next, 'no hole');
    }
  });
}

test('a page whose chosen transport cannot be opened relies on the other within two seconds', () => {
  for (const how of ['down', 'dumb', 'refused']) {
    const world = new World('realtime', { realtime: how }).run(2_000);
    assert.equal(world.link.active, 'websocket', how);
  }
});

test('where there is nothing else to rely on, the chosen transport is relied on as soon as it is back', () => {
  const world = new World('websocket', { realtime: 'refused' }).run(10_000);
  for (let i = 0; i < 5; i += 1) {
    world.break('websocket', 'down');
    world.run(3_000);
    assert.notEqual(world.link.fallback, null);
    world.is.websocket = 'up';
    world.tell({ type: 'retry' });
    assert.equal(world.link.fallback, null);
    world.run(2_000);
  }
  assert.equal(world.link.falls, 5, 'each failure counts once');
});

test('a slow start is no failure: the other transport is left alone', () => {
  const world = new World('websocket', { websocket: 'dumb' });
  world.run(1_000);
  world.is.websocket = 'up';
  world.run(10_000);
  assert.ok(!world.opens.some(({ name }) => name === 'realtime'));
});

test('a transport that comes and goes does not take the page with it', () => {
  const world = new World('realtime').run(5_000);
  let moves = 0;
  let last = world.link.active;
  for (let i = 0; i < 60; i += 1) {
    // Up for ten seconds, down for two, for twelve minutes.
    const seen = ({ link: { active } }) => {
      if (active !== null && active !== last) {
        moves += 1;
        last = active;
      }
    };
    world.break('realtime', 'down');
    world.run(2_000, seen);
    world.is.realtime = 'up';
    world.run(10_000, seen);
  }
  assert.ok(moves <= 4, `${moves} moves`);
  assert.equal(world.link.active, 'websocket');
  world.run(130_000);
  assert.equal(world.link.active, 'realtime', 'steady for long: back');
  world.run(CALM + 10_000);
  assert.equal(world.link.falls, 0);
});

test('in dual mode both are open, and either may fail', () => {
  const world = new World('dual').run(5_000);
  assert.deepEqual(world.open, { websocket: true, realtime: true });
  for (const name of ['websocket', 'realtime']) {
    world.break(name, 'down');
    world.run(3_000);
    assert.notEqual(world.link.active, name);
    assert.notEqual(world.link.active, null);
    world.is[name] = 'up';
    world.run(20_000);
    assert.deepEqual(world.open, { websocket: true, realtime: true });
  }
  assert.ok([...world.counts.values()].every((times) => times === 1));
  assert.equal(world.counts.size, world.model.state.next);
});

test('a change of what is wanted leaves no moment without data', () => {
  const world = new World('websocket').run(5_000);
  world.lag = 1_200;
  for (const wanted of ['realtime', 'dual', 'websocket', 'dual', 'realtime', 'websocket']) {
    world.tell({ type: 'wanted', transport: wanted, by: 'hand' });
    world.run(10_000, ({ link }) => assert.notEqual(link.active, null));
    if (wanted !== 'dual') assert.equal(world.link.active, wanted);
    assert.equal(world.link.fallback, null);
  }
  assert.equal(world.counts.size, world.model.state.next);
});

test('what a WebSocket was asked for and did not bring before it broke is asked for by HTTP', () => {
  const world = new World('dual').run(5_000);
  const first = world.next;
  world.next += 10;
  world.say('realtime', { ...metrics(world.next, world.next), at: world.now * 1e6 });
  world.next += 1;
  assert.deepEqual(world.asked.splice(0), [{ type: 'ask', first, last: first + 9, by: 'websocket' }]);
  world.break('websocket', 'down');
  world.say('realtime', status());
  world.now += 2_000;
  world.say('realtime', status());
  assert.deepEqual(world.asked, [{ type: 'ask', first, last: first + 9, by: 'http' }]);
});

test('a WebSocket that was retired is not tried again until its flag is on', () => {
  const world = new World('websocket').run(5_000);
  world.say('websocket', RETIRED);
  world.is.websocket = 'down';
  const before = world.opens.filter(({ name }) => name === 'websocket').length;
  world.run(600_000);
  assert.equal(world.opens.filter(({ name }) => name === 'websocket').length, before);
  assert.deepEqual([world.link.active, world.link.lines.websocket.phase], ['realtime', 'refused']);
  world.is.websocket = 'up';
  world.tell({ type: 'allowed', websocket: true });
  world.run(15_000);
  assert.equal(world.link.active, 'websocket');
});

test('without any transport the page polls, says so, and asks for what it missed', () => {
  const world = new World('websocket', { realtime: 'refused' }).run(5_000);
  world.say('websocket', RETIRED);
  world.run(2_000);
  assert.equal(world.link.active, null);
  assert.ok(world.polling);
  const before = world.counts.size;
  world.tell({ type: 'frame', transport: 'backfill', frame: hello(world.next) });
  world.tell({ type: 'frame', transport: 'backfill', frame: status() });
  assert.equal(connectionOf(world.link).phase, 'open');
  assert.ok(world.asked.length > 0 && world.asked.every(({ by }) => by === 'http'));
  world.run(250);
  assert.ok(world.counts.size > before);
  world.is.realtime = 'up';
  world.run(REFUSED_AGAIN + 1_000);
  assert.deepEqual([world.link.active, world.polling], ['realtime', false]);
});

test('a goodbye ends a channel that would stay joined, and it is joined anew after the pause', () => {
  const world = new World('realtime').run(5_000);
  world.say('realtime', GOODBYE);
  assert.equal(world.open.realtime, false);
  assert.ok(world.link.lines.realtime.until - world.now >= 1_000);
  world.run(20_000);
  assert.equal(world.link.active, 'realtime');
});

test('a browser that is back in a network does not wait for a connection that the network took', () => {
  const world = new World('websocket').run(5_000);
  world.break('websocket', 'dumb');
  world.break('realtime', 'down');
  world.run(4_000);
  world.is = { websocket: 'up', realtime: 'up' };
  world.open.websocket = false; // nothing comes on it any more
  world.tell({ type: 'retry' });
  world.run(500);
  assert.ok(world.open.websocket);
  assert.notEqual(world.link.active, null);
  const before = world.opens.length;
  world.run(10_000);
  world.tell({ type: 'retry' });
  assert.equal(world.opens.length, before, 'what is well is left alone');
});

test('a page that slept tries at once and has no hole', () => {
  const world = new World('websocket').run(5_000);
  world.next += 50;
  world.now += 3_600_000;
  const before = world.opens.length;
  world.tell({ type: 'tick' });
  assert.ok(world.opens.slice(before).some(({ name, from }) => name === 'websocket' && from !== null));
  world.run(10_000);
  assert.equal(world.counts.size, world.model.state.next);
});

test('a page that missed too much while it slept goes on from now', () => {
  const world = new World('websocket').run(2_000);
  world.tell({ type: 'frame', transport: 'websocket', frame: status({ accepted: 0 }) });
  world.now += 1_000;
  world.tell({ type: 'frame', transport: 'websocket', frame: status({ accepted: 10_000 }) });
  world.next += 36_000_000;
  world.now += 3_600_000;
  world.tell({ type: 'tick' });
  assert.equal(world.opens.findLast(({ name }) => name === 'websocket').from, null);
  world.run(10_000);
  assert.ok(world.model.state.skipped >= 36_000_000);
});

test('a tab that takes over opens what it needs from where the page is, without waiting', () => {
  const world = new World('dual').run(5_000);
  const { next } = world.model.state;
  const before = world.opens.length;
  world.tell({ type: 'taken' });
  assert.deepEqual(
    world.opens.slice(before).map(({ name, from }) => [name, from]),
    [
      ['websocket', next],
      ['realtime', null],
    ],
  );
});

test('a hello that was overtaken by the other transport does not begin the journal anew', () => {
  const world = new World('dual').run(5_000);
  const { counted, next } = world.model.state;
  world.say('websocket', hello(next - 20));
  assert.equal(world.model.state.counted, counted);
  assert.equal(world.model.state.next, next);
});

test('statuses of two transports are one history', () => {
  const world = new World('dual').run(20_000);
  assert.ok(world.model.state.history.length <= 21);
  assert.ok(world.model.state.history.length >= 18);
});

test('the model is plain data', () => {
  const { model } = new World('dual').run(3_000);
  assert.deepEqual(structuredClone(model), model);
});

test('reduce changes nothing that it was given', () => {
  const world = new World('dual').run(2_000);
  const { model } = world;
  const before = structuredClone(model);
  for (const event of [
    { type: 'frame', transport: 'realtime', frame: metrics(world.next + 10, world.next + 20) },
    { type: 'moved', transport: 'websocket', phase: 'closed', detail: 'gone' },
    { type: 'wanted', transport: 'realtime', by: 'url' },
    { type: 'tick' },
  ]) {
    reduce(model, { ...event, at: world.now + 1_000 });
    assert.deepEqual(model, before);
  }
});

test('each metric counts exactly once, however two transports drop, double, delay and gap', () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const chance = chances(seed);
    const next = () => chance.next().value;
    const some = (most) => 1 + Math.floor(next() * most);
    const world = new World('dual');
    /** What each transport has still to say, in its order. */
    const queues = { websocket: [], realtime: [] };
    const say = (name) => {
      const frame = queues[name].shift();
      if (frame) world.say(name, frame);
    };
    for (let step = 0; step < 300; step += 1) {
      world.now += some(150);
      const first = world.next;
      world.next += some(8);
      const frame = { ...metrics(first, world.next - 1), at: world.now * 1e6 };
      for (const name of ['websocket', 'realtime']) {
        const fate = next();
        if (fate < 0.1) queues[name].push(gap(first, world.next - 1));
        else if (fate > 0.2) queues[name].push(frame);
        if (fate > 0.9) queues[name].push(frame);
        for (let i = some(3); i > 1; i -= 1) say(name);
      }
      if (next() < 0.02) {
        const name = next() < 0.5 ? 'websocket' : 'realtime';
        queues[name].length = 0;
        world.break(name, 'up');
      }
      if (next() < 0.3) {
        world.tell({ type: 'tick' });
        for (const name of ['websocket', 'realtime']) world.say(name, status());
      }
      if (next() < 0.5) {
        const [ask] = world.asked.splice(Math.floor(next() * world.asked.length), 1);
        if (ask) world.tell({ type: 'frame', transport: 'backfill', frame: metrics(ask.first, ask.last) });
      }
    }
    for (const name of ['websocket', 'realtime']) queues[name].length = 0;
    world.run(20_000);
    assert.ok(
      [...world.counts.values()].every((times) => times === 1),
      `twice, seed ${seed}`,
    );
    assert.equal(world.counts.size + world.model.state.skipped, world.model.state.next, `hole, seed ${seed}`);
    assert.equal(world.model.state.holes.length, 0, `open hole, seed ${seed}`);
    assert.equal(world.model.state.counted, world.counts.size);
  }
});
