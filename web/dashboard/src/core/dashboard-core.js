/**
 * What happens to the page's transports, and what the page knows: a pure reducer. Everything that
 * is decided about live data is decided here; src/net performs it and decides nothing.
 *
 * **Which are open**, and which is relied on, follows from how the lines are: relying.js.
 *
 * **Refused.** A goodbye with the code "retired" means that the flag dashboard.websocket is off for this
 * browser: the WebSocket is refused, and not tried again until `allowed` or `wanted` says otherwise. Realtime
 * is refused where it is not set up for pages; that is looked at again after `REFUSED_AGAIN`.
 *
 * **What counts.** Frames of all transports and backfills are folded by offset into one state (state.js): a
 * metric counts once, whichever brings it. What each brings itself is measured in meter.js. A status is taken
 * from one transport at a time, or the history of statuses would run twice as fast.
 *
 * In a browser with several tabs each of them reduces the same events in the same order; the one that holds the
 * connection performs the effects. Everything here is plain data.
 *
 * @typedef {import('./link.js').TransportName} TransportName
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./link.js').Model} Model
 * @typedef {import('./link.js').LinkEvent} LinkEvent
 * @typedef {import('./link.js').LinkEffect} LinkEffect
 * @typedef {import('./connection.js').Line} Line
 * @typedef {import('./frames.js').Frame} Frame
 * @typedef {{model: Model, effects: LinkEffect[], fresh: readonly import('./frames.js').LiveMetric[]}} Reduced
 *   `fresh`: the metrics that count, each of which is in one Reduced and no other
 */

import { excused, heard, isSilent, isWell, LATE, lost, OFF, refuse } from './connection.js';
import { note, otherThan, TRANSPORTS, withLine, withMeter } from './link.js';
import { broke, brought, closed, GRACE, opened, overdue, timed, tripped, withControls } from './meter.js';
import { settle } from './relying.js';
import { fold, unanswered } from './state.js';

export const REFUSED_AGAIN = 60_000;
/** A tick that is so much late means that the page slept. */
const SLEPT = 5_000;
/** One that is so much late, that it did not listen for a moment: what came may wait behind the tick. */
const STOOD = 1_200;
/** So long without a status (ms), another transport's is taken. */
const LATE_STATUS = 1_800;

/**
 * The model after `event`, and what is to be done about it.
 * @param {Model} model
 * @param {LinkEvent} event
 * @returns {Reduced}
 */
export function reduce(model, event) {
  const taken = take(model, event);
  const settled = settle(taken, event.at);
  const ended = TRANSPORTS.filter((name) =>
    hasEnded(model.link.lines[name], taken.model.link.lines[name], settled.model.link.lines[name]),
  );
  if (ended.length === 0) return settled;
  const told = event.type === 'moved' ? event.transport : null;
  /** @type {LinkEffect[]} */
  const closes = ended.filter((name) => name !== told).map((transport) => ({ type: 'close', transport }));
  const { state, link } = settled.model;
  return {
    model: { state: ended.includes('websocket') ? unanswered(state) : state, link },
    effects: [...closes, ...settled.effects],
    fresh: settled.fresh,
  };
}

/** @param {Line} line */
const isUp = (line) => line.phase === 'open' || line.phase === 'connecting';

/** Whether what was up is not any more, be it that it is dialled anew. @param {Line} before @param {Line} taken @param {Line} settled */
const hasEnded = (before, taken, settled) => isUp(before) && !(isUp(taken) && isUp(settled));

/** @param {Model} model @param {LinkEvent} event @returns {Reduced} */
function take(model, event) {
  const now = event.at;
  switch (event.type) {
    case 'frame':
      return receive(model, event);
    case 'moved':
      return move(model, event);
    case 'wanted':
      return become(model, want(model.link, event));
    case 'allowed':
      return become(
        model,
        event.websocket ? unrefuse(model.link, 'websocket', now) : retire(model.link, now),
      );
    case 'trip':
      return become(model, { ...model.link, clock: tripped(model.link.clock, event.took) });
    case 'taken':
      return become(model, { ...model.link, lines: { websocket: OFF, realtime: OFF }, polling: false });
    case 'retry':
      return become(model, hurry(giveUp(model.link, now, event.chance ?? 0.5), now));
    case 'tick':
      return tick(model, now, event.chance ?? 0.5);
  }
}

/** @param {Model} model @param {Link} link @returns {Reduced} */
const become = ({ state }, link) => ({ model: { state, link }, effects: [], fresh: [] });

/**
 * @param {Model} model
 * @param {Extract<LinkEvent, {type: 'frame'}>} event
 * @returns {Reduced}
 */
function receive({ state, link }, { transport, frame, at: now, chance = 0.5 }) {
  let next = transport === 'backfill' ? link : hear(link, transport, frame, now, chance);
  if (transport === 'backfill' && frame.type === 'status') next = { ...next, polledAt: now };
  if (frame.type === 'flag') next = obey(next, frame, now);
  if (frame.type === 'metrics') next = weigh(next, transport, frame, now);
  if (frame.type === 'status') {
    const taken = link.statusBy === transport || now - link.statusAt > LATE_STATUS;
    if (!taken) return { model: { state, link: next }, effects: [], fresh: [] };
    next = { ...next, statusBy: transport, statusAt: now };
  }
  const ready = frame.type === 'hello' ? greeted(state, next, transport, frame, now) : { state, frame };
  const { state: folded, ask, fresh } = fold(ready.state, ready.frame, now);
  // What the WebSocket was asked for is its own affair.
  const kept = folded.resumed === state.resumed ? folded : { ...folded, resumed: state.resumed };
  if (fresh.length > 0 && bothWell(next, now)) {
    next = { ...next, together: { ...next.together, metrics: next.together.metrics + fresh.length } };
  }
  const by = isWell(next.lines.websocket, now) ? 'websocket' : 'http';
  return {
    model: { state: kept, link: next },
    effects: ask.map(({ first, last }) => ({ type: 'ask', first, last, by })),
    fresh,
  };
}

/**
 * A hello, and the state to fold it into. Only the WebSocket sends on from where it was asked to. A hello that
 * was overtaken by the other transport's frames says less than the page knows: the journal did not get shorter.
 * @param {import('./state.js').State} state
 * @param {Link} link
 * @param {TransportName | 'backfill'} transport
 * @param {import('./frames.js').Hello} hello
 * @param {number} now
 */
function greeted(state, link, transport, hello, now) {
  const overtaken =
    state.journal === hello.journal_id &&
    TRANSPORTS.some((name) => name !== transport && isWell(link.lines[name], now));
  const frame = overtaken ? { ...hello, next_offset: Math.max(hello.next_offset, state.next ?? 0) } : hello;
  return { state: transport === 'websocket' ? state : { ...state, resumed: false }, frame };
}

/** A flag frame that is for this browser. @param {Link} link @param {import('./frames.js').Flag} flag @param {number} now @returns {Link} */
function obey(link, { name, value, session }, now) {
  if (name !== 'dashboard.websocket' || session === '') return link;
  return value === false ? retire(link, now) : unrefuse(link, 'websocket', now);
}

/** @param {Link} link @param {TransportName} name @param {Frame} frame @param {number} now @param {number} chance @returns {Link} */
function hear(link, name, frame, now, chance) {
  const before = link.lines[name];
  const line = heard(before, frame, now);
  if (line === before) return link;
  let next = withLine({ ...link, heardAt: now }, name, line);
  if (before.phase !== 'open') {
    next = isStandby(link, name)
      ? withMeter(next, name, { ...closed(link.meters[name]), opened: true })
      : note(withMeter(next, name, opened(link.meters[name], now)), name, 'Open', now);
  }
  if (frame.type !== 'goodbye') return next;
  if (frame.code === 'retired') return refused(next, name, now, null, frame.reason);
  // A channel stays joined when its publisher has gone: it would be silent where a WebSocket ends.
  return drop(next, name, now, chance, frame.reason);
}

/** @param {Link} link @param {TransportName | 'backfill'} transport @param {import('./frames.js').Metrics} frame @param {number} now @returns {Link} */
function weigh(link, transport, frame, now) {
  const controls = withControls(link.controls, frame);
  const next = controls === link.controls ? link : { ...link, controls };
  if (transport === 'backfill' || !frame.at || next.lines[transport].phase !== 'open') return next;
  const clock = timed(next.clock, now - frame.at / 1e6, now);
  return withMeter({ ...next, clock }, transport, brought(next.meters[transport], frame, now));
}

/** @param {Model} model @param {Extract<LinkEvent, {type: 'moved'}>} event @returns {Reduced} */
function move(model, { transport, phase, at, until, detail, chance = 0.5 }) {
  const { link } = model;
  switch (phase) {
    case 'waiting':
    case 'closed': {
      const line = link.lines[transport];
      if (line.phase !== 'open' && line.phase !== 'connecting') return become(model, link);
      return become(model, drop(link, transport, at, chance, detail));
    }
    case 'refused':
      return become(model, refused(link, transport, at, until ?? againAt(transport, at), detail));
    default:
      return become(model, link); // it is open once it is heard
  }
}

/** Whether a transport is open in case the chosen one fails: nothing of it counts yet. @param {Link} link @param {TransportName} name */
const isStandby = (link, name) => link.standby !== null && name !== link.wanted;

/** @param {TransportName} name @param {number} now */
const againAt = (name, now) => (name === 'realtime' ? now + REFUSED_AGAIN : null);

/** @param {Link} link @param {TransportName} name @param {number} now @param {number} chance @param {string} detail @returns {Link} */
function drop(link, name, now, chance, detail) {
  const before = link.lines[name];
  const line = lost(before, now, chance, detail);
  if (line === before) return link;
  const next = withLine(link, name, line);
  if (isStandby(link, name)) return withMeter(next, name, closed(link.meters[name]));
  const text = before.phase === 'open' ? `Lost: ${detail}` : `Not reached: ${detail}`;
  return note(
    withMeter(next, name, broke(link.meters[name], markAt(link, now - GRACE), link.controls, now)),
    name,
    text,
    now,
  );
}

/** @param {Link} link @param {TransportName} name @param {number} now @param {number | null} until @param {string} detail @returns {Link} */
function refused(link, name, now, until, detail) {
  const before = link.lines[name];
  if (before.phase === 'refused') return link;
  const next = withLine(link, name, refuse(before, now, until, detail));
  return note(withMeter(next, name, closed(link.meters[name])), name, `Refused: ${detail}`, now);
}

/** @param {Link} link @param {number} now @returns {Link} */
const retire = (link, now) =>
  refused(link, 'websocket', now, null, 'the flag dashboard.websocket is off for this browser');

/** @param {Link} link @param {TransportName} name @param {number} now @returns {Link} */
function unrefuse(link, name, now) {
  const line = link.lines[name];
  return line.phase === 'refused' ? note(withLine(link, name, OFF), name, 'Allowed again', now) : link;
}

/** @param {Link} link @param {Extract<LinkEvent, {type: 'wanted'}>} event @returns {Link} */
function want(link, { transport, by, at }) {
  if (link.wanted === transport && link.by === by) return link;
  const names = transport === 'dual' ? TRANSPORTS : [transport];
  const next = names.reduce((known, name) => unrefuse(known, name, at), link);
  if (link.wanted === transport) return { ...next, by };
  // Whom the new one replaces goes when the new one is well: a change leaves no hole.
  const fallback = { since: at, from: names[0], because: 'is being opened' };
  const covered =
    transport !== 'dual' && isWell(next.lines[otherThan(names[0])], at) && !isWell(next.lines[names[0]], at);
  return { ...next, wanted: transport, by, fallback: covered ? fallback : null, standby: null, falls: 0 };
}

/**
 * What is open and late, or long in connecting, is given up: a network that went and came leaves such behind.
 * @param {Link} link @param {number} now @param {number} chance @returns {Link}
 */
function giveUp(link, now, chance) {
  const isStuck = (/** @type {Line} */ line) =>
    (line.phase === 'open' && !isWell(line, now)) || (line.phase === 'connecting' && now - line.since > LATE);
  const stuck = TRANSPORTS.filter((name) => isStuck(link.lines[name]));
  return stuck.reduce((known, name) => drop(known, name, now, chance, 'it is tried anew'), link);
}

/** Whatever waits is tried now. @param {Link} link @param {number} now @returns {Link} */
function hurry(link, now) {
  /** @param {Line} line @returns {Line} */
  const at = (line) =>
    line.phase === 'waiting' || (line.phase === 'refused' && line.until !== null)
      ? { ...line, until: now }
      : line;
  return { ...link, lines: { websocket: at(link.lines.websocket), realtime: at(link.lines.realtime) } };
}

/** @param {Model} model @param {number} now @param {number} chance @returns {Reduced} */
function tick(model, now, chance) {
  const slept = model.link.at > 0 && now - model.link.at > SLEPT;
  const stood = model.link.at > 0 && now - model.link.at > STOOD;
  let link = slept ? hurry(model.link, now) : model.link;
  for (const name of TRANSPORTS) {
    if (stood && !slept) link = withLine(link, name, excused(link.lines[name], model.link.at, now));
    const line = link.lines[name];
    if (isSilent(line, now)) {
      const detail = line.phase === 'open' ? 'nothing was heard of it any more' : 'it did not answer';
      link = drop(link, name, now, chance, detail);
      if (slept) link = hurry(link, now);
    }
    link = withMeter(link, name, overdue(link.meters[name], link.controls, now));
  }
  const span = Math.min(now - link.at, SLEPT);
  const together =
    bothWell(link, now) && link.at > 0 ? { ...link.together, ms: link.together.ms + span } : link.together;
  const marks = [...link.marks, { at: now, next: model.state.next }].slice(-20);
  return become(model, { ...link, at: now, marks, together });
}

/** Where the page was at `at`. @param {Link} link @param {number} at */
const markAt = ({ marks }, at) => marks.findLast((mark) => mark.at <= at)?.next ?? null;

/** @param {Link} link @param {number} now */
const bothWell = ({ lines, standby }, now) =>
  standby === null && isWell(lines.websocket, now) && isWell(lines.realtime, now);
