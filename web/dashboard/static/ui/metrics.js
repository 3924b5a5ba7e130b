/** The table of live metrics, its filter, and what stands in its place while there are none. */

import { ago, measured, perTime, whole } from '../core/format.js';
import { rate, sparkPath } from '../core/series.js';
import { MAX_SERIES } from '../core/state.js';
import { byId, make, makeSpark, mark, reconcile, show, write } from './dom.js';

/** @typedef {import('../core/series.js').Series} Series */

/**
 * Rows come and go at most this often (ms), so that the table can be read while many series change; the first
 * ones wait as long for what was there before the page, so that they come together.
 */
const SETTLE = 1_000;

/** Of the rows out of sight, one in so many is brought up to date each time. */
const UNSEEN = 10;
let made = 0;

/** @type {WeakMap<Element, boolean>} */
const sight = new WeakMap();
const observer = new IntersectionObserver(
  (entries) => entries.forEach((entry) => sight.set(entry.target, entry.isIntersecting)),
  { rootMargin: '50% 0%' },
);

/** @param {Series} first */
function makeRow(first) {
  const name = make('th', 'name', first.name);
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

/**
 * A view of the live metrics; call what it returns with each state to show.
 * @param {() => void} changed the filter was changed: show again
 */
export function makeMetrics(changed) {
  const filter = byId('filter', HTMLInputElement);
  const body = byId('live', HTMLTableElement).tBodies[0];
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
  showCommand();

  return (/** @type {import('../core/state.js').State} */ state) => {
    const now = performance.now();
    const text = filter.value.trim();
    const arriving = now - opened < SETTLE && state.holes.some((hole) => hole.first < state.since);
    if (!arriving && (now - settled > SETTLE || rows.size === 0)) {
      settled = now;
      const names = new Intl.Collator(undefined, { numeric: true });
      keys = [...state.series.values()]
        .filter((series) => !text || matches(text, series))
        .sort((a, b) => names.compare(a.name, b.name) || names.compare(a.source, b.source))
        .map((series) => series.key);
    }
    const shown = keys.flatMap((key) => state.series.get(key) ?? []);
    reconcile(body, rows, shown, (series) => series.key, makeRow);
    showWords(state, shown.length, text, arriving);
  };
}

/**
 * @param {import('../core/state.js').State} state
 * @param {number} shown
 * @param {string} text the filter
 * @param {boolean} arriving
 */
function showWords(state, shown, text, arriving) {
  const total = arriving ? 0 : state.series.size;
  const virgin = total === 0 && state.status?.accepted === 0;
  const many = state.evicted ? `${whole(MAX_SERIES)} (there are more)` : whole(total);
  write(byId('shown', HTMLElement), total === 0 ? '' : text ? `${whole(shown)} of ${many}` : many);
  show(byId('live', HTMLElement), shown > 0);
  show(byId('filter', HTMLElement), total > 0);
  show(byId('empty', HTMLElement), virgin);
  const nothing = byId('nothing', HTMLElement);
  write(
    nothing,
    total > 0
      ? `None of the ${whole(total)} live metrics here has “${text}” in its name or source.`
      : state.status && !arriving
        ? 'No metric has come since this page was opened. The next one appears here by itself.'
        : 'Waiting for the first frame…',
  );
  show(nothing, shown === 0 && !virgin);
  const skipped = byId('skipped', HTMLElement);
  write(
    skipped,
    `${whole(state.skipped)} metrics were too many to send to this page after a gap and are not in its trends. They are stored like all others.`,
  );
  show(skipped, state.skipped > 0);
}

function showCommand() {
  const remote = !/^(localhost|127\.|\[::1\])/.test(location.hostname);
  const lines = [
    `curl ${new URL('api/metrics', location.href).href}`,
    "  -H 'Content-Type: application/json'",
    ...(remote ? ["  -H 'Authorization: Bearer TOKEN'"] : []),
    `  -d '{"name": "hello", "value": 42}'`,
  ];
  const command = lines.join(' \\\n');
  write(byId('curl', HTMLElement), command);
  show(byId('token', HTMLElement), remote);
  const copy = byId('copy', HTMLButtonElement);
  show(copy, 'clipboard' in navigator);
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(command);
    write(copy, 'Copied');
    setTimeout(() => write(copy, 'Copy'), 2_000);
  });
}
