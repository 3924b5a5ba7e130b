/**
 * One connection for all tabs of a browser. One tab holds it: that one has the lock `forebay.connection` (Web
 * Locks), performs the effects, and hands every event on (BroadcastChannel), so that all tabs fold the same
 * events in the same order; what others want asked for, or tried again, they tell it.
 *
 * - A tab that opens is given what the holder knows, by structured clone, and then what happens.
 * - A tab that closes or crashes gives the lock up with its life: the next in the queue has it at once. One that
 *   hangs is found silent by a tab that somebody looks at, and one that nobody looks at is relieved: both by
 *   stealing the lock. Whoever takes over goes on from the offset that it has itself; what it and others missed
 *   is found by its offsets, and what comes twice counts once.
 * - Each holder has a `term`, later than those before. Events of an earlier one are not taken: it may not have
 *   noticed yet that its lock is gone.
 *
 * Where there are no Web Locks (plain HTTP by another name than localhost; a browser that keeps nothing for this
 * site) each tab has a connection of its own, and so has a tab with `?transport=` in its address: it wants
 * another one than the browser's.
 *
 * @typedef {'holds' | 'follows' | 'alone'} Role
 * @typedef {{role: Role, why: '' | 'unsupported' | 'address', others: number}} Sharing `others`: tabs that this
 *   one hands events to, as far as it knows; `why` it is alone
 */

import { asked, CHECK, checked, heardOf, watching } from '../core/tabs.js';

const NAME = 'forebay.connection';
const COUNT = 5_000;

/**
 * @typedef {import('../core/link.js').LinkEvent} LinkEvent
 * @typedef {import('../core/link.js').LinkEffect} LinkEffect
 * @typedef {{type: 'lead', term: number, visible: boolean, model: unknown}
 * | {type: 'event', term: number, event: LinkEvent}
 * | {type: 'model', term: number, to: string, visible: boolean, model: unknown}
 * | {type: 'pong', term: number, visible: boolean}
 * | {type: 'join', from: string} | {type: 'ping'} | {type: 'leave'}
 * | {type: 'ask', effect: Extract<LinkEffect, {type: 'ask'}>} | {type: 'tell', event: LinkEvent}} Message
 */

/**
 * Share the connection with the other tabs.
 * @template M
 * @param {{
 *   reduce: (event: LinkEvent) => LinkEffect[],
 *   perform: (effect: LinkEffect) => void,
 *   hold: () => void,
 *   release: () => void,
 *   snapshot: () => M,
 *   adopt: (model: M) => LinkEffect[],
 *   changed: () => void,
 * }} tab `reduce` folds an event; `perform` is for effects of the tab that holds the connection, which it does
 *   from `hold` to `release`; `adopt`: go on with what the holder knows, and return what to ask for of what
 *   this tab has missed; `changed`: what `sharing` says is different
 * @param {{alone?: boolean}} [options]
 * @returns {{emit: (event: LinkEvent) => void, sharing: () => Sharing}} `emit`: something happened here. A tab
 *   that follows hands on only what the holder cannot know itself: that somebody wants it tried again.
 */
export function share(tab, { alone = false } = {}) {
  const supported = Boolean(globalThis.navigator?.locks && globalThis.BroadcastChannel);
  if (alone || !supported) return makeAlone(tab, alone ? 'address' : 'unsupported');

  const id = Array.from(crypto.getRandomValues(new Uint32Array(2)), String).join('-');
  const channel = new BroadcastChannel(NAME);
  let holds = false;
  /** Whether the browser gives this site no locks: the tab is alone. */
  let denied = false;
  /** The holder's; this tab's own while it holds. */
  let term = 0;
  /** Whether this tab knows what the holder knew when it began to listen. */
  let joined = false;
  let watch = watching(Date.now());
  let queued = new AbortController();
  let followers = 0;
  let countedAt = 0;
  /** @type {{first: number, last: number, at: number}[]} */
  let asks = [];

  const isVisible = () => document.visibilityState === 'visible';
  const post = (/** @type {Message} */ message) => denied || channel.postMessage(message);

  const count = async () => {
    if (denied) return;
    countedAt = Date.now();
    const { pending = [] } = await navigator.locks.query();
    const waiting = pending.filter(({ name }) => name === NAME).length;
    if (!holds || waiting === followers) return;
    followers = waiting;
    tab.changed();
  };

  /** Somebody is there, who may not be in the queue yet. */
  const listened = () => {
    if (followers > 0) return;
    followers = 1;
    countedAt = Date.now();
    setTimeout(count, CHECK);
  };

  /** @param {Extract<LinkEffect, {type: 'ask'}>} effect */
  const isAsked = (effect) => {
    const { again, asks: standing } = asked(asks, effect, Date.now());
    asks = standing;
    return again;
  };

  /** @param {LinkEvent} event */
  const emit = (event) => {
    if (!holds) {
      if (event.type === 'retry') post({ type: 'tell', event });
      return;
    }
    // Others have it before what follows from it can happen.
    if (followers > 0) post({ type: 'event', term, event });
    for (const effect of tab.reduce(event)) {
      if (effect.type === 'ask') isAsked(effect);
      tab.perform(effect);
    }
    if (Date.now() - countedAt > COUNT) count();
  };

  const hold = () => {
    holds = true;
    joined = true;
    term = Math.max(term + 1, Date.now());
    asks = [];
    followers = 1; // until they are counted
    post({ type: 'lead', term, visible: isVisible(), model: tab.snapshot() });
    tab.hold();
    tab.changed();
    count();
  };

  const release = () => {
    if (!holds) return;
    holds = false;
    followers = 0;
    tab.release();
    watch = { ...watching(Date.now()), patience: watch.patience, takenAt: watch.takenAt };
    tab.changed();
  };

  const deny = () => {
    denied = true;
    channel.close();
    hold();
    followers = 0;
  };

  /** Wait in the queue for the lock, or `steal` it; once it is lost to another tab, wait again. @param {boolean} steal */
  const want = async (steal) => {
    queued.abort();
    queued = new AbortController();
    const { signal } = queued;
    try {
      // `steal` goes with no signal, and needs none: it does not wait.
      await navigator.locks.request(NAME, steal ? { steal } : { signal }, () => {
        if (signal.aborted) return;
        hold();
        return new Promise(() => {}); // kept until the tab ends, or another one steals it
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DOMException && error.name === 'AbortError')) return deny();
      release();
      want(false);
      join();
    }
  };

  /** What is to be asked for, is asked for by the holder. @param {LinkEffect[]} effects */
  const hand = (effects) => {
    for (const effect of effects) if (effect.type === 'ask') post({ type: 'ask', effect });
  };

  /** @param {Extract<Message, {type: 'lead' | 'model'}>} holder */
  const follow = (holder) => {
    term = holder.term;
    watch = heardOf({ ...watch, hiddenAt: null }, Date.now(), holder.visible);
    joined = true;
    hand(tab.adopt(/** @type {M} */ (holder.model)));
  };

  /** @param {MessageEvent<Message>} message */
  const hear = ({ data }) => {
    const now = Date.now();
    switch (data.type) {
      case 'lead':
        if (data.term < term) return;
        if (holds) release(); // its lock is gone; that it is told so may come later
        return follow(data);
      case 'model':
        if (data.to !== id || holds || data.term < term) return;
        return follow(data);
      case 'event':
        if (holds || !joined || data.term < term) return;
        if (data.term > term) return join(); // somebody took it, and this tab was not told
        watch = heardOf(watch, now);
        return hand(tab.reduce(data.event));
      case 'pong':
        if (holds || data.term < term) return;
        if (data.term > term) return join();
        watch = heardOf(watch, now, data.visible);
        return;
      case 'join':
        if (!holds) return;
        listened();
        asks = []; // it did not get the answers
        post({ type: 'model', term, to: data.from, visible: isVisible(), model: tab.snapshot() });
        return;
      case 'ping':
        if (!holds) return;
        listened();
        post({ type: 'pong', term, visible: isVisible() });
        return;
      case 'leave':
        if (holds) count();
        return;
      case 'ask':
        if (holds && !isAsked(data.effect)) tab.perform(data.effect);
        return;
      case 'tell':
        if (holds) emit(data.event);
    }
  };

  const check = () => {
    if (holds || !isVisible()) return;
    const { watch: next, act } = checked(watch, Date.now());
    watch = next;
    if (act === 'ping') post({ type: 'ping' });
    else if (act !== 'nothing') want(true);
  };

  const join = () => {
    if (!holds) post({ type: 'join', from: id });
  };

  channel.onmessage = hear;
  setInterval(check, CHECK);
  document.addEventListener('visibilitychange', () => {
    if (holds) post({ type: 'pong', term, visible: isVisible() });
  });
  // A tab that was put away and comes back has missed what was said.
  document.addEventListener('resume', join);
  addEventListener('pageshow', ({ persisted }) => persisted && join());
  addEventListener('pagehide', () => post({ type: 'leave' }));
  join();
  want(false);

  return {
    emit,
    sharing: () =>
      denied
        ? { role: 'alone', why: 'unsupported', others: 0 }
        : { role: holds ? 'holds' : 'follows', why: '', others: followers },
  };
}

/**
 * A tab with a connection of its own.
 * @template M
 * @param {Parameters<typeof share<M>>[0]} tab
 * @param {Sharing['why']} why
 * @returns {ReturnType<typeof share>}
 */
function makeAlone(tab, why) {
  /** @param {LinkEvent} event */
  const emit = (event) => {
    for (const effect of tab.reduce(event)) tab.perform(effect);
  };
  // As elsewhere, nothing begins before what is returned can be used.
  queueMicrotask(tab.hold);
  return { emit, sharing: () => ({ role: 'alone', why, others: 0 }) };
}
