/**
 * Performs what core/dashboard-core.js decides about live data, and reports what happens: both transports,
 * what is asked for again, the status while there is neither, the time, and the browser's coming back.
 *
 * @typedef {{
 *   start: () => void,
 *   stop: () => void,
 *   perform: (effect: import('../core/link.js').LinkEffect) => void,
 * }} Sources Between `start` and `stop` this tab holds the connection; effects are performed only then.
 */

import { logIn } from './api.js';
import { makeBackfill } from './backfill.js';
import { makeRealtimeAdapter } from './realtime-adapter.js';
import { makeWebsocketAdapter } from './websocket-adapter.js';

/** With LATE of core/connection.js below two seconds, in which a silent transport is replaced. */
const TICK = 250;
const POLL = 2_500;
const TRIP = 30_000;

/**
 * @param {{
 *   emit: import('./adapter.js').Emit,
 *   api: import('./api.js').Api,
 *   tickets: import('./tickets.js').Tickets,
 *   session: () => string,
 * }} browser
 * @returns {Sources}
 */
export function makeSources({ emit: tell, api, tickets, session }) {
  let running = false;
  /** Chance is the edge's: the core has none of its own. @type {import('./adapter.js').Emit} */
  const emit = (event) => {
    if (running) tell(Object.assign(event, { chance: Math.random() }));
  };
  const adapters = {
    websocket: makeWebsocketAdapter({ emit, session, expired: logIn }),
    realtime: makeRealtimeAdapter({ emit, api, tickets }),
  };
  const backfill = makeBackfill(emit);
  let ticking = 0;
  let tripping = 0;
  let polling = 0;

  const poll = async () => {
    const status = /** @type {import('../core/frames.js').StatusReport | null} */ (
      await api.get('api/status').catch(() => null)
    );
    if (!polling || !status) return;
    const at = Date.now();
    const { id: journal_id, next_offset } = status.journal;
    const hello = {
      type: /** @type {const} */ ('hello'),
      journal_id,
      next_offset,
      flags: {},
      version: status.version,
    };
    emit({ type: 'frame', transport: 'backfill', frame: hello, at });
    emit({ type: 'frame', transport: 'backfill', frame: { type: 'status', status }, at });
  };

  const trip = async () => {
    const began = performance.now();
    const answer = await fetch('healthz', { cache: 'no-store' }).catch(() => null);
    if (answer) emit({ type: 'trip', took: performance.now() - began, at: Date.now() });
  };

  const retry = () => emit({ type: 'retry', at: Date.now() });
  const seen = () => document.visibilityState === 'visible' && retry();

  return {
    start() {
      if (running) return;
      running = true;
      ticking = setInterval(() => emit({ type: 'tick', at: Date.now() }), TICK);
      tripping = setInterval(trip, TRIP);
      trip().then(trip); // the first one pays for the connection
      addEventListener('online', retry);
      addEventListener('pageshow', retry);
      document.addEventListener('visibilitychange', seen);
    },
    stop() {
      running = false;
      for (const timer of [ticking, tripping, polling]) clearInterval(timer);
      polling = 0;
      removeEventListener('online', retry);
      removeEventListener('pageshow', retry);
      document.removeEventListener('visibilitychange', seen);
      adapters.websocket.close();
      adapters.realtime.close();
      backfill.stop();
    },
    perform(effect) {
      if (!running) return;
      switch (effect.type) {
        case 'open':
          return adapters[effect.transport].open(effect.from);
        case 'close':
          return adapters[effect.transport].close();
        case 'ask':
          if (effect.by === 'websocket' && adapters.websocket.ask(effect.first, effect.last)) return;
          return backfill.ask(effect.first, effect.last);
        case 'poll':
          clearInterval(polling);
          polling = effect.on ? setInterval(poll, POLL) : 0;
          if (effect.on) poll();
      }
    },
  };
}
