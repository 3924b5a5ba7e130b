/**
 * One true sentence about how things are, from the last status and the connection.
 *
 * @typedef {'good' | 'busy' | 'bad' | 'unknown'} Tone
 * @typedef {{tone: Tone, kind: string, text: string}} Health `kind` stays the same while only numbers change
 */

import { ago, duration, whole } from './format.js';
import { away } from './connection.js';

const CATCHING_UP_FROM = 10_000;

/**
 * @param {import('./state.js').State} state
 * @param {import('./connection.js').Connection} connection
 * @param {number} now
 * @returns {Health}
 */
export function health({ status, history }, connection, now) {
  if (!status) {
    return connection.phase === 'waiting' || (connection.phase === 'connecting' && connection.attempt > 0)
      ? { tone: 'bad', kind: 'unreachable', text: 'Forebay does not answer. Is it running?' }
      : { tone: 'unknown', kind: 'connecting', text: 'Connecting to Forebay…' };
  }
  if (connection.phase !== 'open') {
    const text = `The connection to Forebay is lost. What you see is from ${ago(away(connection, now) * 1000)}.`;
    return { tone: 'bad', kind: 'lost', text: text.replace('from now.', 'from a moment ago.') };
  }
  return trouble(status) ?? flow(status, history);
}

/** @param {import('./frames.js').StatusReport} status @returns {Health | null} */
function trouble(status) {
  const { journal, stores, pending } = status;
  if (journal.state !== 'writable') {
    const why = journal.state === 'full' ? 'The disk is full' : 'The journal cannot be written';
    const text = `${why}: new metrics are refused. ${nothing(status, 'Nothing')} that was accepted is lost.`;
    return { tone: 'bad', kind: `journal ${journal.state}`, text };
  }
  const stuck = stores.filter(isStuck);
  if (stuck.length > 0) {
    const names = stuck.map((store) => store.name).join(' and ');
    const fault = `${stuck.length === 1 ? 'store' : 'stores'} ${names} ${
      stuck.length === 1 ? 'is' : 'are'
    } not taking them`;
    const text = pending
      ? `${metrics(pending)} ${pending === 1 ? 'waits' : 'wait'} in the journal: ${fault}. ${nothing(status, 'Nothing')} is lost.`
      : `${fault.replace('them', 'metrics').replace(/^s/, 'S')}. None waits, and ${nothing(status, 'nothing')} is lost.`;
    return { tone: 'bad', kind: `stuck ${names}`, text };
  }
  const failed = find(status.actors, 'failed');
  if (failed) {
    const text = `The actor ${failed.path} has failed. Accepted metrics stay in the journal.`;
    return { tone: 'bad', kind: `failed ${failed.path}`, text };
  }
  return null;
}

/**
 * @param {import('./frames.js').StatusReport} status
 * @param {readonly import('./state.js').Sample[]} history
 * @returns {Health}
 */
function flow(status, history) {
  const { accepted, persisted, pending, dead_lettered: dead, lost } = status;
  if (accepted === 0) {
    return { tone: 'good', kind: 'empty', text: 'Ready. No metric has been accepted yet.' };
  }
  if (pending >= CATCHING_UP_FROM) {
    const left = secondsLeft(history);
    const text = `${metrics(pending)} wait in the journal, and the store is catching up${
      left === null ? '' : `: about ${duration(left)} left`
    }.`;
    return { tone: 'busy', kind: 'catching up', text };
  }
  if (pending > 0) {
    const text = `${whole(persisted)} of ${metrics(accepted)} are stored, the last ${whole(pending)} on their way.`;
    return { tone: 'good', kind: 'flowing', text };
  }
  if (lost > 0) {
    const text = `${metrics(persisted)} are stored; at most ${whole(lost)} were lost with a damage of the journal that was repaired.`;
    return { tone: 'busy', kind: 'damaged', text };
  }
  if (dead > 0) {
    const text = `${whole(persisted)} of ${metrics(accepted)} are stored; ${whole(dead)} could not be and ${
      dead === 1 ? 'is' : 'are'
    } kept as dead letters.`;
    return { tone: 'busy', kind: 'dead letters', text };
  }
  const text =
    accepted === 1
      ? 'The one accepted metric is stored.'
      : `All ${whole(accepted)} accepted metrics are stored.`;
  return { tone: 'good', kind: 'stored', text };
}

/** @param {import('./frames.js').StatusReport} status @param {string} word */
const nothing = ({ lost }, word) => (lost > 0 ? `${word} more` : word);

/** @param {number} count */
const metrics = (count) => `${whole(count)} ${count === 1 ? 'metric' : 'metrics'}`;

/** @param {import('./frames.js').StoreStatus} store */
export const isStuck = (store) =>
  store.breaker === 'open' || store.state === 'waiting' || store.state === 'blocked';

/**
 * Seconds until nothing waits if it goes on as in the last samples; null when it is not getting less.
 * @param {readonly import('./state.js').Sample[]} history
 */
function secondsLeft(history) {
  const end = history.at(-1);
  const start = history.at(-6) ?? history[0];
  if (!end || !start || end.pending >= start.pending) return null;
  return (end.pending * (end.at - start.at)) / 1000 / (start.pending - end.pending);
}

/**
 * The first actor of the tree in `state`, parents first.
 * @param {import('./frames.js').ActorStatus} actor
 * @param {import('./frames.js').ActorStatus['state']} state
 * @returns {import('./frames.js').ActorStatus | null}
 */
function find(actor, state) {
  if (actor.state === state) return actor;
  for (const child of actor.children) {
    const found = find(child, state);
    if (found) return found;
  }
  return null;
}
