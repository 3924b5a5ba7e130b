import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { makeHistory, seriesOf } from '../../../web/dashboard/src/net/supabase-client.js';

const QUERY = { name: 'cpu', from: 1_732_400_000_000_000_000, to: 1_732_400_060_000_000_000, step: 1e9 };

/** What Forebay is asked; it answers with `answer`. */
function forebay(answer = []) {
  const asked = [];
  return {
    asked,
    get: async (path) => {
      asked.push(path);
      return answer;
    },
  };
}

/** A server where PostgREST would be; `respond` is given each request's path, query, headers and body. */
async function postgrest(t, respond) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const url = new URL(request.url, 'http://localhost');
    const { status = 200, rows } = respond({ url, headers: request.headers, args: JSON.parse(body) });
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(rows));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const ticket = { url: `http://127.0.0.1:${server.address().port}`, anon_key: 'anon', token: 'ticket' };
  return { get: async () => ticket };
}

test('Forebay is asked in nanoseconds, by an empty source as by any other', async () => {
  const api = forebay();
  const { series, via } = makeHistory({ api });
  await series({ ...QUERY, source: '', attributes: { gpu: '0=1', 'ü ': '' } });
  const asked = new URLSearchParams(api.asked[0].split('?')[1]);
  assert.equal(asked.get('from'), '1732400000000000000');
  assert.equal(asked.get('step'), '1000000000');
  assert.equal(asked.get('source'), '');
  assert.equal(asked.get('session'), null);
  assert.deepEqual(asked.getAll('attribute'), ['gpu=0=1', 'ü =']);
  assert.equal(via().source, 'forebay');
});

test('Supabase is asked page by page with key and ticket, and answers in the same shape', async (t) => {
  const asked = [];
  const tickets = await postgrest(t, (request) => {
    asked.push(request);
    const from = Number(request.url.searchParams.get('offset') ?? 0);
    const size = Math.min(1_000, 1_500 - from);
    const rows = Array.from({ length: size }, (_, i) => ({
      source: from + i < 700 ? 'a' : 'b',
      unit: '%',
      time_ns: from + i,
      min: 1,
      mean: 2,
      max: 3,
      count: 4,
    }));
    return { rows };
  });
  const api = forebay();
  const { series, via } = makeHistory({ api, tickets, prefersSupabase: () => true });
  const [a, b] = await series({ ...QUERY, session: 's', attributes: { gpu: '0' } });
  assert.deepEqual([a.source, a.points.length, b.source, b.points.length], ['a', 700, 'b', 800]);
  assert.deepEqual(a.points[0], { time: 0, min: 1, mean: 2, max: 3, count: 4 });
  assert.equal(asked.length, 2);
  assert.equal(asked[0].url.pathname, '/rest/v1/rpc/forebay_filtered_series');
  assert.deepEqual([asked[0].headers.apikey, asked[0].headers.authorization], ['anon', 'Bearer ticket']);
  assert.deepEqual(asked[0].args, {
    name: 'cpu',
    start_ns: '1732400000000000000',
    until_ns: '1732400060000000000',
    step_ns: '1000000000',
    source: null,
    session: 's',
    attributes: { gpu: '0' },
  });
  assert.deepEqual([api.asked.length, via().source], [0, 'supabase']);
});

test('where Supabase refuses, Forebay is asked, and the reason is kept', async (t) => {
  const refusal = { code: 'PGRST202', message: 'Could not find the function', details: null, hint: null };
  const tickets = await postgrest(t, () => ({ status: 404, rows: refusal }));
  const api = forebay([{ name: 'cpu' }]);
  const { names, via } = makeHistory({ api, tickets, prefersSupabase: () => true });
  assert.deepEqual(await names(), [{ name: 'cpu' }]);
  assert.equal(via().source, 'forebay');
  assert.match(via().because, /Could not find the function/);
});

test('rows become one series a source, none out of none', () => {
  assert.deepEqual(seriesOf('cpu', []), []);
});
