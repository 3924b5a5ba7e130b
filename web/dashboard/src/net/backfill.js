/**
 * What the page missed, by HTTP: `GET /api/frames`, a frame a line (web/app.py). What could not be had is
 * reported as a gap that the server was too busy for, so that it is asked for again.
 */

/** Offsets in one request (web/queries.py). */
const MOST = 20_000;

/** @param {import('./adapter.js').Emit} emit */
export function makeBackfill(emit) {
  /** @type {import('../core/ranges.js').Range[]} */
  const waiting = [];
  let busy = false;
  let ending = new AbortController();

  /** @param {import('../core/frames.js').Frame} frame */
  const tell = (frame) => emit({ type: 'frame', transport: 'backfill', frame, at: Date.now() });

  /** The offset after the last one that came. @param {import('../core/ranges.js').Range} range @param {AbortSignal} signal */
  const fetchRange = async ({ first, last }, signal) => {
    let next = first;
    try {
      const answer = await fetch(`api/frames?first_offset=${first}&last_offset=${last}`, { signal });
      if (!answer.ok || !answer.body) return next;
      for await (const line of linesOf(answer.body)) {
        /** @type {import('../core/frames.js').Metrics | import('../core/frames.js').Gap} */
        const frame = JSON.parse(line);
        tell(frame);
        next = frame.last_offset + 1;
      }
    } catch {
      // Cut off: what came has been told.
    }
    return next;
  };

  const work = async () => {
    if (busy) return;
    busy = true;
    const { signal } = ending;
    for (let range = waiting.shift(); range && !signal.aborted; range = waiting.shift()) {
      const next = await fetchRange(range, signal);
      if (next <= range.last && !signal.aborted) {
        tell({ type: 'gap', first_offset: next, last_offset: range.last, reason: 'busy' });
      }
    }
    busy = false;
  };

  return {
    /** @param {number} first @param {number} last */
    ask(first, last) {
      for (let from = first; from <= last; from += MOST) {
        waiting.push({ first: from, last: Math.min(last, from + MOST - 1) });
      }
      work();
    },
    stop() {
      waiting.length = 0;
      ending.abort();
      ending = new AbortController();
    },
  };
}

/**
 * The whole lines of a body.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 */
async function* linesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
