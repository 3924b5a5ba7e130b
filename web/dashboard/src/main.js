/** Puts the page together: frames are folded as they come, and shown at most once an animation frame. */

import { INITIAL } from './core/connection.js';
import { EMPTY, fold, resume } from './core/state.js';
import { makeApi } from './net/api.js';
import { browserSession } from './net/browser-session.js';
import { makeFeatureFlags } from './net/feature-flag-client.js';
import { follow } from './net/live.js';
import { makeSettings } from './net/settings.js';
import { makeHistory } from './net/supabase-client.js';
import { address, parse } from './ui/router.js';
import { makeShell } from './ui/shell.js';

/**
 * The modules of the views by the name in their address; each is loaded when it is first looked at.
 * @type {Record<string, () => Promise<{makeView: import('./ui/view.js').MakeView}>>}
 */
const VIEWS = {
  overview: () => import('./views/overview.js'),
  explore: () => import('./views/explore.js'),
  sessions: () => import('./views/sessions.js'),
  'dead-letters': () => import('./views/dead-letters.js'),
  system: () => import('./views/system.js'),
  time: () => import('./views/time.js'),
  flags: () => import('./views/flags.js'),
  transports: () => import('./views/transports.js'),
};

let state = EMPTY;
let connection = INITIAL;
let scheduled = false;
let openName = '';
/** @type {import('./ui/view.js').View | null} */
let openView = null;
/** @type {Map<string, import('./ui/view.js').View>} */
const made = new Map();
/** @type {Set<(metrics: readonly import('./core/frames.js').LiveMetric[]) => void>} */
const listeners = new Set();

/** @type {Set<() => void>} */
const flagListeners = new Set();

const api = makeApi();
const settings = makeSettings();
const session = browserSession(settings);

/** @type {import('./ui/view.js').Page} */
const page = {
  api,
  history: makeHistory({ api }),
  settings,
  session,
  flags: makeFeatureFlags({
    session,
    base: new URL('.', document.baseURI).href,
    settings,
    expired: () => location.assign('login'),
  }),
  model: () => ({ state, connection, now: Date.now() }),
  changed: schedule,
  announce: (text) => shell.announce(text),
  go: (name, params) => location.assign(address(name, params)),
  onMetrics: (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  onFlag: (listener) => {
    flagListeners.add(listener);
    return () => flagListeners.delete(listener);
  },
};

const shell = makeShell(page);

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    const model = page.model();
    shell.show(model);
    openView?.show(model);
  });
}

async function route() {
  const { name, params } = parse(location.hash);
  if (!(name in VIEWS)) {
    // What is not a view is an anchor within one (the skip link), or the page opened without an address.
    if (name === '' || openView === null) location.replace(address('overview'));
    return;
  }
  const view = made.get(name) ?? (await VIEWS[name]()).makeView(page);
  made.set(name, view);
  if (parse(location.hash).name !== name) return; // somebody was faster than the network
  if (openView !== view) {
    openView?.leave?.();
    openView = view;
    shell.open(name, view.element, openName !== '');
    openName = name;
  }
  view.enter?.(params);
  schedule();
}

/** What was decided may be different now: a flag was changed, or there was no connection to hear of it by. */
function flagsChanged() {
  page.flags.refresh();
  for (const listener of flagListeners) listener();
}

const retry = follow({
  session,
  resume(away) {
    const resumed = resume(state, away);
    state = resumed.state;
    return resumed.from;
  },
  receive(frame) {
    if (frame.type === 'flag' || frame.type === 'hello') flagsChanged();
    const folded = fold(state, frame, Date.now());
    state = folded.state;
    if (folded.fresh.length > 0) for (const listener of listeners) listener(folded.fresh);
    schedule();
    return folded.ask;
  },
  change(next) {
    connection = next;
    schedule();
  },
});

shell.onRetry(retry);
addEventListener('hashchange', route);
route();
// The SDK is not needed for the first paint.
requestAnimationFrame(() => setTimeout(page.flags.refresh));
// "12 sec. ago" grows old by itself.
setInterval(schedule, 1_000);
