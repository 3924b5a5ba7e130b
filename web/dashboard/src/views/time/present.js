/** The present, which the past is compared with, and what is kept of the journal. */

/**
 * @typedef {import('../../core/past.js').Report} Report
 * @typedef {import('../../core/segments.js').Segment} Segment
 */

/**
 * @param {import('../../ui/view.js').Page} page
 * @param {(sentence: string, again: () => void) => void} complain nothing is there to show
 */
export function makePresent(page, complain) {
  /** @type {Report | null} */
  let report = null;
  /** @type {Segment[]} */
  let segments = [];
  /** @type {import('../../core/frames.js').StatusReport | null} */
  let known = null;
  let counted = '';
  let asking = false;
  let controller = new AbortController();

  const ask = async () => {
    if (asking) return;
    const { signal } = controller;
    asking = true;
    try {
      report = /** @type {Report} */ (await page.api.get('api/state', { signal }));
    } catch (error) {
      if (report === null && !signal.aborted) complain(/** @type {Error} */ (error).message, ask);
    }
    if (signal.aborted) return;
    asking = false;
    page.changed();
  };
  const askSegments = async () => {
    const { signal } = controller;
    // Without them the slider has no marks; all else works.
    const found = await page.api.get('api/journal/segments', { signal }).catch(() => null);
    if (found === null || signal.aborted) return;
    segments = /** @type {{segments: Segment[]}} */ (found).segments;
    page.changed();
  };

  return {
    report: () => report,
    segments: () => segments,
    /** The first offset that is kept, and the next one. */
    range: () => ({ first: report?.first_offset ?? 0, next: report?.next_offset ?? 0 }),
    enter: ask,
    /** With each status the present is another. @param {import('../../core/frames.js').StatusReport | null} status */
    heard(status) {
      if (status === known || status === null) return;
      known = status;
      ask();
      const which = `${status.journal.id} ${status.journal.segments} ${status.journal.first_offset}`;
      if (which !== counted) askSegments();
      counted = which;
    },
    leave() {
      controller.abort();
      controller = new AbortController();
      asking = false;
      counted = '';
    },
  };
}
