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

const USUAL = 60_000;

/**
 * @param {import('./api.js').Api} api
 * @param {() => string} session
 * @returns {Tickets}
 */
export function makeTickets(api, session) {
  /** @type {Promise<Ticket> | null} */
  let asked = null;
  const renew = () => {
    const asking = api.get('api/realtime', { params: { session: session() } });
    asked = /** @type {Promise<Ticket>} */ (asking);
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
