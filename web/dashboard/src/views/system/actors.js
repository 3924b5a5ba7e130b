/** The supervision tree as a table. A supervisor folds, and an actor opens to its last crash. */

import { compact, NONE, perTime, whole } from '../../core/format.js';
import { sparkPath } from '../../core/series.js';
import { fill, find, lines, perSecond, sample, stateOf, summary, trend, unfolded } from '../../core/tree.js';
import { columnHead, make, makeSpark, mark, reconcile, show, write } from '../../ui/dom.js';
import { makeCrash } from './crash.js';

/**
 * @typedef {import('../../core/tree.js').Line} Line
 * @typedef {import('../../ui/view.js').Page} Page
 * @typedef {{line: Line, samples: readonly import('../../core/tree.js').Sample[] | undefined, fresh: boolean,
 *   open: boolean}} Item
 * @typedef {{element: HTMLTableRowElement, update: (item: Item) => void}} Row
 * @typedef {{fold: (path: string) => void, open: (path: string) => void}} Acts
 */

const FOLDED = 'system.folded';
const COLUMNS = ['Actor', 'State', 'Mailbox', 'Messages', 'Trend', 'Dropped', 'Restarts'];
const NUMBERS = new Set(['Messages', 'Dropped', 'Restarts']);

/** @param {Page} page */
export function makeActors(page) {
  const total = make('span', 'quiet');
  const missing = make('p', 'note');
  const hint = make('span', 'quiet push', 'Press an actor to see its last crash.');
  const heads = COLUMNS.map((title) => columnHead(NUMBERS.has(title) ? 'number' : '', title));
  const body = make('tbody');
  const table = make('table', 'system-actors', make('thead', '', make('tr', '', ...heads)), body);
  const element = make(
    'section',
    'card',
    make('div', 'bar', make('h3', '', 'Actors'), total, hint),
    missing,
    table,
  );
  element.setAttribute('aria-label', 'Actors');
  element.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && opened) acts.open(opened);
  });
  /** @type {Map<string, Row>} */
  const rows = new Map();
  const crash = makeCrash(page, () => acts.open(opened));
  /** @type {import('../../core/tree.js').Loads} */
  let loads = new Map();
  /** @type {unknown} */
  let seen = null;
  let opened = '';
  let folded = new Set(page.settings.get(FOLDED, /** @type {string[]} */ ([])));
  page.settings.watch(FOLDED, () => {
    folded = new Set(page.settings.get(FOLDED, /** @type {string[]} */ ([])));
    page.changed();
  });

  /** @type {Acts} */
  const acts = {
    fold(path) {
      const next = new Set(folded);
      if (!next.delete(path)) next.add(path);
      page.settings.set(FOLDED, [...next]);
    },
    open(path) {
      const shut = opened === path;
      page.go('system', shut ? {} : { actor: path });
      if (shut) rows.get(path)?.element.querySelector('button')?.focus();
    },
  };

  return {
    element,
    /** @param {string} path the actor that the address opens, '' for none */
    enter(path) {
      opened = path;
      crash.enter(path);
    },
    leave() {
      crash.leave();
    },
    /** @param {import('../../core/frames.js').StatusReport} status @param {number} at @param {number} now */
    show(status, at, now) {
      const fresh = seen !== status;
      seen = status;
      if (fresh) loads = sample(loads, status.actors, at);
      write(total, summary(status.actors));
      /** @type {Item[]} */
      const items = [];
      for (const line of lines(status.actors, unfolded(folded, status.actors, opened))) {
        const { path, last_error: error } = line.actor;
        items.push({ line, samples: loads.get(path), fresh, open: opened === path });
        if (opened === path) crash.heard(line.actor);
        if (error || opened === path) items.push({ line, samples: undefined, fresh, open: opened === path });
      }
      const lost = opened !== '' && !find(status.actors, opened);
      write(missing, lost ? `There is no actor “${opened}” now.` : '');
      show(missing, lost);
      // A line is the actor, the one after it of the same path what is to be said about it.
      let last = '';
      const keys = new Map(
        items.map((item) => {
          const { path } = item.line.actor;
          const key = path === last ? `${path} detail` : path;
          last = path;
          return [item, key];
        }),
      );
      reconcile(
        body,
        rows,
        items,
        (item) => keys.get(item) ?? '',
        (item) =>
          keys.get(item) === item.line.actor.path ? makeActor(item, acts) : makeDetail(item, crash.element),
      );
      crash.show(now);
    },
  };
}

/** @param {Item} first @param {Acts} acts @returns {Row} */
function makeActor({ line: { actor: first, depth } }, acts) {
  const { kind, name, path } = first;
  const open = make('button', 'icon system-open', name);
  open.type = 'button';
  open.title = path;
  open.addEventListener('click', () => acts.open(path));
  const twist = make('button', 'icon system-twist');
  twist.type = 'button';
  twist.addEventListener('click', () => acts.fold(path));
  const inside = make('span', 'quiet');
  const head = make('th', 'system-name');
  head.scope = 'row';
  head.style.setProperty('--depth', String(depth));
  head.append(first.children.length > 0 ? twist : make('span', 'system-twist'), open, inside);
  const state = make('td', 'toned system-state');
  const mailbox = make('td', 'system-mailbox');
  const full = make('span', 'fill');
  const waiting = make('span');
  if (kind === 'actor') mailbox.append(make('span', 'gauge', full), waiting);
  const rate = make('td', 'number system-rate');
  const spark = makeSpark();
  const trendCell = make('td', 'system-trend', ...(kind === 'actor' ? [spark.svg] : []));
  const dropped = make('td', 'number toned system-dropped');
  const restarts = make('td', 'number toned system-restarts');
  const element = make('tr', '', head, state, mailbox, rate, trendCell, dropped, restarts);
  let drawn = false;
  return {
    element,
    update({ line: { actor, folded, within }, samples, fresh, open: isOpen }) {
      mark(open, 'aria-expanded', String(isOpen));
      if (first.children.length > 0) {
        mark(twist, 'aria-expanded', String(!folded));
        mark(twist, 'aria-label', `${folded ? 'Show' : 'Hide'} the ${within} within ${name}`);
        write(twist, folded ? '▸' : '▾');
        write(inside, folded ? `${within} inside` : '');
      }
      const { text, tone } = stateOf(actor);
      write(state, text);
      mark(state, 'data-tone', tone);
      const filled = fill(actor);
      full.style.setProperty('--fill', filled.toFixed(3));
      mark(full, 'data-tone', filled > 0.9 ? 'bad' : filled > 0.5 ? 'busy' : '');
      write(waiting, `${compact(actor.mailbox)} of ${compact(actor.capacity)}`);
      mark(restarts, 'data-tone', actor.restarts > 0 ? 'busy' : 'unknown');
      write(restarts, whole(actor.restarts));
      if (kind !== 'actor') return;
      mark(dropped, 'data-tone', actor.dropped > 0 ? 'bad' : 'unknown');
      write(dropped, whole(actor.dropped));
      mark(rate, 'title', `${whole(actor.processed)} since it began`);
      if (!fresh && drawn) return;
      drawn = true;
      const now = perSecond(samples);
      write(rate, now === null ? NONE : perTime(now));
      mark(spark.path, 'd', sparkPath(trend(samples), 120, 24));
    },
  };
}

/** @param {Item} first @param {HTMLElement} crash @returns {Row} */
function makeDetail({ line: { depth } }, crash) {
  const error = make('p', 'error');
  const cell = make('td', 'system-more', error);
  cell.colSpan = COLUMNS.length;
  cell.style.setProperty('--depth', String(depth));
  return {
    element: make('tr', 'system-detail-row', cell),
    update({ line: { actor }, open }) {
      write(error, actor.last_error ?? '');
      show(error, !open && Boolean(actor.last_error));
      if (open && crash.parentElement !== cell) cell.append(crash);
      if (!open && crash.parentElement === cell) crash.remove();
    },
  };
}
