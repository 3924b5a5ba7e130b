/**
 * Which transports are open and which one is relied on, as it follows from how they are; pure, for
 * dashboard-core.js.
 *
 * In `dual` both are open. Else the chosen one alone, while it is well: open, and heard of within `LATE`. Where
 * nothing was heard of it for `QUIET`, the other one is opened as a *standby*, without a word: what it does is
 * not noted, and it is closed again when the chosen one has been heard as usual for `READY`. When the chosen one
 * is not well, because it ended, is refused, is silent, or could not be opened within `PATIENCE`, there is a
 * *fallback*: the other one is opened if it is not yet, both are folded, and the page relies on the other as soon
 * as it is well. The chosen one is tried on, as connection.js says when. Once it has been well for `STEADY`, or
 * at once where the other is refused, the fallback ends and the other is closed; each further fallback doubles
 * that time, up to `LONGEST_STEADY`, until none was needed for `CALM`, so that a transport that comes and goes
 * does not take the page with it. Where none is well for `PATIENCE`, the page asks for the status again and
 * again (`poll`) and for what was accepted meanwhile: it is never blind while Forebay answers.
 *
 * @typedef {import('./link.js').TransportName} TransportName
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./connection.js').Line} Line
 * @typedef {import('./dashboard-core.js').Reduced} Reduced
 */

import { dial, isDue, isQuiet, isWell, OFF } from './connection.js';
import { NAMES, note, otherThan, TRANSPORTS, withLine, withMeter } from './link.js';
import { closed } from './meter.js';
import { resume } from './state.js';

export const PATIENCE = 1_500;
export const STEADY = 5_000;
export const LONGEST_STEADY = 120_000;
export const CALM = 300_000;
/** So long is a standby kept (ms) after the chosen transport was last quiet. */
export const READY = 5_000;

/**
 * Open and close what follows from how the lines are, and say what is relied on.
 * @param {Reduced} reduced
 * @param {number} now
 * @returns {Reduced}
 */
export function settle({ model, effects, fresh }, now) {
  const done = [...effects];
  let { state } = model;
  let link = standBy(judge(model.link, now), now);
  const quiet = link.standby !== null;
  const needed = link.wanted === 'dual' || link.fallback || quiet ? TRANSPORTS : [link.wanted];
  for (const name of TRANSPORTS) {
    const { phase } = link.lines[name];
    if (needed.includes(name) || phase === 'off' || phase === 'refused') continue;
    link = withMeter(withLine(link, name, OFF), name, closed(link.meters[name]));
    if (model.link.standby === null) link = note(link, name, 'Closed: it is not needed now', now);
  }
  for (const name of needed) {
    if (!isDue(link.lines[name], now)) continue;
    // Whether it is still refused is asked when it is needed, not when it might be.
    if (quiet && name !== link.wanted && link.lines[name].phase === 'refused') continue;
    let from = null;
    if (name === 'websocket') {
      const resumed = resume(state, link.heardAt === null ? 0 : (now - link.heardAt) / 1000);
      state = resumed.state;
      from = resumed.from;
    }
    link = withLine(link, name, dial(link.lines[name], now));
    done.push({ type: 'open', transport: name, from });
  }
  const well = needed.filter((name) => isWell(link.lines[name], now));
  const active = reliedOn(link, well);
  const darkAt = active === null ? (link.darkAt ?? now) : null;
  const polling = darkAt !== null && now - darkAt >= PATIENCE;
  if (polling !== link.polling) done.push({ type: 'poll', on: polling });
  const same = link.active === active && link.darkAt === darkAt && link.polling === polling;
  return { model: { state, link: same ? link : { ...link, active, darkAt, polling } }, effects: done, fresh };
}

/** Whether there is a fallback, begins or ends. @param {Link} link @param {number} now @returns {Link} */
function judge(link, now) {
  if (link.wanted === 'dual') return link.fallback ? { ...link, fallback: null } : link;
  const { wanted, fallback } = link;
  const line = link.lines[wanted];
  const well = isWell(line, now);
  if (fallback) {
    const opening = link.falls === 0;
    if (!well || line.phase !== 'open') {
      // Once it was tried in vain, opening it has become a failure like any other.
      return opening && hasFailed(line, now) ? fallBack(link, line, fallback.since, now) : link;
    }
    const alone = link.lines[otherThan(wanted)].phase === 'refused';
    const steady = opening || alone ? 0 : Math.min(LONGEST_STEADY, STEADY * 2 ** (link.falls - 1));
    if (now - line.steadyAt < steady) return link;
    return note({ ...link, fallback: null, calmAt: now }, null, `Relying on ${NAMES[wanted]}`, now);
  }
  if (well) return link.falls > 0 && now - link.calmAt > CALM ? { ...link, falls: 0 } : link;
  if (!hasFailed(line, now)) return link;
  const since =
    'heardAt' in line ? line.heardAt : 'lostAt' in line && line.lostAt !== null ? line.lostAt : now;
  return fallBack(link, line, since, now);
}

/** Whether the other transport is to be ready although it is not needed. @param {Link} link @param {number} now @returns {Link} */
function standBy(link, now) {
  const { wanted, fallback, standby } = link;
  const over = wanted === 'dual' || fallback !== null;
  const quiet = !over && isQuiet(link.lines[wanted], now);
  if (quiet && (standby !== null || link.lines[otherThan(wanted)].phase !== 'refused')) {
    return { ...link, standby: now };
  }
  return standby !== null && (over || now - standby > READY) ? { ...link, standby: null } : link;
}

/** @param {Link} link @param {Line} line @param {number} since @param {number} now @returns {Link} */
function fallBack(link, line, since, now) {
  const { wanted } = link;
  if (wanted === 'dual') return link;
  const because = whatIsWrong(line);
  const text = `Falling back to ${NAMES[otherThan(wanted)]}: ${NAMES[wanted]} ${because}`;
  return note(
    { ...link, fallback: { since, from: wanted, because }, falls: link.falls + 1 },
    null,
    text,
    now,
  );
}

/** Whether a line that is not well should be: one that was just begun has `PATIENCE`. @param {Line} line @param {number} now */
const hasFailed = (line, now) =>
  line.phase !== 'off' &&
  !(line.phase === 'connecting' && line.attempt === 0 && line.lostAt === null && now - line.since < PATIENCE);

/** @param {Line} line */
function whatIsWrong(line) {
  switch (line.phase) {
    case 'open':
      return 'is silent';
    case 'refused':
      return 'is refused';
    case 'connecting':
      return 'does not answer';
    default:
      return 'was lost';
  }
}

/** @param {Link} link @param {readonly TransportName[]} well @returns {TransportName | null} */
function reliedOn({ wanted, fallback, active }, well) {
  if (well.length < 2) return well[0] ?? null;
  if (wanted === 'dual') return active ?? well[0];
  return fallback ? otherThan(wanted) : wanted;
}
