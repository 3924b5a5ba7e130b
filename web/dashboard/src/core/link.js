/**
 * The words of live data: what happens to the page's transports, what is to be done about it, and what is known.
 * dashboard-core.js reduces them. All of it is plain data, so that tabs can hand it to each other.
 *
 * @typedef {'websocket' | 'realtime'} TransportName
 * @typedef {'websocket' | 'realtime' | 'dual'} Mode
 * @typedef {'flag' | 'url' | 'hand'} Reason
 * @typedef {import('./frames.js').Frame} Frame
 * @typedef {import('./connection.js').Line} Line
 *
 * @typedef {{type: 'frame', transport: TransportName | 'backfill', frame: Frame, at: number, chance?: number}
 * | {type: 'moved', transport: TransportName, phase: 'connecting' | 'open' | 'waiting' | 'refused' | 'closed',
 *     at: number, until?: number, detail: string, chance?: number}
 * | {type: 'wanted', transport: Mode, by: Reason, at: number}
 * | {type: 'allowed', websocket: boolean, at: number}
 * | {type: 'trip', took: number, at: number}
 * | {type: 'taken', at: number}
 * | {type: 'retry', at: number, chance?: number}
 * | {type: 'tick', at: number, chance?: number}} LinkEvent What happened; `at` is milliseconds since the epoch. `moved`: what an
 *   adapter says of its transport; `chance`, random in [0, 1), spreads the attempts of many pages. `allowed`:
 *   the flag dashboard.websocket as this browser gets it. `trip`: how long a small request took, in ms.
 *   `taken`: this tab holds the connection from now on; what was open was another's. `retry`: somebody wants it
 *   tried now, or the browser is back from sleep or online again. `tick`: time went by; at least once a second.
 *
 * @typedef {{type: 'open', transport: TransportName, from: number | null}
 * | {type: 'close', transport: TransportName}
 * | {type: 'ask', first: number, last: number, by: 'websocket' | 'http'}
 * | {type: 'poll', on: boolean}} LinkEffect What is to be done, by the tab that holds the connection. `ask`: have
 *   the metrics of `[first, last]` sent, as events of type frame.
 *
 * @typedef {{since: number, from: TransportName, because: string}} Fallback `because` reads on from a name
 * @typedef {{at: number, transport: TransportName | null, text: string, times: number}} Note
 * @typedef {{
 *   wanted: Mode, by: Reason, active: TransportName | null,
 *   lines: Record<TransportName, Line>, meters: Record<TransportName, import('./meter.js').Meter>,
 *   fallback: Fallback | null, standby: number | null, falls: number, calmAt: number,
 *   heardAt: number | null, darkAt: number | null, polling: boolean, polledAt: number | null,
 *   at: number, marks: readonly {at: number, next: number | null}[], controls: readonly number[],
 *   clock: import('./meter.js').Clock, together: {ms: number, metrics: number},
 *   statusBy: TransportName | 'backfill' | null, statusAt: number, notes: readonly Note[],
 * }} Link `active`: relied on, null while none is well. `standby`: when the chosen one was last quiet, while the other is open for that. `heardAt`: any of them. `darkAt`: since when none is well. `marks`: where the page was
 *   at the latest ticks. `together`: how long both were well at once, and what came meanwhile.
 * @typedef {{state: import('./state.js').State, link: Link}} Model
 */

import { OFF } from './connection.js';
import { NO_CLOCK, UNUSED } from './meter.js';
import { EMPTY } from './state.js';

const NOTES = 40;

/** @type {readonly TransportName[]} */
export const TRANSPORTS = ['websocket', 'realtime'];

/** @type {Record<TransportName, string>} */
export const NAMES = { websocket: 'the WebSocket', realtime: 'Supabase Realtime' };

/** @type {Model} */
export const INITIAL = {
  state: EMPTY,
  link: {
    wanted: 'websocket',
    by: 'flag',
    active: null,
    lines: { websocket: OFF, realtime: OFF },
    meters: { websocket: UNUSED, realtime: UNUSED },
    fallback: null,
    standby: null,
    falls: 0,
    calmAt: 0,
    heardAt: null,
    darkAt: null,
    polling: false,
    polledAt: null,
    at: 0,
    marks: [],
    controls: [],
    clock: NO_CLOCK,
    together: { ms: 0, metrics: 0 },
    statusBy: null,
    statusAt: 0,
    notes: [],
  },
};

/** @param {TransportName} name @returns {TransportName} */
export const otherThan = (name) => (name === 'websocket' ? 'realtime' : 'websocket');

/** @param {Link} link @param {TransportName} name @param {Line} line @returns {Link} */
export const withLine = (link, name, line) => ({ ...link, lines: { ...link.lines, [name]: line } });

/** @param {Link} link @param {TransportName} name @param {import('./meter.js').Meter} meter @returns {Link} */
export const withMeter = (link, name, meter) =>
  meter === link.meters[name] ? link : { ...link, meters: { ...link.meters, [name]: meter } };

/** @param {Link} link @param {TransportName | null} transport @param {string} text @param {number} now @returns {Link} */
export function note(link, transport, text, now) {
  const end = link.notes.at(-1);
  const again = end !== undefined && end.text === text && end.transport === transport;
  const rest = again ? link.notes.slice(0, -1) : link.notes;
  const one = { at: now, transport, text, times: again ? end.times + 1 : 1 };
  return { ...link, notes: [...rest, one].slice(-NOTES) };
}

/**
 * The page's connection as a whole, as health.js and the views see it.
 * @param {Link} link
 * @returns {import('./connection.js').Connection}
 */
export function connectionOf({ lines, wanted, polling, polledAt, heardAt, at }) {
  const all = TRANSPORTS.map((name) => lines[name]);
  const open = all.filter((line) => line.phase === 'open').sort((a, b) => b.heardAt - a.heardAt)[0];
  if (open) return open;
  if (polling && polledAt !== null && at - polledAt < 10_000) {
    return { phase: 'open', attempt: 0, heardAt: polledAt, steadyAt: polledAt, pause: null };
  }
  const chosen = lines[wanted === 'realtime' ? 'realtime' : 'websocket'];
  const trying = [chosen, ...all].find((line) => line.phase === 'waiting' || line.phase === 'connecting');
  if (trying?.phase === 'waiting' || trying?.phase === 'connecting') return trying;
  return { phase: 'connecting', attempt: 0, lostAt: heardAt, since: at, detail: '' };
}
