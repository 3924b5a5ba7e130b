/**
 * Tickets for Supabase (`GET /api/realtime`): where it is, and a short-lived token for this browser's session.
 *
 * @typedef {{url: string, anon_key: string, topic: string, token: string, expires_at: number}} Ticket as
 *   web/ports.py has it; `expires_at` is nanoseconds since the epoch
 * @typedef {{
 *   get: (needed?: number) => Promise<Ticket>,
 *   renew: () => Promise<Ticket>,
 * }} Tickets `get` resolves to one that is good for `needed` milliseconds at least, `renew` to a new one. Both
 *   reject with an ApiError, of status 409 where Supabase is not set up for pages.
 */

import { ApiError } from './api.js';

const USUAL = 60_000;
const OFF = 'Realtime is off: set realtime, SUPABASE_URL and its keys';

/**
 * @param {import('./api.js').Api} api
 * @param {() => string} session
 * @returns {Tickets}
 */
export function makeTickets(api, session) {
  /** @type {Promise<Ticket> | null} */
  let asked = null;
  let isSetUp = false;
  /** @returns {Promise<Ticket>} */
  const ask = async () => {
    // A refusal would stand in the browser's console as an error, which it is not.
    if (!isSetUp) {
      /** @type {import('../core/frames.js').StatusReport} */
      const { realtime } = await api.get('api/status');
      if (realtime.state === 'off') throw new ApiError(OFF, 409);
      isSetUp = true;
    }
    return api.get('api/realtime', { params: { session: session() } });
  };
  const renew = () => {
    asked = ask();
    return asked;
  };
  return {
    renew,
    async get(needed = USUAL) {
      const known = await asked?.catch(() => null);
      return known && known.expires_at / 1e6 - Date.now() > needed ? known : renew();
    },
  };
}
