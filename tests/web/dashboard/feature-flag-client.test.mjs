import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';

import { OpenFeature } from '../../../web/dashboard/node_modules/@openfeature/web-sdk/dist/esm/index.js';
import { makeFeatureFlags } from '../../../web/dashboard/src/net/feature-flag-client.js';
import { makeSettings } from '../../../web/dashboard/src/net/settings.js';

/** A server that speaks OFREP, as far as the provider asks for all flags. */
const answers = { status: 200, flags: {}, asked: [] };
const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  answers.asked.push({ url: request.url, known: request.headers['if-none-match'], ...JSON.parse(body) });
  const flags = Object.entries(answers.flags).map(([key, value]) => ({ key, value, reason: 'STATIC' }));
  const tag = `"${JSON.stringify(answers.flags).length}-${Object.values(answers.flags).join()}"`;
  const status = answers.status === 200 && request.headers['if-none-match'] === tag ? 304 : answers.status;
  response.writeHead(status, { 'content-type': 'application/json', etag: tag });
  response.end(status === 200 ? JSON.stringify({ flags }) : undefined);
});
let base = '';

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${server.address().port}/`;
});
beforeEach(() => Object.assign(answers, { status: 200, flags: {}, asked: [] }));
after(async () => {
  await OpenFeature.close();
  server.close();
});

globalThis.addEventListener ??= () => {}; // node has no window that storage events could come to

/** Settings of a browser that keeps nothing, with `values` set. */
function makeKept(values = {}) {
  const settings = makeSettings();
  for (const [key, value] of Object.entries(values)) settings.set(key, value);
  return settings;
}

const make = (settings = makeKept(), expired = () => {}) =>
  makeFeatureFlags({ session: 's1', base, settings, expired });

test('what the server says of the session replaces what is usual, and a change is told once', async () => {
  answers.flags = { transport: 'dual', open: false };
  const flags = make();
  const told = [];
  flags.watch('transport', () => told.push(flags.flag('transport', 'websocket')));
  assert.equal(flags.flag('transport', 'websocket'), 'websocket');
  assert.equal(flags.flag('open', true), true);
  await flags.refresh();
  assert.equal(flags.flag('open', true), false);
  await flags.refresh();
  answers.flags = { transport: 'realtime', open: false };
  await flags.refresh();
  assert.deepEqual(told, ['dual', 'realtime']);
  assert.deepEqual(
    answers.asked.map(({ url, context, known }) => [url, context.targetingKey, Boolean(known)]),
    [false, true, true].map((known) => ['/ofrep/v1/evaluate/flags', 's1', known]),
  );
});

test('a server that is away changes nothing, and is asked again', async () => {
  answers.status = 503;
  const settings = makeKept({ flags: { transport: 'dual' } });
  const flags = make(settings);
  await flags.refresh();
  await flags.refresh();
  assert.equal(flags.flag('transport', 'websocket'), 'dual', 'as it was before the reload');
  answers.status = 200;
  answers.flags = { transport: 'realtime' };
  await flags.refresh();
  assert.equal(flags.flag('transport', 'websocket'), 'realtime');
});

test('a value of another type than the usual one is not taken', async () => {
  answers.flags = { transport: 7 };
  const flags = make();
  flags.flag('transport', 'websocket');
  await flags.refresh();
  assert.equal(flags.flag('transport', 'websocket'), 'websocket');
});

test('a login that has expired is told', async () => {
  answers.status = 401;
  let expired = 0;
  await make(makeKept(), () => {
    expired += 1;
  }).refresh();
  assert.equal(expired, 1);
});
