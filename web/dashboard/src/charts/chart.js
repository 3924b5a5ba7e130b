/**
 * One chart by uPlot: its lines' means, the range from least to most behind them, the axes. Arrays are made when the
 * number of buckets changes, and filled in place otherwise.
 */

import uPlot from 'uplot';
import { limits, lonely, lookOf } from '../core/lines.js';
import { axisTimes } from '../core/moments.js';
import { makeJoined } from '../core/seam.js';
import { axisOf, increments } from '../core/units.js';
import { stepFor } from '../core/windows.js';
import { drawBands } from './bands.js';

/**
 * @typedef {import('../core/seam.js').Joined} Joined
 * @typedef {import('../core/buckets.js').Grid} Grid
 * @typedef {{key: string, joined: Joined, hidden: boolean}} Line
 * @typedef {{
 *   unit: () => string,
 *   lines: () => readonly Line[],
 *   fill: (grid: Grid) => void,
 *   shown: (grid: Grid, at: number | null) => void,
 * }} Subject what a chart shows. `fill` brings the `joined` of every line up to date, which has the grid's length;
 *   `shown` tells what stands there now, and the bucket that the crosshair is on
 */

const TIME_AXIS = 30;
const VALUE_AXIS = 62;
const PADDING = 10;
const BANDED = 4;
/** Of a line whose points are further apart than this (pixels), every point is drawn. */
const DOTTED = 9;

/**
 * @param {HTMLElement} mount
 * @param {Subject} subject
 * @param {() => import('./colours.js').Colours} colours
 * @param {{select: (from: number, to: number) => void, point: (time: number | null) => void}} gestures
 */
export function makeChart(mount, subject, colours, gestures) {
  /** @type {uPlot | null} */
  let plot = null;
  let shape = '';
  /** @type {Grid} */
  let grid = { from: 0, step: 0, length: 0 };
  let times = new Float64Array(0);
  let [width, height] = [0, 0];
  let banded = true;
  let pointing = false;
  let top = 1;
  let filledIn = false;

  const visible = () => subject.lines().filter(({ hidden }) => !hidden);

  const build = () => {
    plot?.destroy();
    const lines = visible();
    const places = new Map(subject.lines().map(({ key }, place) => [key, place]));
    plot = new uPlot(
      {
        width,
        height,
        ms: 1,
        padding: [10, PADDING, 0, 0],
        legend: { show: false },
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false, dist: 6 },
          points: { size: 7, width: 2, fill: () => colours().card },
          bind: {
            // Shift-drag moves the window (charts/gestures.js), a double press goes back to live.
            mousedown: (_, __, handler) => (event) => (event.shiftKey ? null : handler(event)),
            dblclick: () => null,
          },
        },
        scales: { x: { time: true, auto: false }, y: { auto: false } },
        axes: [
          {
            ...axisColours(),
            size: TIME_AXIS,
            space: 78,
            // A label that would be cut off at the edge is left out.
            values: (u, splits, __, ___, increment) =>
              axisTimes(splits, increment).map((text, i) =>
                plotWidth() - u.valToPos(splits[i], 'x') < text.length * 3.2 - PADDING ? '' : text,
              ),
          },
          {
            ...axisColours(),
            size: VALUE_AXIS,
            space: 34,
            incrs: () => increments(top, subject.unit()),
            values: (_, splits, __, ___, increment) => {
              if (!filledIn) return splits.map(() => '');
              const { write, label } = axisOf(top, increment, subject.unit());
              const last = splits.length - 1;
              return splits.map((value, i) =>
                i === last && label.length > 0 && label.length < 4
                  ? `${write(value)} ${label}`
                  : write(value),
              );
            },
          },
        ],
        series: [
          {},
          ...lines.map((line) => {
            const { colour, dash } = lookOf(places.get(line.key) ?? 0);
            return {
              stroke: () => colours().lines[colour],
              width: 1.75,
              dash,
              gaps: (
                /** @type {uPlot} */ u,
                /** @type {number} */ __,
                /** @type {number} */ ___,
                /** @type {number} */ ____,
                /** @type {[number, number][]} */ empty,
              ) => {
                const patience =
                  u.valToPos(grid.step * (line.joined.gap + 0.5), 'x', true) - u.valToPos(0, 'x', true);
                return empty.filter(([from, to]) => to - from > patience);
              },
              points: {
                show: false,
                size: 5,
                fill: () => colours().lines[colour],
                filter: () => dots(line.joined),
              },
            };
          }),
        ],
        hooks: {
          drawAxes: [
            (u) => {
              if (banded && lines.length <= BANDED) {
                drawBands(
                  u,
                  grid,
                  lines.map((line) => ({
                    joined: line.joined,
                    colour: colours().lines[lookOf(places.get(line.key) ?? 0).colour],
                  })),
                );
              }
            },
          ],
          setSelect: [
            (u) => {
              const { left, width: wide } = u.select;
              if (wide > 0) gestures.select(u.posToVal(left, 'x'), u.posToVal(left + wide, 'x'));
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
          setCursor: [
            (u) => {
              if (!pointing)
                gestures.point(
                  u.cursor.left !== undefined && u.cursor.left >= 0 ? u.posToVal(u.cursor.left, 'x') : null,
                );
            },
          ],
        },
      },
      [times, ...lines.map(({ joined }) => joined.mean)],
      mount,
    );
    // The canvas says nothing to who cannot see it: summary and table do.
    plot.root.setAttribute('aria-hidden', 'true');
  };

  const axisColours = () => ({
    stroke: () => colours().quiet,
    font: '12px system-ui, sans-serif',
    grid: { stroke: () => colours().grid, width: 1 },
    ticks: { show: false },
  });

  /** @param {Joined} joined @returns {number[] | null} */
  const dots = (joined) => {
    const { summary, gap, mean } = joined;
    const distance = (plotWidth() / grid.length) * (gap / 3.5);
    const found = distance >= DOTTED && summary.count > 0 ? filled(mean) : lonely(mean, gap);
    return found.length > 0 ? found : null;
  };

  const plotWidth = () => Math.max(50, width - VALUE_AXIS - PADDING);

  /** @param {import('../core/windows.js').Range} range */
  const fit = (range) => {
    const step = stepFor(range.to - range.from, plotWidth());
    const from = Math.floor(range.from / step) * step;
    const length = Math.ceil((range.to - range.from) / step) + 1;
    const lines = subject.lines();
    if (times.length !== length) times = new Float64Array(length);
    for (const line of lines) if (line.joined.mean.length !== length) line.joined = makeJoined(length);
    if (from !== grid.from || step !== grid.step || length !== grid.length) {
      grid = { from, step, length };
      for (let at = 0; at < length; at += 1) times[at] = from + (at + 0.5) * step;
    }
  };

  return {
    /** The step and start of what was drawn last. */
    grid: () => grid,
    /** Milliseconds that a pixel is wide. @param {number} length */
    pace: (length) => length / plotWidth(),

    /** @param {number} wide @param {number} high */
    resize(wide, high) {
      if (wide === width && high === height) return;
      [width, height] = [wide, high];
      plot?.setSize({ width, height });
    },

    /** @param {import('../core/windows.js').Range} range @param {boolean} bands */
    draw(range, bands) {
      if (width < 60 || height < 60) return;
      banded = bands;
      fit(range);
      subject.fill(grid);
      const lines = visible();
      const wanted = subject
        .lines()
        .map(({ key, hidden }) => `${hidden}${key}`)
        .join('\n');
      if (!plot || shape !== wanted) {
        shape = wanted;
        build();
      }
      if (!plot) return;
      const u = plot;
      const [low, high] = extent(lines, banded && lines.length <= BANDED);
      const y = limits(low, high) ?? [0, 1];
      filledIn = low <= high;
      top = Math.max(Math.abs(y[0]), Math.abs(y[1]));
      pointing = true;
      u.batch(() => {
        u.setData([times, ...lines.map(({ joined }) => joined.mean)], false);
        u.setScale('y', { min: y[0], max: y[1] });
        u.setScale('x', { min: range.from, max: range.to });
      });
      pointing = false;
    },

    /** Put the crosshair where `time` is, nowhere for null. @param {number | null} time */
    point(time) {
      if (!plot || grid.length === 0) return;
      pointing = true;
      const left = time === null ? -10 : plot.valToPos(time, 'x');
      plot.setCursor({ left, top: time === null ? -10 : 0 }, false);
      pointing = false;
      const at = time === null ? null : Math.floor((time - grid.from) / grid.step);
      subject.shown(grid, at !== null && at >= 0 && at < grid.length ? at : null);
    },

    /** The colours have changed. */
    repaint: () => plot?.redraw(false, true),
    /** Where along the plot a place of the page is: 0 left, 1 right. @param {number} clientX */
    share(clientX) {
      const box = plot?.over.getBoundingClientRect();
      return box && box.width > 0 ? Math.min(1, Math.max(0, (clientX - box.left) / box.width)) : 0.5;
    },
    plotWidth,
    destroy() {
      plot?.destroy();
      plot = null;
    },
  };
}

/** @param {readonly (number | null)[]} mean */
function filled(mean) {
  const found = [];
  for (let at = 0; at < mean.length; at += 1) if (mean[at] !== null) found.push(at);
  return found;
}

/** The least and the most of what is drawn. @param {readonly Line[]} lines @param {boolean} banded */
function extent(lines, banded) {
  let [low, high] = [Infinity, -Infinity];
  for (const { joined } of lines) {
    if (joined.summary.count === 0) continue;
    if (banded) {
      low = Math.min(low, joined.summary.min);
      high = Math.max(high, joined.summary.max);
      continue;
    }
    for (const value of joined.mean) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return [low, high];
}
