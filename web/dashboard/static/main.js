/** Puts the page together: frames are folded as they come, and shown at most once an animation frame. */

import { INITIAL } from './core/connection.js';
import { EMPTY, fold, resume } from './core/state.js';
import { follow } from './net/live.js';
import { byId } from './ui/dom.js';
import { makeMetrics } from './ui/metrics.js';
import { showOverview } from './ui/overview.js';
import { makeSystem } from './ui/system.js';

let state = EMPTY;
let connection = INITIAL;
let scheduled = false;
/** @type {import('./core/frames.js').StatusReport | null} */
let shown = null;

const showMetrics = makeMetrics(schedule);
const showSystem = makeSystem();

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    showOverview(state, connection, Date.now());
    showMetrics(state);
    if (state.status && state.status !== shown) showSystem(state.status);
    shown = state.status;
  });
}

const retry = follow({
  resume(away) {
    const resumed = resume(state, away);
    state = resumed.state;
    return resumed.from;
  },
  receive(frame) {
    const folded = fold(state, frame, Date.now());
    state = folded.state;
    schedule();
    return folded.ask;
  },
  change(next) {
    connection = next;
    schedule();
  },
});

byId('retry', HTMLButtonElement).addEventListener('click', retry);
// "12 sec. ago" grows old by itself.
setInterval(schedule, 1_000);
