/** Puts the page together: events are reduced as they come, and shown at most once an animation frame. */

import { isWell } from './core/connection.js';
import { reduce } from './core/dashboard-core.js';
import { connectionOf, INITIAL } from './core/link.js';
import { caughtUp, memory, remembered } from './core/tabs.js';
import { MODES, wanted } from './core/wanted.js';
import { logIn, makeApi } from './net/api.js';
import { browserSession } from './net/browser-session.js';
import { share } from './net/cross-session-state.js';
import { makeFeatureFlags } from './net/feature-flag-client.js';
import { makeSettings } from './net/settings.js';
import { makeSources } from './net/sources.js';
import { makeHistory } from './net/supabase-client.js';
import { makeTickets } from './net/tickets.js';
import { makeAlert } from './ui/alert.js';
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

const settings = makeSettings();
/** A tab whose address names a transport (`/?transport=`) wants another connection than the browser's other tabs. */
const ownTransport = new URLSearchParams(location.search).get('transport');

/** @type {import('./core/link.js').Model} */
let model = { ...INITIAL, state: remembered(settings.get('seen', null), Date.now()) };
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
const session = browserSession(settings);
const tickets = makeTickets(api, () => session);

/** @type {import('./ui/view.js').Page} */
const page = {
  api,
  history: makeHistory({ api, tickets, prefersSupabase: () => model.link.wanted === 'realtime' }),
  settings,
  session,
  sharing: () => tabs.sharing(),
  flags: makeFeatureFlags({
    session,
    base: new URL('.', document.baseURI).href,
    settings,
    expired: logIn,
  }),
  model: () => ({ ...model, connection: connectionOf(model.link), now: Date.now() }),
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
    // What is neither a view nor an anchor within one (the skip link): the page opened without an address, or a wrong one.
    if (location.hash !== '#view' || openView === null) location.replace(address('overview'));
    return;
  }
  const view = made.get(name) ?? (await load(name));
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

/** @param {string} name @returns {Promise<import('./ui/view.js').View>} */
async function load(name) {
  try {
    const view = (await VIEWS[name]()).makeView(page);
    made.set(name, view);
    return view;
  } catch (error) {
    // The login has expired, which leads there; or Forebay has been upgraded, and its page is another one now.
    const isThere = await api.get('api/status').catch(() => null);
    const [opening] = performance.getEntriesByType('navigation');
    const isReloaded = opening instanceof PerformanceNavigationTiming && opening.type === 'reload';
    if (isThere && !(isReloaded && performance.now() < 30_000)) {
      location.reload();
      await new Promise(() => {}); // this page is on its way out
    }
    const alert = makeAlert();
    if (!isThere) {
      alert.say(
        'This view could not be loaded, for Forebay does not answer. It comes when Forebay is back.',
        null,
      );
      const view = awaiting(alert.element);
      made.set(name, view);
      return view;
    }
    const why = error instanceof Error ? error.message : String(error);
    alert.say(`This view could not be loaded: ${why}`, () => location.reload());
    return { element: alert.element, show() {} };
  }
}

/**
 * In the place of a view that only a reload can bring: what failed to load once is not loaded whole by the same page.
 * @param {HTMLElement} element
 * @returns {import('./ui/view.js').View}
 */
function awaiting(element) {
  let reloaded = false;
  return {
    element,
    show({ connection, now }) {
      if (reloaded || !isWell(connection, now)) return;
      reloaded = true;
      location.reload();
    },
  };
}

/** What was decided may be different now: a flag was changed, or there was no connection to hear of it by. */
function flagsChanged() {
  page.flags.refresh();
  for (const listener of flagListeners) listener();
}

const sources = makeSources({ emit: (event) => tabs.emit(event), api, tickets, session: () => session });

const tabs = share(
  {
    reduce: fold,
    perform: sources.perform,
    hold() {
      sources.start();
      // What was open was another tab's.
      const lines = Object.values(model.link.lines);
      if (lines.some(({ phase }) => phase !== 'off')) tabs.emit({ type: 'taken', at: Date.now() });
      choose();
    },
    release: sources.stop,
    snapshot: () => model,
    adopt(theirs) {
      const { state, ask } = caughtUp(model.state, theirs.state, Date.now());
      model = { link: theirs.link, state };
      schedule();
      return ask.map((range) => ({ type: 'ask', ...range, by: 'http' }));
    },
    changed: schedule,
  },
  { alone: MODES.some((mode) => mode === ownTransport) },
);

/** @param {import('./core/link.js').LinkEvent} event */
function fold(event) {
  if (event.type === 'frame' && (event.frame.type === 'flag' || event.frame.type === 'hello')) flagsChanged();
  const reduced = reduce(model, event);
  model = reduced.model;
  if (reduced.fresh.length > 0) for (const listener of listeners) listener(reduced.fresh);
  schedule();
  return reduced.effects;
}

/** Which transports this tab should use, and whether there is a WebSocket for this browser. */
function choose() {
  const { flags } = page;
  const websocket = flags.flag('dashboard.websocket', true);
  const hand = settings.get('transport', '');
  const { transport, by } = wanted({
    url: ownTransport,
    hand,
    flag: flags.flag('dashboard.transport', 'websocket'),
    websocket,
  });
  tabs.emit({ type: 'wanted', transport, by, at: Date.now() });
  tabs.emit({ type: 'allowed', websocket, at: Date.now() });
}

/** How far this browser has seen, for the page that is opened next. */
function remember() {
  const seen = memory(model.state, Date.now());
  if (seen && tabs.sharing().role !== 'follows') settings.set('seen', seen);
}

settings.watch('transport', choose);
for (const name of ['dashboard.transport', 'dashboard.websocket']) page.flags.watch(name, choose);
shell.onRetry(() => tabs.emit({ type: 'retry', at: Date.now() }));
addEventListener('hashchange', route);
route();
// The SDK is not needed for the first paint.
requestAnimationFrame(() => setTimeout(page.flags.refresh));
// "12 sec. ago" grows old by itself.
setInterval(schedule, 1_000);
setInterval(remember, 2_000);
addEventListener('pagehide', remember);
