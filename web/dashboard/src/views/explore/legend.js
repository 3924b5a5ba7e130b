/** The lines of a chart by name, with what they come to in the window, or have where the crosshair is. */

import { whole } from '../../core/format.js';
import { lookOf } from '../../core/lines.js';
import { brief } from '../../core/moments.js';
import { inColumn } from '../../core/units.js';
import { columnHead, make, mark, reconcile, write } from '../../ui/dom.js';

/**
 * @typedef {import('./feed.js').Line} Line
 * @typedef {{line: Line, place: number, unit: string, at: number | null}} Item
 */

const HEADS = ['Last', 'Min', 'Mean', 'Max', 'Count'];

/** @param {Item} first @param {(line: Line) => void} toggled */
function makeRow({ line }, toggled) {
  const swatch = make('span', 'explore-swatch');
  swatch.setAttribute('aria-hidden', 'true');
  let placed = -1;
  const button = make('button', 'explore-line', swatch, make('span', 'clip', line.label));
  button.type = 'button';
  button.title = `${line.label}: press to hide or show it`;
  button.addEventListener('click', () => toggled(line));
  const head = make('th', '', button);
  head.scope = 'row';
  const cells = HEADS.map(() => make('td', 'number'));
  return {
    element: make('tr', '', head, ...cells),
    /** @param {Item} item */
    update({ line: { joined, hidden }, place, unit, at }) {
      if (placed !== place) {
        placed = place;
        const { colour, dash } = lookOf(place);
        swatch.style.setProperty('--colour', `var(--line-${colour + 1})`);
        swatch.dataset.dashed = String(dash !== undefined);
      }
      mark(button, 'aria-pressed', String(!hidden));
      const { count, last, min, mean, max } = joined.summary;
      const texts =
        at === null
          ? count > 0
            ? [...[last, min, mean, max].map((value) => inColumn(value, unit)), whole(count)]
            : null
          : joined.count[at] > 0
            ? [
                ...[joined.mean[at], joined.min[at], joined.mean[at], joined.max[at]].map((value) =>
                  inColumn(value, unit),
                ),
                whole(joined.count[at]),
              ]
            : null;
      cells.forEach((cell, i) => write(cell, texts?.[i] ?? '–'));
    },
  };
}

/** @param {(line: Line) => void} toggled a line was pressed */
export function makeLegend(toggled) {
  const title = columnHead('explore-when');
  const heads = HEADS.map((text) => columnHead('number', text));
  const body = make('tbody');
  const element = make('table', 'explore-legend', make('thead', '', make('tr', '', title, ...heads)), body);
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();
  return {
    element,
    /**
     * @param {readonly Line[]} lines
     * @param {string} unit
     * @param {import('../../core/buckets.js').Grid} grid
     * @param {number | null} at the bucket that the crosshair is on
     */
    show(lines, unit, grid, at) {
      write(title, at === null ? 'In this window' : brief(grid.from + at * grid.step, grid.step));
      write(heads[0], at === null ? 'Last' : 'Value');
      reconcile(
        body,
        rows,
        lines.map((line, place) => ({ line, place, unit, at })),
        ({ line }) => line.key,
        (item) => makeRow(item, toggled),
      );
    },
  };
}
