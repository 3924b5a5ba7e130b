/** One chart with all that belongs to it: what it shows, its lines, the same as a table, and what is wrong. */

import { isEmpty, sentence, sentenceAt, sentenceOf } from '../../core/chart-words.js';
import { narrowing } from '../../core/choice.js';
import { further } from '../../core/lines.js';
import { ends, moment, stretch } from '../../core/moments.js';
import { makeAlert } from '../../ui/alert.js';
import { make, mark, show, write } from '../../ui/dom.js';
import { makeFilter } from './filter.js';
import { makeLegend } from './legend.js';
import { makeTable } from './table.js';

/** Words are written at most so often (ms), figures of the legend a little faster. */
const READABLE = 250;
const SUMMARY = 5_000;

/** @param {string} text @param {() => void} press */
function makeButton(text, press, className = '') {
  const button = make('button', className, text);
  button.type = 'button';
  button.addEventListener('click', press);
  return button;
}

/**
 * @param {ReturnType<typeof import('./feed.js').makeFeed>} feed
 * @param {{
 *   catalogue: ReturnType<typeof import('./catalogue.js').makeCatalogue>,
 *   now: () => number,
 *   range: () => import('../../core/windows.js').Range,
 *   replace: (chosen: import('../../core/choice.js').Chosen | null) => void,
 *   look: (time: number) => void,
 *   help: string,
 * }} context `replace`: show that in its place, nothing for null; `look`: go to that time; `help`: the element that
 *   says which keys there are
 */
export function makeCard(feed, { catalogue, now, range, replace, look, help }) {
  const { chosen } = feed;
  const title = make('h3', '', chosen.name);
  const which = make('span', 'quiet explore-which', narrowing(chosen));
  const unit = make('span', 'quiet explore-unit');
  const filter = makeFilter(chosen, catalogue, replace);
  const filterButton = makeButton('Filter', () => toggle(filterButton, filter.element, filter.open));
  const tableButton = makeButton('Table', () => {
    const open = tableButton.getAttribute('aria-pressed') !== 'true';
    mark(tableButton, 'aria-pressed', String(open));
    show(table.element, open);
    if (open) table.show(feed.lines(), feed.unit(), grid);
  });
  const close = makeButton('×', () => replace(null), 'icon');
  mark(filterButton, 'aria-expanded', 'false');
  mark(tableButton, 'aria-pressed', 'false');
  mark(filterButton, 'aria-label', `Filter ${chosen.name}`);
  mark(tableButton, 'aria-label', `Table of ${chosen.name}`);
  mark(close, 'aria-label', `Remove ${chosen.name}`);
  close.title = 'Remove';

  const alert = makeAlert();
  alert.element.classList.add('explore-alert');
  const plot = make('div', 'explore-plot');
  plot.tabIndex = 0;
  plot.setAttribute('role', 'group');
  plot.setAttribute('aria-roledescription', 'chart');
  plot.setAttribute('aria-label', `Chart of ${[chosen.name, narrowing(chosen)].filter(Boolean).join(' ')}`);
  plot.setAttribute('aria-describedby', help);
  const words = make('p');
  const go = makeButton('Go there', () => look(lastSeen()));
  const nothing = make('div', 'explore-nothing', words, go);
  const legend = makeLegend((line) => {
    line.hidden = !line.hidden;
    changed();
  });
  const rest = make('p', 'note');
  const table = makeTable(chosen.name);
  const summary = make('p', 'unseen');
  show(which, which.textContent !== '');
  for (const hidden of [filter.element, nothing, rest, table.element]) show(hidden, false);
  const stage = make('div', 'explore-stage', plot, nothing);
  const bar = make(
    'div',
    'bar',
    title,
    which,
    unit,
    make('div', 'push explore-tools', filterButton, tableButton, close),
  );
  const element = make(
    'section',
    'card explore-chart',
    bar,
    filter.element,
    alert.element,
    stage,
    summary,
    legend.element,
    rest,
    table.element,
  );
  element.setAttribute('aria-label', chosen.name);

  /** @type {import('../../core/buckets.js').Grid} */
  let grid = { from: 0, step: 1, length: 0 };
  let changed = () => {};
  let read = -Infinity;
  let pending = false;
  let unsaid = false;
  let summarised = -Infinity;
  /** @type {number | null} */
  let crosshair = null;

  const lastSeen = () => (catalogue.seen(chosen.name)?.last_time ?? 0) / 1e6;

  const showNothing = () => {
    const empty = isEmpty(feed.lines());
    show(nothing, empty);
    if (!empty) return;
    const { from, to } = range();
    const last = lastSeen();
    const elsewhere = !feed.loading() && last > 0 && (last < from || last > to) && !narrowing(chosen);
    const unknown = catalogue.isKnown() && !catalogue.namesError() && last === 0;
    write(
      words,
      feed.loading() ? 'Loading…' : sentence(ends(from, to), elsewhere ? now() - last : null, unknown),
    );
    show(go, elsewhere);
  };

  /** The summary, which is read rather than looked at, follows slowly. @param {number} at */
  const say = (at) => {
    if (!unsaid || at - summarised < SUMMARY) return;
    summarised = at;
    unsaid = false;
    const { from, to } = range();
    write(summary, `${chosen.name}, ${stretch(from, to)}. ${describe()}`);
  };

  /** @param {number} at */
  const writeFigures = (at) => {
    read = at;
    pending = false;
    legend.show(feed.lines(), feed.unit(), grid, crosshair);
    showNothing();
    if (!table.element.hidden) table.show(feed.lines(), feed.unit(), grid);
    unsaid = true;
    say(at);
  };

  return {
    element,
    plot,
    feed,
    /** Its data is another: the figures are written with the next drawing. */
    stale() {
      read = -Infinity;
    },
    /** @param {() => void} redraw what draws the chart anew */
    onChange: (redraw) => (changed = redraw),

    /** @type {import('../../charts/chart.js').Subject} */
    subject: {
      unit: feed.unit,
      lines: feed.lines,
      fill: feed.fill,
      shown(drawn, at) {
        const time = performance.now();
        const moved = at !== crosshair || drawn.step !== grid.step;
        grid = drawn;
        crosshair = at;
        if (moved || time - read >= READABLE) writeFigures(time);
        else pending = true;
      },
    },

    /** What the crosshair is on, or the window has, in words. */
    read() {
      const at = crosshair;
      if (at === null) return describe();
      const time = moment(grid.from + at * grid.step, grid.step);
      const values = feed
        .lines()
        .filter(({ hidden }) => !hidden)
        .map(({ label, joined }) => sentenceAt(label, joined, at, feed.unit()));
      return `${time}: ${values.join(', ')}`;
    },

    /** What changes without a drawing. */
    show() {
      const error = feed.error();
      if (error) alert.say(error, feed.retry);
      else alert.hide();
      const more = further(feed.further(), chosen.by);
      show(rest, more !== '');
      write(rest, more);
      const there = feed.unit() || (catalogue.seen(chosen.name)?.unit ?? '');
      write(unit, there);
      const time = performance.now();
      if (pending && time - read >= READABLE) writeFigures(time);
      else if (feed.loading() || error) showNothing();
      say(time);
    },
  };

  function describe() {
    return feed
      .lines()
      .map(({ label, joined }) => sentenceOf(label, joined, feed.unit()))
      .join(' ');
  }
}

/** @param {HTMLButtonElement} button @param {HTMLElement} panel @param {() => void} opened */
function toggle(button, panel, opened) {
  const open = panel.hidden !== false;
  show(panel, open);
  mark(button, 'aria-expanded', String(open));
  if (open) opened();
}
