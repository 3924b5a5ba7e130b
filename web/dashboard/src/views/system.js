/** System: the stores and their breakers, the supervision tree, the journal's segments, and the process. */

import { make, show } from '../ui/dom.js';
import { makeActors } from './system/actors.js';
import { makeJournal } from './system/journal.js';
import { makeProcess, makeRealtime } from './system/process.js';
import { makeStores } from './system/stores.js';
import './system.css';

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  const stores = makeStores(page);
  const actors = makeActors(page);
  const journal = makeJournal(page);
  const realtime = makeRealtime();
  const process = makeProcess();
  const waiting = make('p', 'system-waiting quiet', 'Waiting for the first status…');
  const parts = make(
    'div',
    'stack',
    stores.element,
    actors.element,
    make('div', 'columns', journal.element, make('div', 'stack', realtime.element, process.element)),
  );
  return {
    element: make('div', 'system', make('h2', 'unseen', 'System'), waiting, parts),
    show(model) {
      const { state, now } = model;
      show(waiting, state.status === null);
      show(parts, state.status !== null);
      if (state.status === null) return;
      stores.show(state.status, now);
      actors.show(state.status, state.history.at(-1)?.at ?? now, now);
      journal.show(state.status, now);
      realtime.show(state.status.realtime);
      process.show(state.status, now);
    },
    enter(params) {
      actors.enter(params.get('actor') ?? '');
      journal.enter();
    },
    leave() {
      actors.leave();
      journal.leave();
      stores.leave();
    },
  };
}
