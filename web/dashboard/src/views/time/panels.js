/** The state as of then, in panels; what is different now is marked and said. */

import {
  ACTOR_COLUMNS,
  actors,
  FLAG_COLUMNS,
  figures,
  flags,
  STORE_COLUMNS,
  stores,
} from '../../core/past.js';
import { columnHead, make, mark, reconcile, show, write } from '../../ui/dom.js';

/**
 * @typedef {import('../../core/past.js').Cell} Cell
 * @typedef {import('../../core/past.js').Row} Row
 * @typedef {import('../../core/past.js').Folded} Folded
 */

/** @param {'dd' | 'td'} tag @param {string} className */
function makeCell(tag, className) {
  const then = make('span', 'toned time-then');
  const now = make('span', 'quiet time-now');
  return {
    element: make(tag, className, then, now),
    /** @param {Cell} cell */
    update(cell) {
      write(then, cell.then);
      mark(then, 'data-tone', cell.tone);
      mark(then, 'data-changed', String(cell.changed));
      if (cell.title) mark(then, 'title', cell.title);
      else then.removeAttribute('title');
      write(now, cell.changed ? `now ${cell.now}` : '');
    },
  };
}

/** @param {{label: string}} first */
function makeFigure({ label }) {
  const value = makeCell('dd', 'value');
  const note = make('dd', 'quiet');
  return {
    element: make('div', '', make('dt', '', label), value.element, note),
    /** @param {Cell & {note: string}} item */
    update(item) {
      value.update(item);
      write(note, item.note);
    },
  };
}

/**
 * A card with a table of then and now.
 * @param {string} title
 * @param {string} note
 * @param {readonly string[]} columns
 * @param {string} nothing what is said where there is no row
 */
function makePanel(title, note, columns, nothing) {
  const heads = columns.map((column) => columnHead('', column));
  const body = make('tbody');
  const scroll = make('div', 'scroll', make('table', '', make('thead', '', make('tr', '', ...heads)), body));
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', title);
  const empty = make('p', 'note', nothing);
  const rows = new Map();
  return {
    element: make(
      'section',
      'card',
      make('div', 'bar', make('h3', '', title), make('span', 'quiet', note)),
      scroll,
      empty,
    ),
    /** @param {readonly Row[]} items */
    show(items) {
      reconcile(body, rows, items, ({ key }) => key, makeRow);
      show(scroll, items.length > 0);
      show(empty, items.length === 0);
    },
  };
}

/** @param {Row} first */
function makeRow({ key, cells }) {
  const head = make('th', 'time-name clip', key);
  head.scope = 'row';
  head.title = key;
  const parts = cells.map(() => makeCell('td', ''));
  return {
    element: make('tr', '', head, ...parts.map(({ element }) => element)),
    /** @param {Row} row */
    update({ cells: items }) {
      items.forEach((item, i) => parts[i].update(item));
    },
  };
}

export function makePanels() {
  const list = make('dl', 'figures');
  const tiles = new Map();
  const panels = {
    stores: makePanel(
      'Stores',
      'as the journal had noted them, about once a second',
      STORE_COLUMNS,
      'No store had been given anything.',
    ),
    actors: makePanel(
      'Crashed actors',
      'since the journal began',
      ACTOR_COLUMNS,
      'No actor had crashed, and none has since.',
    ),
    flags: makePanel(
      'Changed flags',
      '',
      FLAG_COLUMNS,
      'No flag had been changed: all had their defaults, and have them now.',
    ),
  };
  return {
    element: make('div', 'stack', list, panels.stores.element, panels.actors.element, panels.flags.element),
    /** @param {Folded} then @param {Folded} now @param {number} near milliseconds */
    show(then, now, near) {
      reconcile(list, tiles, figures(then, now), ({ label }) => label, makeFigure);
      panels.stores.show(stores(then, now, near));
      panels.actors.show(actors(then, now, near));
      panels.flags.show(flags(then, now, near));
    },
  };
}
