/** The dead letters that are listed, one a row, each with a box to select it. */

import { ago, whole } from '../../core/format.js';
import { columnHead, make, mark, reconcile, show, write } from '../../ui/dom.js';

/**
 * @typedef {import('../../core/letters.js').Letter} Letter
 * @typedef {{letter: Letter, selected: boolean, address: string}} Item
 */

const HEADS = ['Metric', 'Cause', 'What the store said', 'Accepted', 'Tried'];

/**
 * @param {(letter: Letter, selected: boolean) => void} select
 * @param {(selected: boolean) => void} selectShown
 */
export function makeTable(select, selectShown) {
  const all = make('input');
  all.type = 'checkbox';
  all.setAttribute('aria-label', 'Select all that are shown');
  all.addEventListener('change', () => selectShown(all.checked));
  const every = hit(all);
  every.append(make('span', 'words', 'Select all'));
  const boxed = columnHead('box', every);
  const heads = HEADS.map((text) => columnHead(text === 'Tried' ? 'number' : '', text));
  const body = make('tbody');
  const element = make(
    'table',
    'dead-letters-table',
    make('thead', '', make('tr', '', boxed, ...heads)),
    body,
  );
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();

  return {
    element,
    /** @param {readonly Item[]} items */
    show(items) {
      const lost = body.contains(document.activeElement) ? indexOfFocus(body) : -1;
      reconcile(
        body,
        rows,
        items,
        ({ letter }) => String(letter.id),
        () => makeRow(select),
      );
      const chosen = items.filter(({ selected }) => selected).length;
      all.checked = items.length > 0 && chosen === items.length;
      all.indeterminate = chosen > 0 && chosen < items.length;
      // Whoever stood on a row that has left goes on at the one that came in its place.
      if (lost >= 0 && !body.contains(document.activeElement)) {
        const next = body.children[Math.min(lost, body.children.length - 1)];
        (next?.querySelector('a') ?? all).focus({ preventScroll: true });
      }
    },
    /** Times grow old by themselves. @param {number} now */
    tick(now) {
      for (const row of rows.values()) row.tick(now);
    },
  };
}

/** @param {HTMLElement} body */
const indexOfFocus = (body) => [...body.children].findIndex((row) => row.contains(document.activeElement));

/** A box and the space around it that a finger may press. @param {HTMLInputElement} box */
const hit = (box) => make('label', 'hit', box);

/** @param {(letter: Letter, selected: boolean) => void} select */
function makeRow(select) {
  const box = make('input');
  box.type = 'checkbox';
  const name = make('a', 'name');
  const source = make('span', 'quiet source');
  const cause = make('span', 'badge');
  const way = make('span', 'badge way', 'on its way');
  const error = make('td', 'clip error-text');
  const accepted = make('td', 'accepted quiet');
  const tried = make('td', 'number tried');
  const head = make('th', 'metric', name, source);
  head.scope = 'row';
  mark(way, 'data-tone', 'busy');
  const element = make(
    'tr',
    '',
    make('td', 'box', hit(box)),
    head,
    make('td', 'cause', cause, way),
    error,
    accepted,
    tried,
  );
  /** @type {Letter | null} */
  let letter = null;
  box.addEventListener('change', () => letter && select(letter, box.checked));
  const tick = (/** @type {number} */ now) => letter && write(accepted, ago(now - letter.accepted_at / 1e6));
  return {
    element,
    tick,
    /** @param {Item} item */
    update(item) {
      if (box.checked !== item.selected) box.checked = item.selected;
      mark(element, 'data-selected', String(item.selected));
      mark(name, 'href', item.address);
      if (letter === item.letter) return;
      letter = item.letter;
      write(name, letter.name);
      name.title = letter.name;
      write(source, letter.source || 'no source');
      source.title = letter.source;
      write(cause, letter.weather ? 'weather' : letter.cause);
      write(error, letter.error);
      error.title = letter.error.slice(0, 1_000);
      accepted.title = new Date(letter.accepted_at / 1e6).toLocaleString();
      write(tried, whole(letter.attempts));
      show(way, Boolean(letter.redriving));
      box.setAttribute('aria-label', `Select dead letter ${letter.id}, ${letter.name}`);
      tick(Date.now());
    },
  };
}
