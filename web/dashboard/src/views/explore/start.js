/** What stands there while nothing is chosen: the busiest names, to begin with in one press. */

import { compact } from '../../core/format.js';
import { make, show, write } from '../../ui/dom.js';

/** @typedef {import('./catalogue.js').NameSeen} NameSeen */

const BUSIEST = 12;
const AT_ONCE = 4;

/** @param {readonly NameSeen[]} names */
const busiest = (names) => [...names].sort((a, b) => b.count - a.count);

/**
 * @param {(names: readonly string[]) => void} begin
 * @param {() => void} retry
 */
export function makeStart(begin, retry) {
  const title = make('h3', '', 'Choose what to look at');
  const words = make('p', 'quiet');
  const all = make('button', 'main');
  all.type = 'button';
  const again = make('button', '', 'Try again');
  again.type = 'button';
  again.addEventListener('click', retry);
  const list = make('ul', 'explore-names');
  const element = make(
    'section',
    'card explore-start',
    title,
    words,
    make('div', 'explore-first', all, again),
    list,
  );
  element.setAttribute('aria-label', 'Choose what to look at');
  /** @type {readonly NameSeen[]} */
  let top = [];
  let shown = '';
  all.addEventListener('click', () => begin(top.slice(0, AT_ONCE).map(({ name }) => name)));
  return {
    element,
    /** @param {readonly NameSeen[]} names @param {boolean} known @param {string} error */
    show(names, known, error) {
      top = busiest(names).slice(0, BUSIEST);
      const count = Math.min(AT_ONCE, top.length);
      write(
        words,
        top.length > 0
          ? 'Type a name or a source above, or begin with the busiest:'
          : error
            ? `${error} What comes live can be chosen above as soon as it comes.`
            : known
              ? 'No metric has been stored yet. Send one (Overview says how), or run “forebay demo” for a stream of them.'
              : 'Asking which metrics there are…',
      );
      write(all, count === 1 ? `Show ${top[0].name}` : `Show the ${count} busiest`);
      show(all, count > 0);
      show(again, error !== '');
      const now = top.map(({ name, count: many }) => `${name} ${compact(many)}`).join('\n');
      if (now === shown) return;
      shown = now;
      const focused = document.activeElement;
      if (focused && list.contains(focused)) return;
      list.replaceChildren(...top.map((one) => make('li', '', button(one, begin))));
    },
  };
}

/** @param {NameSeen} one @param {(names: readonly string[]) => void} begin */
function button({ name, count, unit, sources }, begin) {
  const where = sources.length === 1 ? sources[0] || 'no source' : `${sources.length} sources`;
  const element = make(
    'button',
    '',
    make('span', 'clip', name),
    make('span', 'quiet clip', [`${compact(count)} metrics`, where, unit].filter(Boolean).join(' · ')),
  );
  element.type = 'button';
  element.addEventListener('click', () => begin([name]));
  return element;
}
