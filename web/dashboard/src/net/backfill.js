/**
 * What the page missed, by HTTP: `GET /api/frames`, a frame a line (web/app.py). What could not be had is
 * reported as a gap: `busy`, so that it is asked for again, or `early` where the answer was whole and the server
 * has not come further yet.
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

  /** The offset after the last one that came, and whether that is all there is. @param {import('../core/ranges.js').Range} range @param {AbortSignal} signal */
  const fetchRange = async ({ first, last }, signal) => {
    let next = first;
    let whole = false;
    try {
      const answer = await fetch(`api/frames?first_offset=${first}&last_offset=${last}`, { signal });
      if (!answer.ok || !answer.body) return { next, whole };
      for await (const line of linesOf(answer.body)) {
        /** @type {import('../core/frames.js').Metrics | import('../core/frames.js').Gap} */
        const frame = JSON.parse(line);
        tell(frame);
        next = frame.last_offset + 1;
      }
      whole = true;
    } catch {
      // Cut off: what came has been told.
    }
    return { next, whole };
  };

  const work = async () => {
    if (busy) return;
    busy = true;
    const { signal } = ending;
    while (waiting.length > 0 && !signal.aborted) {
      const range = waiting[0];
      waiting.shift();
      const { next, whole } = await fetchRange(range, signal);
      if (next <= range.last && !signal.aborted) {
        tell({ type: 'gap', first_offset: next, last_offset: range.last, reason: whole ? 'early' : 'busy' });
      }
    }
    busy = false;
    if (waiting.length > 0) work(); // it was stopped, and asked again since
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
