/**
 * The data of one chart: history as it is needed, live metrics as they come, joined line by line. It asks the server
 * only in `tick`, one question at a time, and a question that is overtaken is aborted.
 */

import { makeBuckets } from '../../core/buckets.js';
import { isShown } from '../../core/choice.js';
import { chooseLines, inOrder, labelOf, MAX_LINES } from '../../core/lines.js';
import { extend, join, makeJoined } from '../../core/seam.js';
import { LAG, pause, wanted } from '../../core/tail.js';
import { askLines } from './questions.js';

/**
 * @typedef {import('../../core/choice.js').Chosen} Chosen
 * @typedef {import('../../core/seam.js').Point} Point
 * @typedef {import('../../core/windows.js').Range} Range
 * @typedef {{key: string, label: string, joined: import('../../core/seam.js').Joined, hidden: boolean,
 *   live: import('../../core/buckets.js').Buckets, points: readonly Point[]}} Line
 * @typedef {import('./questions.js').Asked} Asked
 * @typedef {{changed: () => void, grown: () => void}} Told
 */

/** Late metrics, which live buckets lack where history has more, are fetched at most so often (ms). */
const LATE = 10_000;
const MOST_FURTHER = 1_000;
const MOST_QUESTIONS = 4;
let questions = 0;

/**
 * @param {Chosen} chosen
 * @param {Asked} asked
 * @param {Told} told
 * @param {number} now
 */
export function makeFeed(chosen, asked, told, now) {
  /** @type {Line[]} */
  let lines = [];
  /** @type {Set<string>} */
  const further = new Set();
  /** @type {import('../../core/tail.js').Fetched | null} */
  let fetched = null;
  /** @type {{abort: AbortController, as: import('../../core/tail.js').Fetched} | null} */
  let asking = null;
  let since = now;
  let unit = '';
  let error = '';
  let failures = 0;
  let again = 0;
  let late = false;
  let wholeAt = 0;

  /** The line of `key`, made if there is room. @param {string} key @returns {Line | undefined} */
  const lineOf = (key) => {
    const there = lines.find((line) => line.key === key);
    if (there || lines.length >= MAX_LINES) {
      if (!there && further.size < MOST_FURTHER) further.add(key);
      return there;
    }
    const made = {
      key,
      label: labelOf(key, chosen.by),
      joined: makeJoined(0),
      hidden: false,
      live: makeBuckets(),
      points: [],
    };
    lines = inOrder([...lines, made]);
    told.changed();
    return made;
  };

  /**
   * Let the lines of `keys` be there first; others stay while there is room.
   * @param {readonly string[]} keys
   * @param {number} at
   */
  const admit = (keys, at) => {
    const stay = [...new Set([...keys, ...lines.map(({ key }) => key)])].slice(0, MAX_LINES);
    for (const { key } of lines) if (!stay.includes(key)) further.add(key);
    lines = lines.filter(({ key }) => stay.includes(key));
    for (const key of stay) {
      // What came of it live was not taken.
      if (further.delete(key)) since = at;
      lineOf(key);
    }
  };

  /** @param {import('../../core/tail.js').Wanted} want @param {Range} range @param {number} at */
  const fetchHistory = async (want, range, at) => {
    const known = Math.min(want.to, at - LAG - asked.lag());
    const as = { from: want.whole || !fetched ? want.from : fetched.from, known, step: want.step };
    const mine = { abort: new AbortController(), as };
    asking?.abort.abort();
    asking = mine;
    questions += 1;
    if (want.whole) late = false;
    try {
      const keys = lines.map(({ key }) => key);
      const {
        points: found,
        others,
        unit: said,
      } = await askLines(chosen, asked, want, keys, mine.abort.signal);
      if (asking !== mine) return;
      unit = said || unit;
      admit(want.whole ? chooseLines(found.keys()) : keys, asked.now());
      for (const key of others) further.add(key);
      const keep = want.whole ? Infinity : range.from - (range.to - range.from);
      for (const line of lines) {
        const points = found.get(line.key);
        if (want.whole || points) line.points = extend(line.points, points ?? [], want.from, keep);
      }
      fetched = as;
      if (want.whole) wholeAt = at;
      failures = 0;
      error = '';
    } catch (caught) {
      if (asking !== mine || (caught instanceof Error && caught.name === 'AbortError')) return;
      failures += 1;
      error = caught instanceof Error ? caught.message : String(caught);
    } finally {
      questions -= 1;
      if (asking === mine) asking = null;
    }
    again = at + pause(want.step, failures);
    told.changed();
  };

  return {
    chosen,
    lines: () => lines,
    unit: () => unit,
    error: () => error,
    /** Whether nothing can be said yet of what the history has. */
    loading: () => fetched === null && error === '',
    further: () => further.size,

    /** @param {import('../../core/buckets.js').Grid} grid */
    fill(grid) {
      for (const line of lines) {
        const past = fetched && line.points.length > 0 ? { step: fetched.step, points: line.points } : null;
        join(line.joined, grid, past, line.live);
      }
    },

    /** Count `metric` in, if this chart shows it. @param {import('../../core/frames.js').LiveMetric} metric */
    take(metric) {
      if (!isShown(chosen, metric)) return;
      const line = lineOf((chosen.by === 'session' ? metric.session : metric.source) ?? '');
      if (!line) return;
      const time = metric.time / 1e6;
      line.live.add(time, metric.value);
      if (time < since) late = true;
      if (metric.unit && !unit) unit = metric.unit;
      told.grown();
    },

    /** What the page has seen of a series before, a point a second. @param {import('../../core/series.js').Series} series */
    remember(series) {
      if (chosen.session || chosen.attributes.length > 0 || chosen.by === 'session') return;
      if (series.name !== chosen.name || (chosen.source && series.source !== chosen.source)) return;
      const line = lineOf(series.source);
      for (const { second, value, count } of series.points)
        line?.live.add(second * 1_000 + 500, value, count);
      unit ||= series.unit;
    },

    /** Live metrics were missed. @param {number} at */
    broken(at) {
      since = at;
    },

    /** Ask for what is missing of `range` in steps of `step`. @param {Range} range @param {number} step @param {number} at */
    tick(range, step, at) {
      if (step === 0) return;
      const reach = Math.max(since, ...lines.map(({ live }) => live.reach(step)));
      const want = wanted(asking?.as ?? fetched, range, step, reach, at);
      const tardy = late && !asking && at - wholeAt > LATE;
      const next = tardy ? wanted(null, range, step, reach, at) : want;
      if (!next || (asking && !next.whole) || (failures > 0 && at < again)) return;
      if (!next.whole && at < again) return;
      if (questions >= MOST_QUESTIONS && !asking) return;
      fetchHistory(next, range, at);
    },

    /** A person wants it now. */
    retry() {
      failures = 0;
      again = 0;
      error = '';
    },

    stop() {
      asking?.abort.abort();
      asking = null;
    },
  };
}
