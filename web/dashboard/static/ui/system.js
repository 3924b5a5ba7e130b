/** The stores and the supervision tree. */

import { compact, NONE, whole } from '../core/format.js';
import { isStuck } from '../core/health.js';
import { byId, make, mark, reconcile, show, write } from './dom.js';

/**
 * @typedef {import('../core/frames.js').StoreStatus} StoreStatus
 * @typedef {import('../core/frames.js').ActorStatus} ActorStatus
 */

/** @param {StoreStatus} first */
function makeStore(first) {
  const state = make('span', 'badge');
  const error = make('p', 'error');
  const list = make('dl');
  const figures = ['Cursor', 'Lag', 'Stored', 'Breaker'].map((label) => {
    const value = make('dd', '', NONE);
    list.append(make('div', '', make('dt', '', label), value));
    return value;
  });
  return {
    element: make('li', '', make('h3', '', first.name), state, list, error),
    /** @param {StoreStatus} store */
    update(store) {
      const texts = [whole(store.cursor), whole(store.lag), whole(store.persisted), store.breaker];
      texts.forEach((text, i) => write(figures[i], text));
      mark(figures[3], 'data-tone', { closed: '', 'half-open': 'busy', open: 'bad' }[store.breaker]);
      write(state, store.state.replace('-', ' '));
      mark(state, 'data-tone', isStuck(store) ? 'bad' : store.state === 'following' ? 'good' : 'busy');
      write(error, store.last_error ?? '');
      show(error, Boolean(store.last_error));
    },
  };
}

/** @typedef {{key: string, actor: ActorStatus, depth: number}} Leaf a line of the tree: an actor, or its error */

/** @type {Record<ActorStatus['state'], string>} */
const TONES = {
  starting: 'busy',
  running: 'good',
  restarting: 'busy',
  stopping: 'busy',
  stopped: 'unknown',
  failed: 'bad',
};

/** @param {Leaf} first */
function makeActor({ actor: { kind, name, path }, depth }) {
  const state = make('span', 'state');
  const fill = make('span', 'fill');
  const waiting = make('span');
  const processed = make('td', 'number');
  const restarts = make('td', 'number');
  const above = path.endsWith(name) ? path.slice(0, path.length - name.length) : '';
  const label = make('th', 'name', make('span', 'unseen', above), name, ' ', state);
  label.scope = 'row';
  label.title = path;
  label.style.setProperty('--depth', String(depth));
  const mailbox = make('td', 'mailbox');
  if (kind === 'actor') mailbox.append(make('span', 'gauge', fill), waiting);
  return {
    element: make('tr', '', label, mailbox, processed, restarts),
    /** @param {Leaf} leaf */
    update({ actor }) {
      const full = actor.capacity > 0 ? actor.mailbox / actor.capacity : 0;
      mark(label, 'data-tone', TONES[actor.state]);
      write(state, actor.state);
      mark(state, 'class', actor.state === 'running' ? 'unseen' : 'state');
      fill.style.setProperty('--fill', String(full));
      mark(fill, 'data-tone', full > 0.9 ? 'bad' : full > 0.5 ? 'busy' : '');
      write(waiting, compact(actor.mailbox));
      mark(
        mailbox,
        'title',
        `${whole(actor.mailbox)} of ${whole(actor.capacity)}; ${whole(actor.dropped)} dropped`,
      );
      write(processed, kind === 'supervisor' ? '' : compact(actor.processed));
      mark(processed, 'title', whole(actor.processed));
      write(restarts, whole(actor.restarts));
      mark(restarts, 'data-tone', actor.restarts > 0 ? 'busy' : 'unknown');
    },
  };
}

/** @param {Leaf} first */
function makeError({ depth }) {
  const error = make('td', 'error');
  error.colSpan = 4;
  error.style.setProperty('--depth', String(depth));
  return {
    element: make('tr', '', error),
    /** @param {Leaf} leaf */
    update: ({ actor }) => write(error, actor.last_error ?? ''),
  };
}

/** @param {ActorStatus} actor @param {number} [depth] @returns {Leaf[]} */
const flatten = (actor, depth = 0) => [
  { key: actor.path, actor, depth },
  ...(actor.last_error ? [{ key: `${actor.path} error`, actor, depth }] : []),
  ...actor.children.flatMap((child) => flatten(child, depth + 1)),
];

/** A view of stores and actors; call what it returns with each status to show. */
export function makeSystem() {
  const list = byId('stores', HTMLElement);
  const body = byId('actors', HTMLTableElement).tBodies[0];
  const stores = new Map();
  const actors = new Map();
  return (/** @type {import('../core/frames.js').StatusReport} */ status) => {
    reconcile(list, stores, status.stores, (store) => store.name, makeStore);
    reconcile(
      body,
      actors,
      flatten(status.actors),
      (leaf) => leaf.key,
      (leaf) => (leaf.key === leaf.actor.path ? makeActor(leaf) : makeError(leaf)),
    );
  };
}
