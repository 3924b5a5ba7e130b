import assert from 'node:assert/strict';
import { test } from 'node:test';

import { makeTickets } from '../../../web/dashboard/src/net/tickets.js';

/** Forebay with Realtime in `realtime.state`, and what it was asked for. */
function forebay(state) {
  const asked = [];
  const realtime = { state };
  const get = async (path) => {
    asked.push(path);
    if (path === 'api/status') return { realtime };
    return { token: `t${asked.length}`, expires_at: (Date.now() + 3_600_000) * 1e6 };
  };
  return { asked, realtime, tickets: makeTickets({ get }, () => 'me') };
}

test('where Realtime is off no ticket is asked for, and a ticket comes once it is on', async () => {
  const { asked, realtime, tickets } = forebay('off');
  await assert.rejects(tickets.get(), { status: 409, message: /Realtime is off/ });
  assert.deepEqual(asked, ['api/status']);
  realtime.state = 'idle';
  assert.equal((await tickets.get()).token, 't3');
});

test('a ticket is kept while it is good, and renewed without asking again whether Realtime is on', async () => {
  const { asked, tickets } = forebay('publishing');
  assert.equal((await tickets.get()).token, 't2');
  assert.equal((await tickets.get()).token, 't2');
  assert.equal((await tickets.renew()).token, 't3');
  assert.deepEqual(asked, ['api/status', 'api/realtime', 'api/realtime']);
});
