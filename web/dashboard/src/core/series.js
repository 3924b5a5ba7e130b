/**
 * A series is one name from one source. Its points are a ring: the latest `POINTS`, each the mean of what
 * was measured within one second, so that a busy series shows a minute and a quiet one what it has.
 *
 * @typedef {{second: number, value: number, count: number}} Point
 * @typedef {{key: string, name: string, source: string, unit: string, value: number, time: number,
 *   offset: number, seen: number, points: readonly Point[]}} Series `time` and `seen` (when the page got
 *   it) are milliseconds since the epoch; `value` is the one of the latest time.
 */

export const POINTS = 60;
const LONGEST_TEXT = 255;

/** @param {import('./frames.js').LiveMetric} metric */
export const keyOf = (metric) => `${metric.name}\u0000${metric.source ?? ''}`;

/**
 * `points` with one more measurement, wherever in time it belongs.
 * @param {readonly Point[]} points
 * @param {number} second
 * @param {number} value
 * @returns {readonly Point[]}
 */
export function addPoint(points, second, value) {
  let at = points.length;
  while (at > 0 && points[at - 1].second > second) at -= 1;
  const same = at > 0 && points[at - 1].second === second ? points[at - 1] : null;
  if (same) {
    const count = same.count + 1;
    return points.with(at - 1, { second, count, value: same.value + (value - same.value) / count });
  }
  return points.toSpliced(at, 0, { second, value, count: 1 }).slice(-POINTS);
}

/**
 * `series` (undefined: a new one) after `metric`, which reached the page at `now`.
 * @param {Series | undefined} series
 * @param {import('./frames.js').LiveMetric} metric
 * @param {number} now
 * @returns {Series}
 */
export function measure(series, metric, now) {
  const time = metric.time / 1e6;
  const points = addPoint(series?.points ?? [], Math.floor(time / 1000), metric.value);
  if (series && series.time > time) {
    return { ...series, offset: Math.max(series.offset, metric.offset), seen: now, points };
  }
  return {
    key: series?.key ?? keyOf(metric),
    name: metric.name.slice(0, LONGEST_TEXT),
    source: (metric.source ?? '').slice(0, LONGEST_TEXT),
    unit: (metric.unit ?? '').slice(0, 16),
    value: metric.value,
    time,
    offset: Math.max(series?.offset ?? 0, metric.offset),
    seen: now,
    points,
  };
}

/**
 * Metrics a second over the latest ten seconds, or over all points where those hold too few to tell;
 * null when nothing came for three times as long as usual, and when one point is all there is.
 * @param {Series} series
 * @param {number} now
 * @returns {number | null}
 */
export function rate(series, now) {
  const { points } = series;
  const end = points[points.length - 1].second;
  const perSecond = (/** @type {readonly Point[]} */ some) => {
    const span = end - some[0].second;
    const earlier = some.slice(0, -1).reduce((sum, point) => sum + point.count, 0);
    return span > 0 ? earlier / span : null;
  };
  const recent = points.filter((point) => point.second > end - 10);
  const result = perSecond(recent.length > 2 ? recent : points);
  if (result === null) return null;
  return now - series.seen > Math.max(10_000, 3_000 / result) ? null : result;
}

/**
 * SVG path data of the points' line in a box of `width` by `height`; a constant is a line at mid-height.
 * @param {readonly {x: number, y: number}[]} points in order of x
 * @param {number} width
 * @param {number} height
 * @returns {string}
 */
export function sparkPath(points, width, height) {
  if (points.length === 0) return '';
  const start = points[0].x;
  const span = points[points.length - 1].x - start;
  let low = Infinity;
  let high = -Infinity;
  for (const { y } of points) {
    low = Math.min(low, y);
    high = Math.max(high, y);
  }
  // Halves: between the largest numbers of both signs is more than a number can be.
  const rise = high / 2 - low / 2;
  const place = (/** @type {number} */ y) =>
    (rise > 0 ? height - 2 - ((y / 2 - low / 2) / rise) * (height - 4) : height / 2).toFixed(1);
  if (span === 0) return `M${width - 6} ${place(high)}H${width}`;
  return points
    .map(({ x, y }, i) => `${i ? 'L' : 'M'}${(((x - start) / span) * width).toFixed(1)} ${place(y)}`)
    .join('');
}

/** Milliseconds; what was counted within less makes no rate: two looks at a count that moves by leaps. */
const LEAST_SPAN = 500;

/**
 * What `of` rose by a second, from one sample to the next that is far enough away.
 * @template {{at: number}} S
 * @param {readonly S[]} samples in order of time
 * @param {(sample: S) => number} of
 * @returns {{x: number, y: number}[]}
 */
export function ratesOf(samples, of) {
  const rates = [];
  let before = samples[0];
  for (const sample of samples) {
    const span = sample.at - before.at;
    if (span < LEAST_SPAN) continue;
    rates.push({ x: sample.at, y: ((of(sample) - of(before)) * 1000) / span });
    before = sample;
  }
  return rates;
}
