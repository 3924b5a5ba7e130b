/**
 * Supabase Realtime's private channel of frames (actors/realtime), as adapter.js describes it, by the official
 * client.
 *
 * The client's own way back is not used. It is known to leave a channel closed for good after a reconnect
 * (supabase-py issue 1311 and its kin in the other clients), and a server that refuses a token closes a channel
 * that nobody joins again. Whatever ends a channel here ends its connection too, and the next one is begun from
 * nothing: ticket, socket, join.
 *
 * A channel has no hello of its own: once it is joined `GET /api/status` says which journal it is about and how
 * far that is, so that what was missed before can be asked for.
 */

import { ApiError } from './api.js';

/** Milliseconds between heartbeats; with each the client asks for the token that it should have. */
const HEARTBEAT = 15_000;
/** A token is renewed when it is good for less than this (ms): sleep may skip a heartbeat or two. */
const RENEW = 120_000;
const JOIN = 8_000;

/**
 * @typedef {import('@supabase/realtime-js').RealtimeClient} Client
 * @typedef {{client: Client | null, url: string, key: string}} Attempt
 */

/**
 * @param {{emit: import('./adapter.js').Emit, api: import('./api.js').Api,
 *   tickets: import('./tickets.js').Tickets}} browser
 * @returns {import('./adapter.js').Adapter}
 */
export function makeRealtimeAdapter({ emit, api, tickets }) {
  /** @type {Attempt | null} */
  let current = null;
  /** Its client has ended and can be used again: each one keeps listening to the window for ever. @type {Attempt | null} */
  let spare = null;

  /** @param {Attempt} attempt */
  const end = async (attempt) => {
    if (current === attempt) current = null;
    const { client } = attempt;
    if (!client) return;
    const left = client.getChannels().map((channel) => client.removeChannel(channel));
    const ends = await Promise.all([client.disconnect(), ...left]);
    // Not before: a channel that leaves late takes a newer one of its topic with it.
    if (ends.every((each) => each === 'ok')) spare = attempt;
  };

  /** @param {Attempt} attempt @param {string} detail @param {'closed' | 'refused'} [phase] */
  const fail = (attempt, detail, phase = 'closed') => {
    if (current !== attempt) return;
    end(attempt);
    emit({ type: 'moved', transport: 'realtime', phase, at: Date.now(), detail });
  };

  /** @param {Attempt} attempt */
  const greet = async (attempt) => {
    /** @type {import('../core/frames.js').StatusReport} */
    const status = await api.get('api/status');
    if (current !== attempt) return;
    const { id: journal_id, next_offset } = status.journal;
    const frame = {
      type: /** @type {const} */ ('hello'),
      journal_id,
      next_offset,
      flags: {},
      version: status.version,
    };
    emit({ type: 'frame', transport: 'realtime', frame, at: Date.now() });
  };

  /** @param {Attempt} attempt */
  const connect = async (attempt) => {
    // A new one each time: it also tells the server that somebody listens, which one that restarted forgot.
    const ticket = await tickets.renew();
    const { RealtimeClient } = await import('@supabase/realtime-js');
    if (current !== attempt) return;
    attempt.url = ticket.url;
    attempt.key = ticket.anon_key;
    const client = clientFor(attempt, RealtimeClient);
    attempt.client = client;
    await client.setAuth();
    if (current !== attempt) return;
    let said = '';
    client
      .channel(ticket.topic, { config: { private: true } })
      .on('broadcast', { event: 'frame' }, ({ payload }) => {
        if (current !== attempt) return;
        const frame = /** @type {import('../core/frames.js').Frame} */ (payload);
        emit({ type: 'frame', transport: 'realtime', frame, at: Date.now() });
      })
      .on('system', {}, ({ status, message }) => {
        if (status === 'error') said = message;
      })
      .subscribe((status, error) => {
        if (status === 'SUBSCRIBED') {
          greet(attempt).catch((reason) => fail(attempt, words(reason)));
        } else {
          const usual = { CLOSED: 'the channel was closed', TIMED_OUT: 'the join was not answered' };
          fail(
            attempt,
            said || error?.message || (status === 'CHANNEL_ERROR' ? 'the connection broke' : usual[status]),
          );
        }
      }, JOIN);
  };

  /** @param {Attempt} attempt @param {typeof import('@supabase/realtime-js').RealtimeClient} RealtimeClient */
  const clientFor = ({ url, key }, RealtimeClient) => {
    const again = spare;
    spare = null;
    if (again?.client && again.url === url && again.key === key) return again.client;
    return new RealtimeClient(`${url.replace(/\/+$/, '').replace(/^http/, 'ws')}/realtime/v1`, {
      params: { apikey: key },
      heartbeatIntervalMs: HEARTBEAT,
      accessToken: async () => (await tickets.get(RENEW)).token,
      // Not before the adapter has ended it.
      reconnectAfterMs: () => 3_600_000,
    });
  };

  return {
    open() {
      if (current) end(current);
      /** @type {Attempt} */
      const attempt = { client: null, url: '', key: '' };
      current = attempt;
      connect(attempt).catch((error) => {
        const isNotSetUp = error instanceof ApiError && error.status === 409;
        fail(attempt, words(error), isNotSetUp ? 'refused' : 'closed');
      });
    },
    close() {
      if (current) end(current);
    },
    ask: () => false,
  };
}

/** @param {unknown} error */
const words = (error) => (error instanceof Error ? error.message : String(error));
