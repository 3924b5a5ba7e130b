/**
 * Live data in words: how each transport is, what the page relies on, and whether the one could stand for the
 * other.
 *
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./link.js').TransportName} TransportName
 * @typedef {{tone: import('./health.js').Tone, kind: string, text: string}} Words `kind` stays the same while only
 *   numbers change
 */

import { isWell } from './connection.js';
import { duration, milliseconds, whole } from './format.js';
import { NAMES, otherThan } from './link.js';
import { lately, latency, MINUTES } from './meter.js';
import { count, within } from './ranges.js';

/** What both must have brought side by side before it says something. */
export const ENOUGH = { ms: 60_000, metrics: 100 };
/** Milliseconds at p99 from which on slower matters. */
const SLOWER = 500;

/** @param {string} text */
const begun = (text) => text[0].toUpperCase() + text.slice(1);

/** @param {TransportName} name */
const Name = (name) => begun(NAMES[name]);

/**
 * How a transport is, and what was last wrong with it.
 * @param {import('./connection.js').Line} line
 * @param {number} now
 * @returns {Words & {note: string}}
 */
export function lineWords(line, now) {
  switch (line.phase) {
    case 'off':
      return { tone: 'unknown', kind: 'off', text: 'Not open', note: 'nothing needs it now' };
    case 'connecting':
      return {
        tone: 'unknown',
        kind: 'connecting',
        text: 'Connecting…',
        note: line.attempt > 0 ? `attempt ${whole(line.attempt + 1)}; before: ${line.detail}` : '',
      };
    case 'open': {
      if (isWell(line, now)) {
        return {
          tone: 'good',
          kind: 'open',
          text: 'Open',
          note: `steady for ${duration((now - line.steadyAt) / 1000)}`,
        };
      }
      const quiet = duration((now - line.heardAt) / 1000);
      return { tone: 'busy', kind: 'silent', text: 'Silent', note: `nothing was heard for ${quiet}` };
    }
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((line.until - now) / 1000));
      const next = seconds > 0 ? `next try in ${duration(seconds)}` : 'trying again';
      return {
        tone: 'bad',
        kind: 'waiting',
        text: 'Lost',
        note: `${line.detail || 'it broke off'}; ${next}`,
      };
    }
    case 'refused': {
      const seconds = line.until === null ? 0 : Math.max(0, Math.ceil((line.until - now) / 1000));
      const next = line.until === null ? '' : `; asked again in ${duration(seconds)}`;
      return { tone: 'bad', kind: 'refused', text: 'Refused', note: line.detail + next };
    }
  }
}

/**
 * What the page relies on; `kind` is '' where everything is as it was wanted, or as the sentence of health says.
 * `brief` stands over the page, where there is little room.
 * @param {Link} link
 * @param {number} now
 * @returns {Words & {brief?: string}}
 */
export function reliance(link, now) {
  const { wanted, fallback, active, polling, polledAt, lines } = link;
  if (polling) {
    const both = ['websocket', 'realtime'].map((name) =>
      why(/** @type {TransportName} */ (name), lines, now),
    );
    const answers = polledAt !== null && now - polledAt < 10_000;
    const instead = answers
      ? 'The page asks Forebay every few seconds instead.'
      : 'Forebay itself does not answer either.';
    return {
      tone: 'bad',
      kind: answers ? 'polling' : '',
      text: `There is no live connection: ${both.join('; ')}. ${instead}`,
      brief: `There is no live connection. ${instead}`,
    };
  }
  if (fallback && link.falls > 0) {
    const other = otherThan(fallback.from);
    const kind = active === null ? '' : `fallback ${fallback.from} ${active}`;
    if (isWell(lines[fallback.from], now)) {
      if (!isWell(lines[other], now))
        return { tone: 'good', kind: '', text: `${Name(fallback.from)} is back.` };
      const text = `${Name(fallback.from)} is back. The page stays with ${NAMES[other]} too until it has been steady for a while.`;
      return { tone: 'busy', kind, text };
    }
    const then = active === other ? `live data comes by ${NAMES[other]}` : `${NAMES[other]} is being opened`;
    return { tone: 'busy', kind, text: `${begun(why(fallback.from, lines, now))}; ${then}.` };
  }
  if (active === null) return { tone: 'unknown', kind: '', text: 'Connecting…' };
  if (wanted !== 'dual') return { tone: 'good', kind: '', text: `Live data comes by ${NAMES[active]}.` };
  const lost = otherThan(active);
  if (isWell(lines[lost], now)) {
    return { tone: 'good', kind: '', text: 'Live data comes by both, and each metric counts once.' };
  }
  if (lines[lost].phase === 'connecting' && lines[lost].attempt === 0) {
    return {
      tone: 'unknown',
      kind: '',
      text: `Live data comes by ${NAMES[active]}; ${NAMES[lost]} is being opened.`,
    };
  }
  const text = `${begun(why(lost, lines, now))}; live data comes by ${NAMES[active]} alone.`;
  return { tone: 'busy', kind: `half ${active}`, text };
}

/** @param {TransportName} name @param {Link['lines']} lines @param {number} now */
function why(name, lines, now) {
  const line = lines[name];
  switch (line.phase) {
    case 'open':
      return `${NAMES[name]} is silent since ${duration((now - line.heardAt) / 1000)}`;
    case 'refused':
      return `${NAMES[name]} is refused (${line.detail})`;
    case 'connecting':
      return line.lostAt === null
        ? `${NAMES[name]} does not answer`
        : `${NAMES[name]} was lost ${duration((now - line.lostAt) / 1000)} ago`;
    case 'waiting':
      return `${NAMES[name]} was lost ${duration((now - line.lostAt) / 1000)} ago (${line.detail || 'it broke off'})`;
    case 'off':
      return `${NAMES[name]} is not open`;
  }
}

/**
 * Who wants which transport.
 * @param {Link} link
 */
export function wish({ wanted, by }) {
  const what = wanted === 'dual' ? 'Both transports are' : `${Name(wanted)} is`;
  const who = {
    flag: 'by the feature flags of this browser’s session',
    hand: 'by hand, in this browser',
    url: `by the address of this page (transport=${wanted})`,
  };
  return `${what} wanted ${who[by]}.`;
}

/**
 * What the page has counted, whichever way it came.
 * @param {import('./state.js').State} state
 */
export function countWords({ counted, holes, skipped, since }) {
  const asked = holes.filter(({ phase }) => phase !== 'early');
  const open = count(within(asked, since, Infinity));
  const missing = [
    ...(open > 0 ? [`${whole(open)} offsets were asked for and are on their way`] : []),
    ...(skipped > 0
      ? [`${whole(skipped)} were too many to send after a gap and are in the history alone`]
      : []),
  ];
  const rest = missing.length > 0 ? `${begun(missing.join('; '))}.` : 'None is missing.';
  return `This page has counted ${whole(counted)} ${counted === 1 ? 'metric' : 'metrics'}, each once. ${rest}`;
}

/**
 * Whether Realtime could stand for the WebSocket, from what both brought in the latest ten minutes.
 * @param {Link} link
 * @param {number} now
 * @returns {Words}
 */
export function verdict({ wanted, lines, meters, clock, together }, now) {
  const { realtime, websocket } = {
    realtime: lately(meters.realtime, now),
    websocket: lately(meters.websocket, now),
  };
  const total = realtime.metrics + realtime.lost;
  const span = `in the last ${MINUTES} minutes`;
  const retired = lines.websocket.phase === 'refused';
  if (lines.realtime.phase === 'refused') {
    const why = `Supabase Realtime cannot be used (${lines.realtime.detail})`;
    return retired
      ? words('bad', 'neither', `${why}, and the WebSocket is retired: turn the flag dashboard.websocket on.`)
      : words('bad', 'refused', `${why}: keep the WebSocket.`);
  }
  if (retired) {
    return words(
      'unknown',
      'retired',
      'The WebSocket is retired for this browser: there is nothing to compare.',
    );
  }
  if (wanted !== 'dual' && together.ms === 0) {
    return words(
      'unknown',
      'alone',
      'Only one transport is open. Choose “Both” to compare them: each metric still counts once.',
    );
  }
  if (realtime.lost > 0 && websocket.lost > 0) {
    const text = `Both lost metrics ${span}: Realtime ${whole(realtime.lost)}, the WebSocket ${whole(websocket.lost)}. What one missed came by the other or was asked for again. Stay with both.`;
    return words('bad', 'both lost', text);
  }
  if (realtime.lost > 0) {
    const text = `Realtime lost ${whole(realtime.lost)} of ${whole(total)} metrics ${span}: keep the WebSocket. What it missed was shown all the same.`;
    return words('bad', 'lost', text);
  }
  if (together.ms < ENOUGH.ms || together.metrics < ENOUGH.metrics) {
    const text = `Too early to tell: both have run side by side for ${duration(together.ms / 1000)} and brought ${whole(together.metrics)} metrics. A minute and ${whole(ENOUGH.metrics)} metrics say more.`;
    return words('unknown', 'early', text);
  }
  if (websocket.lost > 0) {
    const text = `Realtime brought everything ${span}; the WebSocket lost ${whole(websocket.lost)} metrics. Safe to switch.`;
    return words('good', 'better', text);
  }
  if (realtime.reconnects > 0) {
    const times = realtime.reconnects === 1 ? 'once' : `${whole(realtime.reconnects)} times`;
    return words(
      'busy',
      'shaky',
      `Realtime lost nothing, but was opened again ${times} ${span}: watch it for longer.`,
    );
  }
  const [slow] = latency(meters.realtime, clock, [0.99]);
  const [quick] = latency(meters.websocket, clock, [0.99]);
  const more = slow === null || quick === null ? 0 : slow - quick;
  const compared = `${milliseconds(Math.abs(more))} ${more < 0 ? 'faster' : 'slower'} at p99`;
  const same = `Both bring the same: 0 of ${whole(total)} metrics missing on Realtime ${span}, ${compared}.`;
  return more > SLOWER
    ? words('busy', 'slow', `${same} Whoever watches closely will notice.`)
    : words('good', 'same', `${same} Safe to switch.`);
}

/** @param {Words['tone']} tone @param {string} kind @param {string} text @returns {Words} */
const words = (tone, kind, text) => ({ tone, kind, text });
