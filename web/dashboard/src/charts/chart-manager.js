/**
 * All charts of a view: one animation frame for all of them, in which only those in sight and due are drawn, the one
 * that has waited longest first, until the frame's share of time is spent. So a page of many charts stays smooth: each
 * is drawn less often, none holds up the page.
 */

import { lengthOf, rangeOf, stepFor } from '../core/windows.js';
import { makeChart } from './chart.js';
import { watchColours } from './colours.js';
import { listen } from './gestures.js';

/**
 * @typedef {import('../core/windows.js').Span} Span
 * @typedef {{
 *   changed: () => void,
 *   remove: () => void,
 *   step: (length: number) => number,
 * }} Handle `changed`: draw in the next frame; `step`: of its buckets in a window of that length, 0 while nothing was
 *   drawn
 * @typedef {{
 *   now: () => number,
 *   span: () => Span,
 *   bands: () => boolean,
 *   pan: (share: number) => void,
 *   zoom: (factor: number, where?: number) => void,
 *   select: (from: number, to: number) => void,
 *   live: () => void,
 *   pause: () => void,
 *   read: (subject: import('./chart.js').Subject) => void,
 * }} Owner `read`: say what the crosshair is on
 */

/** Milliseconds of a frame that drawing may take; one chart is always drawn. */
const SHARE = 5;
/** A frame that comes so late (ms) says that painting what was drawn takes too long: fewer charts at once, then. */
const TARDY = 26;
const MOST = 20;
/** A line that grows is drawn so often (ms), one that only moves with each pixel. */
const FRESH = 150;
/** None is drawn more often. */
const FASTEST = 33;
const SETTLED = 400;

/**
 * @param {HTMLElement} within where the colours' tokens are known
 * @param {Owner} owner
 */
export function makeChartManager(within, owner) {
  /** @typedef {{chart: ReturnType<typeof makeChart>, subject: import('./chart.js').Subject, mount: HTMLElement, seen: boolean, dirty: boolean, grown: boolean, drawn: number, size: [number, number]}} Entry */
  /** @type {Map<Element, Entry>} */
  const entries = new Map();
  let request = 0;
  /** @type {number | null} */
  let crosshair = null;
  let pointed = false;
  /** How many charts are drawn in a frame, at most. */
  let most = 4;
  let before = 0;

  const { colours, stop: stopColours } = watchColours(within, () => {
    for (const entry of entries.values()) {
      entry.chart.repaint();
      entry.dirty = true;
    }
  });

  const sight = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        const entry = entries.get(target);
        if (!entry) continue;
        if (isIntersecting && !entry.seen) entry.dirty = true;
        entry.seen = isIntersecting;
      }
    },
    { rootMargin: '10% 0%' },
  );
  const sizes = new ResizeObserver((resized) => {
    for (const { target, contentRect } of resized) {
      const entry = entries.get(target);
      if (!entry) continue;
      entry.size = [Math.floor(contentRect.width), Math.floor(contentRect.height)];
      entry.dirty = true;
    }
  });

  /** @param {Entry} entry @param {number} now @param {Span} span */
  const isDue = (entry, now, span) => {
    if (!entry.seen) return false;
    if (entry.dirty) return true;
    const waited = now - entry.drawn;
    if (span.kind === 'fixed') return entry.grown && waited > SETTLED;
    const pace = Math.max(FASTEST, entry.chart.pace(lengthOf(span)));
    return waited >= pace || (entry.grown && waited > Math.min(SETTLED, Math.max(FRESH, pace)));
  };

  const frame = () => {
    request = requestAnimationFrame(frame);
    const begun = performance.now();
    most = begun - before > TARDY ? Math.max(1, most / 2) : Math.min(MOST, most + 0.1);
    before = begun;
    const span = owner.span();
    const range = rangeOf(span, owner.now());
    if (pointed) {
      pointed = false;
      for (const entry of entries.values()) if (entry.seen) entry.chart.point(crosshair);
    }
    const due = [...entries.values()].filter((entry) => isDue(entry, begun, span));
    due.sort((a, b) => a.drawn - b.drawn);
    let drawn = 0;
    for (const entry of due) {
      if (drawn > 0 && (drawn >= most || performance.now() - begun > SHARE)) break;
      drawn += 1;
      entry.dirty = entry.grown = false;
      entry.drawn = begun;
      entry.chart.resize(...entry.size);
      entry.chart.draw(range, owner.bands());
      entry.chart.point(crosshair);
    }
  };

  /** @param {number | null} time */
  const point = (time) => {
    if (crosshair === time) return;
    crosshair = time;
    pointed = true;
  };

  return {
    /**
     * Show `subject` in `mount`, which has a size of its own and takes the keyboard.
     * @param {HTMLElement} mount
     * @param {import('./chart.js').Subject} subject
     * @returns {Handle & {grow: () => void}} `grow`: there is more of it, draw when it is its turn
     */
    add(mount, subject) {
      const chart = makeChart(mount, subject, colours, { select: owner.select, point });
      /** @type {Entry} */
      const entry = {
        chart,
        subject,
        mount,
        seen: false,
        dirty: true,
        grown: false,
        drawn: 0,
        size: [0, 0],
      };
      entries.set(mount, entry);
      sight.observe(mount);
      sizes.observe(mount);
      listen(mount, chart, {
        ...owner,
        step(buckets) {
          const { from, step, length } = chart.grid();
          if (length === 0) return;
          const now = crosshair === null ? length - 1 : Math.floor((crosshair - from) / step);
          const at = Math.min(length - 2, Math.max(1, now + buckets));
          point(from + (at + 0.5) * step);
          chart.point(crosshair);
          owner.read(subject);
        },
      });
      return {
        changed: () => (entry.dirty = true),
        grow: () => (entry.grown = true),
        // What was drawn last may be of another window: out of sight nothing is drawn.
        step: (length) => (chart.grid().step === 0 ? 0 : stepFor(length, chart.plotWidth())),
        remove() {
          entries.delete(mount);
          sight.unobserve(mount);
          sizes.unobserve(mount);
          chart.destroy();
        },
      };
    },

    /** Draw all anew: the window, or what is drawn of it, is another. */
    changed() {
      for (const entry of entries.values()) entry.dirty = true;
    },
    clearCrosshair: () => point(null),
    crosshair: () => crosshair,
    start() {
      if (request === 0) request = requestAnimationFrame(frame);
    },
    stop() {
      cancelAnimationFrame(request);
      request = 0;
    },
    destroy() {
      cancelAnimationFrame(request);
      for (const entry of entries.values()) entry.chart.destroy();
      entries.clear();
      sight.disconnect();
      sizes.disconnect();
      stopColours();
    },
  };
}
