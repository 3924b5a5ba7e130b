/** The same data as a chart's, as a table: the latest first, a row a bucket that has something. */

import { whole } from '../../core/format.js';
import { moment } from '../../core/moments.js';
import { withUnit } from '../../core/units.js';
import { make } from '../../ui/dom.js';

/** Rows at most: enough for every bucket of a chart of usual width. */
const MOST_ROWS = 400;
/** It is written anew at most so often (ms). */
const PAUSE = 1_000;

/** @param {string} name */
export function makeTable(name) {
  const element = make('div', 'scroll explore-table');
  element.tabIndex = 0;
  element.setAttribute('role', 'region');
  element.setAttribute('aria-label', `${name} as a table`);
  let written = -Infinity;
  let what = '';
  return {
    element,
    /** @param {readonly import('./feed.js').Line[]} lines @param {string} unit @param {import('../../core/buckets.js').Grid} grid */
    show(lines, unit, grid) {
      const now = performance.now();
      const drawn = lines.filter(({ hidden }) => !hidden);
      const same = drawn.map(({ key }) => key).join('\n') + grid.step;
      if (same === what && now - written < PAUSE) return;
      what = same;
      written = now;
      const one = drawn.length === 1;
      const heads = one ? ['Min', 'Mean', 'Max', 'Count'] : drawn.map(({ label }) => label);
      const row = make('tr', '', head('Time', 'col'), ...heads.map((text) => head(text, 'col', 'number')));
      const body = make('tbody');
      for (let at = grid.length - 1; at >= 0 && body.rows.length < MOST_ROWS; at -= 1) {
        if (!drawn.some(({ joined }) => joined.count[at] > 0)) continue;
        const cells = one
          ? only(drawn[0].joined, at, unit)
          : drawn.map(({ joined }) => withUnit(joined.mean[at], unit));
        const time = head(moment(grid.from + at * grid.step, grid.step), 'row');
        body.append(make('tr', '', time, ...cells.map((text) => make('td', 'number', text))));
      }
      const caption = make('caption', 'quiet', `${one ? '' : 'Means of '}${name}, the latest first`);
      element.replaceChildren(make('table', '', caption, make('thead', '', row), body));
    },
  };
}

/** @param {string} text @param {'row' | 'col'} scope */
function head(text, scope, className = '') {
  const cell = make('th', className, text);
  cell.scope = scope;
  return cell;
}

/** @param {import('../../core/seam.js').Joined} joined @param {number} at @param {string} unit */
const only = (joined, at, unit) => [
  ...[joined.min[at], joined.mean[at], joined.max[at]].map((value) => withUnit(value, unit)),
  whole(joined.count[at]),
];
