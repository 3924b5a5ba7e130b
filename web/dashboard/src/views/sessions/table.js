/** The table of senders: one a row, brought up to date in place. */

import { ago, NONE, perTime, whole } from '../../core/format.js';
import { exploreParams } from '../../core/sender-link.js';
import { columnHead, make, mark, reconcile, write } from '../../ui/dom.js';
import { address } from '../../ui/router.js';

/**
 * @typedef {import('../../core/session-tracker.js').Row} Row
 * @typedef {import('../../core/session-tracker.js').Sort} Sort
 * @typedef {{row: Row, now: number, stored: ReadonlyMap<string, readonly string[]>}} Item `stored`: names by source
 */

/** @type {{text: string, sort?: Sort, descending?: boolean, number?: boolean, title?: string}[]} */
const HEADS = [
  { text: 'Source and session', sort: 'name' },
  { text: 'State' },
  {
    text: 'Rate',
    sort: 'rate',
    descending: true,
    number: true,
    title: 'Metrics a second, over the last 10 s',
  },
  { text: 'Over 60 s', number: true, title: 'Metrics a second, over the last 60 s' },
  { text: 'Last seen', sort: 'seen', descending: true, number: true },
  { text: 'Since', sort: 'since', descending: true, number: true },
  { text: 'Sent', number: true, title: 'Metrics since Forebay started' },
  {
    text: 'Stored',
    sort: 'count',
    descending: true,
    number: true,
    title: 'Metrics in the store, as of a minute ago at most',
  },
];
const STATES = /** @type {const} */ ({
  sending: ['sending', 'good'],
  silent: ['silent', 'bad'],
  past: ['past', 'unknown'],
});

/** @param {(sort: Sort) => void} sort */
export function makeTable(sort) {
  const heads = HEADS.map((each) => {
    const head = columnHead(each.number ? 'number' : '');
    if (each.title) head.title = each.title;
    const by = each.sort;
    if (by) {
      const button = make('button', '', each.text);
      button.type = 'button';
      button.addEventListener('click', () => sort(by));
      head.append(button);
    } else head.append(each.text);
    return head;
  });
  const body = make('tbody');
  const element = make('table', 'sessions-table', make('thead', '', make('tr', '', ...heads)), body);
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();
  return {
    element,
    /** @param {Sort} by */
    sorted(by) {
      HEADS.forEach((each, index) => {
        if (each.sort === by) mark(heads[index], 'aria-sort', each.descending ? 'descending' : 'ascending');
        else heads[index].removeAttribute('aria-sort');
      });
    },
    /** @param {readonly Row[]} shown @param {number} now @param {Item['stored']} stored */
    show(shown, now, stored) {
      reconcile(
        body,
        rows,
        shown.map((row) => ({ row, now, stored })),
        ({ row }) => row.key,
        ({ row }) => makeRow(row),
      );
    },
  };
}

const moment = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
/** @param {number} time */
const startOf = (time) => moment.format(time);

/** Of the rows out of sight, one in so many is brought up to date each time. */
const UNSEEN = 10;
/** @type {WeakMap<Element, boolean>} */
const sight = new WeakMap();
const observer = new IntersectionObserver(
  (entries) => entries.forEach((entry) => sight.set(entry.target, entry.isIntersecting)),
  { rootMargin: '50% 0%' },
);
let made = 0;

/** @param {Row} first */
function makeRow({ source, session }) {
  const link = make('a', source ? 'name' : 'name nameless', source || 'no source');
  link.title = `Explore what ${source || 'they'} sent${session ? ` in ${session}` : ''}`;
  const run = make('span', 'quiet session', session || 'no session');
  const head = make('th', 'who', link, run);
  head.scope = 'row';
  const state = make('span', 'badge');
  const cells = ['rate', 'minute', 'seen', 'since', 'sent', 'stored'].map((name) =>
    make('td', `number ${name}`),
  );
  const [rate, minute, seen, since, sent, stored] = cells;
  const element = make('tr', '', head, make('td', 'state', state), ...cells);
  observer.observe(element);
  let turn = made++;
  /** @type {Row | null} */
  let shown = null;
  let began = Number.NaN;
  let linked = '';
  return {
    element,
    /** @param {Item} item */
    update({ row, now, stored: names }) {
      turn += 1;
      const told = shown !== row;
      if (shown && !sight.get(element) && turn % UNSEEN !== 0) return;
      write(seen, ago(now - row.seen));
      const [word, tone] = STATES[row.past ? 'past' : row.silent ? 'silent' : 'sending'];
      write(state, word);
      mark(state, 'data-tone', tone);
      if (!row.count) write(sent, row.past ? NONE : whole(row.fresh));
      const links = `${row.names.length} ${names.size} ${row.past}`;
      if (linked !== links) mark(link, 'href', address('explore', exploreParams(row, names)));
      linked = links;
      if (!told) return;
      shown = row;
      write(rate, row.past ? NONE : perTime(row.rate10));
      write(minute, row.past ? NONE : perTime(row.rate60));
      if (began !== row.since) write(since, startOf(row.since));
      began = row.since;
      if (row.count) write(sent, whole(row.count));
      write(stored, row.stored === null ? NONE : whole(row.stored));
      mark(element, 'data-quiet', String(row.past));
    },
  };
}
