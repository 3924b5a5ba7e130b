/** Explore: charts of chosen metrics, live and back in time. What is chosen stands in the address. */

import 'uplot/dist/uPlot.min.css';
import { makeChartManager } from '../charts/chart-manager.js';
import { chosen, keyOfChart, MAX_CHARTS, readChoice, writeChoice } from '../core/choice.js';
import { lacking } from '../core/stores.js';
import { suggestions } from '../core/suggestions.js';
import { ahead, fixed, lengthOf, pan, rangeOf, zoom } from '../core/windows.js';
import { make, show, write } from '../ui/dom.js';
import { makePickList } from '../ui/pick-list.js';
import { address } from '../ui/router.js';
import { makeCard } from './explore/card.js';
import { makeCatalogue } from './explore/catalogue.js';
import { makeFeed } from './explore/feed.js';
import { makeStart } from './explore/start.js';
import { makeToolbar } from './explore/toolbar.js';
import './explore.css';

/**
 * @typedef {import('../core/choice.js').Chosen} Chosen
 * @typedef {import('../core/windows.js').Span} Span
 */

/** How often it is looked at what of the history is missing (ms). */
const LOOK = 250;
/** Movements in time come into the address when they have ended (ms). */
const ENDED = 400;
const HELP =
  'Drag across a chart to zoom, with Shift to move; a sideways wheel moves too, and Ctrl with the wheel zooms. On a ' +
  'chart that has the focus: arrow keys move in time, + and − zoom, Shift with arrows moves the crosshair, Space ' +
  'pauses, Escape goes back to live.';

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  const catalogue = makeCatalogue(page);
  /** The time by the server's clock, which metrics are stored by. */
  const clock = () => Date.now() - ahead(page.model().link.clock);
  /** @type {import('../core/choice.js').Choice} */
  let choice = readChoice(new URLSearchParams(), 0);
  /** @type {Map<string, {card: ReturnType<typeof makeCard>, handle: ReturnType<ReturnType<typeof makeChartManager>['add']>, feed: ReturnType<typeof makeFeed>}>} */
  const charts = new Map();
  /** What live was like before it was left. */
  let liveLength = lengthOf(choice.span);
  let skipped = 0;
  let timer = 0;
  let moving = 0;
  let stopListening = () => {};

  /** @param {Partial<import('../core/choice.js').Choice>} change */
  const choose = (change) => {
    clearTimeout(moving);
    const next = { ...choice, ...change };
    // Who removes the last chart does not want it back.
    if (next.charts.length === 0) page.settings.set('explore.last', '');
    location.assign(address('explore', writeChoice(next)));
  };
  /** Show `span` at once, and let the address follow when the movement has ended. @param {Span} span */
  const move = (span) => {
    if (span.kind === 'live') liveLength = span.length;
    choice = { ...choice, span };
    manager.changed();
    page.changed();
    clearTimeout(moving);
    moving = setTimeout(() => choose({}), ENDED);
  };
  const range = () => rangeOf(choice.span, clock());
  const bands = () => page.settings.get('explore.bands', true);

  const owner = {
    now: clock,
    span: () => choice.span,
    bands,
    pan: (/** @type {number} */ share) => move(pan(choice.span, share, clock())),
    /** @param {number} factor @param {number} [where] */
    zoom(factor, where) {
      move(zoom(choice.span, factor, clock(), where));
    },
    select: (/** @type {number} */ from, /** @type {number} */ to) => move(fixed(from, to, clock())),
    live() {
      manager.clearCrosshair();
      if (choice.span.kind === 'fixed') move({ kind: 'live', length: liveLength });
    },
    pause() {
      const { from, to } = range();
      if (choice.span.kind === 'live') move(fixed(from, to, to));
      else owner.live();
    },
    read: (/** @type {import('../charts/chart.js').Subject} */ subject) => {
      for (const { card } of charts.values()) if (card.subject === subject) page.announce(card.read());
    },
  };

  const picker = makePickList({
    label: 'Add a metric',
    placeholder: 'Add a metric: name or source…',
    suggest,
    none: (text) =>
      text
        ? `No metric has “${text}” in its name or source.`
        : catalogue.isKnown()
          ? 'No metric has come yet.'
          : '',
    pick: (value) => {
      const [name, source] = JSON.parse(value);
      add([{ ...chosen(name), source }]);
    },
  });
  const help = make('p', 'quiet explore-help', HELP);
  help.id = 'explore-help';
  const toolbar = makeToolbar(picker.element, help, {
    ...owner,
    choose: (length) => choose({ span: { kind: 'live', length } }),
    until: (time) => choose({ span: fixed(time - lengthOf(choice.span), time, clock()) }),
    bands(on) {
      page.settings.set('explore.bands', on);
      manager.changed();
    },
    clear: () => choose({ charts: [] }),
  });
  const start = makeStart(
    (names) => add(names.map(chosen)),
    () => catalogue.refresh(),
  );
  const behind = make('p', 'alert');
  behind.dataset.tone = 'busy';
  const grid = make('div', 'explore-charts');
  const element = make(
    'div',
    'explore stack',
    make('h2', 'unseen', 'Explore'),
    toolbar.element,
    start.element,
    behind,
    grid,
  );
  const manager = makeChartManager(element, owner);
  grid.addEventListener('pointerleave', manager.clearCrosshair);

  /** @param {string} text */
  function suggest(text) {
    catalogue.refresh();
    return suggestions(catalogue.names(), page.model().state.series.values(), text).map(
      ({ name, source, label, note }) => ({ value: JSON.stringify([name, source]), label, note }),
    );
  }

  /** @param {readonly Chosen[]} more */
  function add(more) {
    if (choice.charts.length + more.length > MAX_CHARTS) {
      page.announce(`There is room for ${MAX_CHARTS} charts. Remove one first.`);
      return;
    }
    choose({ charts: [...choice.charts, ...more] });
  }

  /** @param {string} key @param {Chosen} one */
  function makeChart(key, one) {
    /** @type {ReturnType<typeof manager.add> | null} */
    let handle = null;
    /** @type {ReturnType<typeof makeCard> | null} */
    let card = null;
    const feed = makeFeed(
      one,
      {
        series: catalogue.series,
        sources: (name) => catalogue.seen(name)?.sources ?? [],
        sessions: catalogue.sessions,
        now: clock,
        lag: () => (page.model().state.status?.stores[0]?.lag_seconds ?? 0) * 1_000,
      },
      {
        changed() {
          card?.stale();
          handle?.changed();
          page.changed();
        },
        grown: () => handle?.grow(),
      },
      clock(),
    );
    for (const series of page.model().state.series.values()) feed.remember(series);
    const shown = makeCard(feed, {
      catalogue,
      range,
      now: clock,
      help: help.id,
      replace: (next) =>
        choose({
          charts: choice.charts.flatMap((other) => (keyOfChart(other) === key ? (next ?? []) : other)),
        }),
      look: (time) =>
        choose({
          span: fixed(time - lengthOf(choice.span) / 2, time + lengthOf(choice.span) / 2, clock()),
        }),
    });
    const added = manager.add(shown.plot, shown.subject);
    shown.onChange(added.changed);
    [card, handle] = [shown, added];
    return { card: shown, handle: added, feed };
  }

  /** Charts as they were chosen: those that stay keep all that they have. */
  function arrange() {
    const wanted = new Map(choice.charts.map((one) => [keyOfChart(one), one]));
    for (const [key, { card, handle, feed }] of charts) {
      if (wanted.has(key)) continue;
      feed.stop();
      handle.remove();
      card.element.remove();
      charts.delete(key);
    }
    let place = 0;
    for (const [key, one] of wanted) {
      const made = charts.get(key) ?? makeChart(key, one);
      charts.set(key, made);
      if (grid.children[place] !== made.card.element)
        grid.insertBefore(made.card.element, grid.children[place] ?? null);
      place += 1;
    }
    show(start.element, wanted.size === 0);
    grid.dataset.few = String(wanted.size === 1);
  }

  const look = () => {
    const now = clock();
    const length = lengthOf(choice.span);
    for (const { feed, handle } of charts.values()) {
      feed.tick(rangeOf(choice.span, now), handle.step(length), now);
    }
  };

  return {
    element,
    enter(params) {
      const kept = page.settings.get('explore.last', '');
      if ([...params].length === 0 && kept) {
        location.replace(address('explore', new URLSearchParams(kept)));
        return;
      }
      choice = readChoice(params, clock());
      if (choice.span.kind === 'live') liveLength = choice.span.length;
      page.settings.set('explore.last', choice.charts.length > 0 ? writeChoice(choice).toString() : '');
      if (timer === 0) {
        catalogue.refresh();
        skipped = page.model().state.skipped;
        stopListening = page.onMetrics((metrics) => {
          /** @type {Map<string, ReturnType<typeof makeFeed>[]>} */
          const byName = new Map();
          for (const { feed } of charts.values()) {
            byName.set(feed.chosen.name, [...(byName.get(feed.chosen.name) ?? []), feed]);
          }
          for (const metric of metrics) for (const feed of byName.get(metric.name) ?? []) feed.take(metric);
        });
        timer = setInterval(look, LOOK);
        manager.start();
      }
      arrange();
      manager.changed();
    },
    leave() {
      clearInterval(timer);
      clearTimeout(moving);
      timer = 0;
      stopListening();
      manager.stop();
      manager.clearCrosshair();
      // What comes while nobody looks is in the history: come back, and it is fetched.
      for (const { feed, handle, card } of charts.values()) {
        feed.stop();
        handle.remove();
        card.element.remove();
      }
      charts.clear();
    },
    show({ state }) {
      const now = clock();
      toolbar.show(choice.span, now, bands(), choice.charts.length);
      if (choice.charts.length === 0)
        start.show(catalogue.names(), catalogue.isKnown(), catalogue.namesError());
      const missing = choice.charts.length > 0 ? lacking(state.status?.stores[0]) : '';
      write(behind, missing);
      show(behind, missing !== '');
      if (state.skipped !== skipped) {
        skipped = state.skipped;
        for (const { feed } of charts.values()) feed.broken(now);
      }
      for (const { card } of charts.values()) card.show();
    },
  };
}
