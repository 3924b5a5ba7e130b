/**
 * What the page asks of Supabase itself: history, by PostgREST under row-level security, where live data comes
 * by Realtime; else the same of Forebay. One interface, the same shapes.
 *
 * Points in time are nanoseconds since the epoch, as everywhere in what the server says. A request that is
 * refused or fails becomes an ApiError; where PostgREST cannot be asked Forebay is, and `via` says so.
 *
 * @typedef {{time: number, min: number, mean: number, max: number, count: number}} HistoryPoint
 * @typedef {{name: string, source: string, unit: string, points: HistoryPoint[]}} HistorySeries
 * @typedef {{name: string, kind: string, unit: string, sources: string[], first_time: number,
 *   last_time: number, count: number}} NameSeen
 * @typedef {{session: string, source: string, first_time: number, last_time: number, count: number}} SessionSeen
 * @typedef {{key: string, values: string[], count: number}} AttributeSeen
 * @typedef {{name: string, source?: string | null, session?: string | null,
 *   attributes?: Record<string, string>, from: number, to: number, step: number}} SeriesQuery `step` is
 *   nanoseconds too; null or none: of every source, of every session. '' is the source or session without a name
 * @typedef {{
 *   series: (query: SeriesQuery, signal?: AbortSignal) => Promise<HistorySeries[]>,
 *   names: (signal?: AbortSignal) => Promise<NameSeen[]>,
 *   sessions: (signal?: AbortSignal) => Promise<SessionSeen[]>,
 *   attributes: (name: string, signal?: AbortSignal) => Promise<AttributeSeen[]>,
 *   via: () => {source: 'forebay' | 'supabase', because: string},
 * }} History `series`: one a source, sorted; its points are those of `[from, to)` that have metrics.
 *
 * @typedef {{source: string, unit: string, time_ns: number, min: number, mean: number, max: number,
 *   count: number}} Row a point, as forebay_filtered_series answers it
 */

import { ApiError } from './api.js';

/** Rows that PostgREST answers at most, as hosted projects have it. */
const PAGE = 1_000;
const TIMEOUT = 10_000;

/**
 * @param {{
 *   api: import('./api.js').Api,
 *   tickets?: import('./tickets.js').Tickets,
 *   prefersSupabase?: () => boolean,
 * }} options
 * @returns {History}
 */
export function makeHistory({ api, tickets, prefersSupabase = () => false }) {
  const forebay = askForebay(api);
  let because = '';
  /**
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {(supabase: ReturnType<typeof askSupabase>) => Promise<T>} first
   * @param {() => Promise<T>} else_
   */
  const ask = async (signal, first, else_) => {
    if (!tickets || !prefersSupabase()) return else_();
    try {
      const answer = await first(askSupabase(await tickets.get(), signal));
      because = '';
      return answer;
    } catch (error) {
      if (signal?.aborted) throw error;
      because = error instanceof Error ? error.message : String(error);
      return else_();
    }
  };
  return {
    series: (query, signal) =>
      ask(
        signal,
        (supabase) => supabase.series(query),
        () => forebay.series(query, signal),
      ),
    names: (signal) =>
      ask(
        signal,
        (supabase) => supabase.names(),
        () => forebay.names(signal),
      ),
    sessions: (signal) =>
      ask(
        signal,
        (supabase) => supabase.sessions(),
        () => forebay.sessions(signal),
      ),
    attributes: (name, signal) =>
      ask(
        signal,
        (supabase) => supabase.attributes(name),
        () => forebay.attributes(name, signal),
      ),
    via: () => ({
      source: tickets && prefersSupabase() && because === '' ? 'supabase' : 'forebay',
      because,
    }),
  };
}

/** @param {import('./api.js').Api} api */
function askForebay(api) {
  return {
    /** @param {SeriesQuery} query @param {AbortSignal} [signal] @returns {Promise<HistorySeries[]>} */
    series({ name, source, session, attributes = {}, from, to, step }, signal) {
      const chosen = new URLSearchParams({ name });
      const whole = { from: Math.round(from), to: Math.round(to), step: Math.max(1, Math.round(step)) };
      for (const [key, value] of Object.entries(whole)) chosen.set(key, String(value));
      // '' is a source or session too, which `params` of the API client would leave out.
      if (typeof source === 'string') chosen.set('source', source);
      if (typeof session === 'string') chosen.set('session', session);
      for (const [key, value] of Object.entries(attributes)) chosen.append('attribute', `${key}=${value}`);
      return api.get(`api/series?${chosen}`, { signal });
    },
    /** @param {AbortSignal} [signal] @returns {Promise<NameSeen[]>} */
    names: (signal) => api.get('api/names', { signal }),
    /** @param {AbortSignal} [signal] @returns {Promise<SessionSeen[]>} */
    sessions: (signal) => api.get('api/sessions', { signal }),
    /** @param {string} name @param {AbortSignal} [signal] @returns {Promise<AttributeSeen[]>} */
    attributes: (name, signal) => api.get('api/attributes', { params: { name }, signal }),
  };
}

/**
 * PostgREST with the anon key and the ticket's token: what the policies of sql/supabase let `authenticated` read.
 * @param {import('./tickets.js').Ticket} ticket
 * @param {AbortSignal} [signal]
 */
function askSupabase(ticket, signal) {
  /**
   * All rows of a query, however many pages they are.
   * @template T
   * @param {string} query
   * @param {Record<string, unknown>} args
   * @param {readonly string[]} order
   * @returns {Promise<T[]>}
   */
  const rows = async (query, args, order) => {
    // Who never asks Supabase does not load what asks it.
    const { PostgrestClient } = await import('@supabase/postgrest-js');
    const headers = { apikey: ticket.anon_key, authorization: `Bearer ${ticket.token}` };
    const client = new PostgrestClient(`${ticket.url.replace(/\/+$/, '')}/rest/v1`, {
      headers,
      timeout: TIMEOUT,
      retry: false,
    });
    /** @type {T[]} */
    const all = [];
    for (;;) {
      let page = client.rpc(query, args);
      for (const column of order) page = page.order(column);
      page = page.range(all.length, all.length + PAGE - 1);
      const { data, error, status } = await (signal ? page.abortSignal(signal) : page);
      if (error) throw new ApiError(`Supabase refused the history: ${error.message}`, status);
      const got = /** @type {T[]} */ (data);
      all.push(...got);
      if (got.length < PAGE) return all;
    }
  };
  return {
    /** @param {SeriesQuery} query @returns {Promise<HistorySeries[]>} */
    async series({ name, source, session, attributes = {}, from, to, step }) {
      // As text: beyond 2^53 a JSON number is not what was meant.
      const args = {
        name,
        start_ns: String(BigInt(Math.round(from))),
        until_ns: String(BigInt(Math.round(to))),
        step_ns: String(BigInt(Math.max(1, Math.round(step)))),
        source: source ?? null,
        session: session ?? null,
        attributes,
      };
      return seriesOf(name, await rows('forebay_filtered_series', args, ['source', 'time_ns']));
    },
    /** @returns {Promise<NameSeen[]>} */
    async names() {
      /** @type {(Omit<NameSeen, 'first_time' | 'last_time'> & Ends)[]} */
      const seen = await rows('forebay_names', {}, ['name']);
      return seen.map(timed);
    },
    /** @returns {Promise<SessionSeen[]>} */
    async sessions() {
      /** @type {(Omit<SessionSeen, 'first_time' | 'last_time'> & Ends)[]} */
      const seen = await rows('forebay_sessions', {}, []);
      return seen.map(timed);
    },
    /** @param {string} name @returns {Promise<AttributeSeen[]>} */
    attributes: (name) => rows('forebay_attributes', { name }, []),
  };
}

/** @typedef {{first_time_ns: number, last_time_ns: number}} Ends */

/**
 * With times named as Forebay names them.
 * @template {Ends} S
 * @param {S} seen
 */
const timed = ({ first_time_ns: first_time, last_time_ns: last_time, ...rest }) => ({
  ...rest,
  first_time,
  last_time,
});

/**
 * Rows, which are sorted by source and time, as one series a source.
 * @param {string} name
 * @param {readonly Row[]} rows
 * @returns {HistorySeries[]}
 */
export function seriesOf(name, rows) {
  /** @type {HistorySeries[]} */
  const all = [];
  for (const { source, unit, time_ns: time, ...values } of rows) {
    if (all.at(-1)?.source !== source) all.push({ name, source, unit, points: [] });
    all.at(-1)?.points.push({ time, ...values });
  }
  return all;
}
