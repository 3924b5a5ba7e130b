/** The table of live metrics, its filter, and what stands in its place while there are none. */

import { ago, measured, perTime, whole } from '../core/format.js';
import { rate, sparkPath } from '../core/series.js';
import { MAX_SERIES } from '../core/state.js';
import { columnHead, make, makeSpark, mark, reconcile, show, write } from './dom.js';
import { address } from './router.js';
import './live-table.css';

/**
 * @typedef {import('../core/series.js').Series} Series
 * @typedef {import('../core/state.js').State} State
 */

/**
 * Rows come and go at most this often (ms), so that the table can be read while many series change; the first
 * ones wait as long for what was there before the page, so that they come together.
 */
const SETTLE = 1_000;

/** Of the rows out of sight, one in so many is brought up to date each time. */
const UNSEEN = 10;
let made = 0;
const names = new Intl.Collator(undefined, { numeric: true });

/** @type {WeakMap<Element, boolean>} */
const sight = new WeakMap();
const observer = new IntersectionObserver(
  (entries) => entries.forEach((entry) => sight.set(entry.target, entry.isIntersecting)),
  { rootMargin: '50% 0%' },
);

/** @param {Series} first */
function makeRow(first) {
  const link = make('a', '', first.name);
  link.href = address('explore', { name: first.name, source: first.source });
  const name = make('th', 'name', link);
  const source = make('td', 'source', first.source);
  const value = document.createTextNode('');
  const unit = make('span', 'unit');
  const perSecond = make('td', 'number rate');
  const seen = make('td', 'number seen');
  const spark = makeSpark();
  const trend = make('td', 'trend');
  trend.append(spark.svg);
  name.scope = 'row';
  name.title = first.name;
  source.title = first.source;
  const element = make(
    'tr',
    '',
    name,
    source,
    make('td', 'number value', value, unit),
    perSecond,
    trend,
    seen,
  );
  /** @type {readonly import('../core/series.js').Point[] | null} */
  let drawn = null;
  let turn = made++;
  observer.observe(element);
  return {
    element,
    /** @param {Series} series */
    update(series) {
      turn += 1;
      if (drawn && !sight.get(element) && turn % UNSEEN !== 0) return;
      const now = Date.now();
      const current = rate(series, now);
      write(value, measured(series.value));
      write(unit, series.unit);
      mark(unit, 'title', series.unit);
      write(perSecond, perTime(current));
      write(seen, ago(now - series.seen));
      mark(element, 'data-quiet', String(current === null && now - series.seen > 10_000));
      if (drawn !== series.points) {
        drawn = series.points;
        mark(
          spark.path,
          'd',
          sparkPath(
            drawn.map((point) => ({ x: point.second, y: point.value })),
            120,
            24,
          ),
        );
      }
    },
  };
}

/** @param {string} text @param {Series} series */
const matches = (text, series) =>
  text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => `${series.name} ${series.source}`.toLowerCase().includes(word));

/** @returns {HTMLTableElement} */
function makeTable() {
  const titles = ['Metric', 'Source', 'Last value', 'Rate', 'Trend', 'Seen'];
  const numbers = new Set(['Last value', 'Rate', 'Seen']);
  const heads = titles.map((title) => columnHead(numbers.has(title) ? 'number' : '', title));
  return make('table', 'live', make('thead', '', make('tr', '', ...heads)), make('tbody'));
}

/**
 * The table of the live metrics.
 * @param {() => void} changed the filter was changed: show again
 */
export function makeLiveTable(changed) {
  const filter = make('input', 'push');
  Object.assign(filter, { type: 'search', placeholder: 'Filter…', autocomplete: 'off', spellcheck: false });
  filter.setAttribute('aria-label', 'Filter by name or source');
  const table = makeTable();
  const body = table.tBodies[0];
  const total = make('span', 'quiet');
  const skipped = make('p', 'note');
  const nothing = make('p', 'note');
  const first = makeFirst();
  const title = make('h3', '', 'Live metrics');
  const element = make(
    'section',
    'card',
    make('div', 'bar', title, total, filter),
    skipped,
    table,
    nothing,
    first,
  );
  element.setAttribute('aria-label', 'Live metrics');
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();
  /** @type {string[]} */
  let keys = [];
  let settled = -Infinity;
  const opened = performance.now();
  filter.addEventListener('input', () => {
    settled = -Infinity;
    changed();
  });

  /** @param {State} state @param {number} shown @param {string} text @param {boolean} arriving */
  const showWords = (state, shown, text, arriving) => {
    const known = arriving ? 0 : state.series.size;
    const virgin = known === 0 && state.status?.accepted === 0;
    const many = state.evicted ? `${whole(MAX_SERIES)} (there are more)` : whole(known);
    write(total, known === 0 ? '' : text ? `${whole(shown)} of ${many}` : many);
    show(table, shown > 0);
    show(filter, known > 0);
    show(first, virgin);
    write(
      nothing,
      known > 0
        ? `None of the ${whole(known)} live metrics here has “${text}” in its name or source.`
        : state.status && !arriving
          ? 'No metric has come since this page was opened. The next one appears here by itself.'
          : 'Waiting for the first frame…',
    );
    show(nothing, shown === 0 && !virgin);
    write(
      skipped,
      `${whole(state.skipped)} metrics were too many to send to this page after a gap and are not in its trends. They are stored like all others.`,
    );
    show(skipped, state.skipped > 0);
  };

  return {
    element,
    /** @param {State} state */
    show(state) {
      const now = performance.now();
      const text = filter.value.trim();
      const arriving = now - opened < SETTLE && state.holes.some((hole) => hole.first < state.since);
      if (!arriving && (now - settled > SETTLE || rows.size === 0)) {
        settled = now;
        keys = [...state.series.values()]
          .filter((series) => !text || matches(text, series))
          .sort((a, b) => names.compare(a.name, b.name) || names.compare(a.source, b.source))
          .map((series) => series.key);
      }
      const shown = keys.flatMap((key) => state.series.get(key) ?? []);
      reconcile(body, rows, shown, (series) => series.key, makeRow);
      showWords(state, shown.length, text, arriving);
    },
  };
}

/** What stands there before the first metric: the command that sends it. */
function makeFirst() {
  const remote = !/^(localhost|127\.|\[::1\])/.test(location.hostname);
  const lines = [
    `curl ${new URL('api/metrics', document.baseURI).href}`,
    "  -H 'Content-Type: application/json'",
    ...(remote ? ["  -H 'Authorization: Bearer TOKEN'"] : []),
    `  -d '{"name": "hello", "value": 42}'`,
  ];
  const command = lines.join(' \\\n');
  const text = make('pre', '', make('code', '', command));
  text.tabIndex = 0;
  text.setAttribute('aria-label', 'Command');
  const copy = make('button', '', 'Copy');
  copy.type = 'button';
  show(copy, 'clipboard' in navigator);
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(command);
    write(copy, 'Copied');
    setTimeout(() => write(copy, 'Copy'), 2_000);
  });
  return make(
    'div',
    'empty',
    make('h4', '', 'Send the first metric'),
    make('p', '', 'Paste this into a terminal. The value appears here as soon as it is safe on disk.'),
    make('div', 'command', text, copy),
    ...(remote
      ? [make('p', 'quiet', 'This Forebay is not on your own machine, so it wants its token too.')]
      : []),
    make(
      'p',
      'quiet',
      'Or run ',
      make('code', '', 'forebay demo'),
      ' for a steady stream of realistic ones.',
    ),
  );
}
