/** The range from least to most of each bucket, as an area behind the line of means. */

/**
 * @param {import('uplot')} u
 * @param {import('../core/buckets.js').Grid} grid
 * @param {readonly {joined: import('../core/seam.js').Joined, colour: string}[]} bands
 */
export function drawBands(u, { from, step, length }, bands) {
  const { ctx, bbox, scales } = u;
  const { min: left = 0, max: right = 1 } = scales.x;
  const { min: bottom = 0, max: top = 1 } = scales.y;
  const xOf = (/** @type {number} */ at) =>
    bbox.left + ((from + (at + 0.5) * step - left) / (right - left)) * bbox.width;
  const yOf = (/** @type {number} */ value) =>
    bbox.top + (1 - (value - bottom) / (top - bottom)) * bbox.height;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = bands.length > 1 ? 0.13 : 0.2;
  for (const { joined, colour } of bands) {
    ctx.fillStyle = colour;
    ctx.beginPath();
    let first = -1;
    let last = -1;
    for (let at = 0; at <= length; at += 1) {
      const there = at < length && joined.count[at] > 0;
      if (first >= 0 && (at === length || (there && at - last > joined.gap))) {
        run(ctx, joined, xOf, yOf, first, last);
        first = -1;
      }
      if (!there) continue;
      if (first < 0) first = at;
      last = at;
    }
    ctx.fill();
  }
  ctx.restore();
}

/**
 * The outline of the buckets from `first` to `last`: along the top and back along the bottom.
 * @param {CanvasRenderingContext2D} ctx
 * @param {import('../core/seam.js').Joined} joined
 * @param {(at: number) => number} xOf
 * @param {(value: number) => number} yOf
 * @param {number} first
 * @param {number} last
 */
function run(ctx, joined, xOf, yOf, first, last) {
  ctx.moveTo(xOf(first), yOf(joined.max[first]));
  for (let at = first + 1; at <= last; at += 1) {
    if (joined.count[at] > 0) ctx.lineTo(xOf(at), yOf(joined.max[at]));
  }
  for (let at = last; at >= first; at -= 1) {
    if (joined.count[at] > 0) ctx.lineTo(xOf(at), yOf(joined.min[at]));
  }
  ctx.closePath();
}
