/** Sessions: who sends, how fast, since when; and who has fallen silent. */

import { duration, whole } from '../core/format.js';
import { namesBySource } from '../core/sender-link.js';
import { count, nobody, recall, rowsOf, silence, tell } from '../core/session-tracker.js';
import { mark, show, write } from '../ui/dom.js';
import { makeParts } from './sessions/parts.js';
import { makeTable } from './sessions/table.js';
import './sessions.css';

/**
 * @typedef {import('../core/session-tracker.js').Row} Row
 * @typedef {import('../core/session-tracker.js').Which} Which
 * @typedef {import('../core/session-tracker.js').Sort} Sort
 */

const NAME = 'sessions';
/** Milliseconds between two askings, and times as long as an answer took, at least. */
const EVERY = 3_000;
const EASE = 20;
const EVERY_PAST = 60_000;
const SHOWN = 200;
/** Silent ones that are named at the top. */
const NAMED = 3;

/** @param {string} text */
const short = (text) => (text.length > 28 ? `${text.slice(0, 27)}…` : text);

/** @param {{source: string, session: string}} row */
const nameOf = ({ source, session }) =>
  [source, session].filter(Boolean).map(short).join(' · ') || 'one without a name';

/**
 * @template {string} T
 * @param {URLSearchParams} params
 * @param {string} name
 * @param {readonly T[]} known the usual one first
 */
const oneOf = (params, name, known) => known.find((each) => each === params.get(name)) ?? known[0];

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  let tracked = nobody();
  /** @type {{which: Which, text: string, sort: Sort}} */
  let wanted = { which: 'all', text: '', sort: 'name' };
  let most = SHOWN;
  /** @type {readonly Row[]} */
  let rows = [];
  let stale = true;
  let second = 0;
  let opening = new AbortController();
  let told = new Set();
  /** @type {ReadonlyMap<string, readonly string[]>} */
  let names = new Map();
  let summary = silence(tracked, 0);

  const go = (/** @type {Partial<typeof wanted>} */ change) => {
    const { which, text, sort } = { ...wanted, ...change };
    page.go(NAME, { show: which === 'all' ? '' : which, filter: text, sort: sort === 'name' ? '' : sort });
  };
  const parts = makeParts(go);
  const table = makeTable((sort) => go({ sort }));
  parts.scroll.append(table.element);
  const renew = () => {
    stale = true;
    page.changed();
  };

  /**
   * Ask now, and again and again until `signal`; what fails is said, and what was there stays.
   * @param {string} what
   * @param {() => Promise<void>} request
   * @param {number} every
   * @param {ReturnType<typeof makeParts>['failures'][number]} failure
   * @param {AbortSignal} signal
   */
  const ask = async (what, request, every, failure, signal) => {
    if (signal.aborted) return;
    const began = performance.now();
    try {
      await request();
      failure.hide();
    } catch (error) {
      if (signal.aborted) return;
      failure.say(`${what}: ${error instanceof Error ? error.message : error}`, begin);
    }
    if (signal.aborted) return;
    renew();
    const pause = Math.max(every, EASE * (performance.now() - began));
    const timer = setTimeout(() => ask(what, request, every, failure, signal), pause);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  };

  const begin = () => {
    opening.abort();
    opening = new AbortController();
    const { signal } = opening;
    const [now, past] = parts.failures;
    ask(
      'Who sends now',
      async () => {
        const report = await page.api.get('api/senders', { params: { limit: 10_000 }, signal });
        tracked = tell(tracked, /** @type {import('../core/session-tracker.js').SendersReport} */ (report));
        announceSilent();
      },
      EVERY,
      now,
      signal,
    );
    ask(
      'Who sent before',
      async () => {
        const [sessions, seen] = await Promise.all([
          page.history.sessions(signal),
          page.history.names(signal),
        ]);
        tracked = recall(tracked, sessions);
        names = namesBySource(seen);
      },
      EVERY_PAST,
      past,
      signal,
    );
  };

  /** Who was not silent when Forebay was asked before is news. */
  const announceSilent = () => {
    const silent = [...tracked.senders.values()].filter((row) => row.silent);
    const news = silent.filter((row) => !told.has(row.key));
    if (parts.known && news.length > 0) {
      const first = news.slice(0, NAMED).map(nameOf).join(', ');
      const others = news.length > NAMED ? ` and ${whole(news.length - NAMED)} more` : '';
      page.announce(`Fallen silent: ${first}${others}.`);
    }
    told = new Set(silent.map((row) => row.key));
    parts.known = true;
  };

  /** @param {number} now */
  const summarize = (now) => {
    const { sending, recent, old, past } = summary;
    const silent = recent.length + old;
    const named = recent
      .slice(0, NAMED)
      .map((row) => `${nameOf(row)} for ${duration((now - row.seen) / 1000)}`);
    const others = recent.length > NAMED ? ` and ${whole(recent.length - NAMED)} more` : '';
    const many = recent.length === 1 ? 'sender has' : 'senders have';
    write(
      parts.sentence,
      !parts.known
        ? 'Asking who sends…'
        : recent.length > 0
          ? `${whole(recent.length)} ${many} fallen silent: ${named.join(', ')}${others}.`
          : sending > 0
            ? `${sending === 1 ? 'One sender sends' : `${whole(sending)} senders send`}, and none has fallen silent${old ? ` but ${whole(old)} over an hour ago` : ''}.`
            : silent > 0
              ? 'Nobody has sent for over an hour.'
              : 'Nobody has sent since Forebay started.',
    );
    mark(parts.sentence, 'data-tone', recent.length > 0 ? 'busy' : sending > 0 ? 'good' : 'unknown');
    parts.choice.count({ all: sending + silent + past, sending, silent, past });
  };

  const list = () => {
    rows = rowsOf(tracked, wanted);
    stale = false;
    const everybody = tracked.senders.size + tracked.past.size;
    show(parts.scroll, rows.length > 0);
    show(parts.rest, rows.length > most);
    write(parts.more, `Show ${whole(Math.min(SHOWN, rows.length - most))} more of ${whole(rows.length)}`);
    show(parts.loading, !parts.known && everybody === 0);
    show(parts.empty, parts.known && everybody === 0);
    show(parts.none, parts.known && everybody > 0 && rows.length === 0);
    write(parts.none, wanted.text ? `Nobody here has “${wanted.text}” in source or session.` : 'Nobody.');
    const forgotten = tracked.report?.forgotten ?? 0;
    show(parts.forgotten, forgotten + tracked.overlooked > 0);
    write(
      parts.forgotten,
      `${whole(tracked.report?.limit ?? 0)} senders are remembered at most; ${whole(forgotten)} that were silent for longest made room. The store has theirs still.`,
    );
  };
  parts.more.addEventListener('click', () => {
    most += SHOWN;
    renew();
  });

  return {
    element: parts.element,
    enter(params) {
      const next = {
        which: oneOf(params, 'show', /** @type {const} */ (['all', 'sending', 'silent', 'past'])),
        text: params.get('filter') ?? '',
        sort: oneOf(params, 'sort', /** @type {const} */ (['name', 'rate', 'seen', 'since', 'count'])),
      };
      if (JSON.stringify(next) !== JSON.stringify(wanted)) most = SHOWN;
      wanted = next;
      stale = true;
      parts.choice.set(wanted);
      table.sorted(wanted.sort);
      if (opening.signal.aborted || !parts.listening) {
        begin();
        parts.listening = page.onMetrics((metrics) => {
          if (count(tracked, metrics, Date.now()) > 0) stale = true;
        });
      }
    },
    leave() {
      opening.abort();
      parts.listening?.();
      parts.listening = null;
    },
    show({ now }) {
      const tick = Math.floor(now / 1_000);
      if (!stale && tick === second) return;
      second = tick;
      if (stale) {
        summary = silence(tracked, now);
        list();
      }
      summarize(now);
      // A row that was told anew is another object: the one of now is looked up.
      table.show(
        rows.slice(0, most).map((row) => tracked.senders.get(row.key) ?? row),
        now,
        names,
      );
    },
  };
}
