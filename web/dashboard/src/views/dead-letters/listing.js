/**
 * The list as it was read last, page by page, and the reading of it. One reading at a time: what is asked for
 * meanwhile overtakes it.
 */

import { FIELDS, impossible } from '../../core/letters.js';

/**
 * @typedef {import('../../core/letters.js').Letter} Letter
 * @typedef {import('../../core/letters.js').LetterPage} LetterPage
 * @typedef {import('../../core/letters.js').Filter} Filter
 * @typedef {{letters: readonly Letter[], matched: number, pending: number, complete: boolean}} Listed
 *   `complete`: there are no more than these
 */

/** Letters shown at first, and by each press of "Show more". */
const PAGE = 200;
/** Letters in one answer, at most (web/letter_queries.py). */
const MOST = 1_000;
const PATH = 'api/dead-letters';

/** @param {Filter} filter */
const paramsOf = (filter) => Object.fromEntries(FIELDS.map((field) => [field, filter[field]]));

/**
 * At most `wanted` of the letters that match, oldest first.
 * @param {import('../../net/api.js').Api} api
 * @param {Filter} filter
 * @param {number} wanted
 * @param {AbortSignal} signal
 * @returns {Promise<Listed>}
 */
export async function read(api, filter, wanted, signal) {
  /** @type {Letter[]} */
  const letters = [];
  /** @type {string | null} */
  let cursor = null;
  for (;;) {
    const limit = Math.min(MOST, wanted - letters.length);
    /** @type {LetterPage} */
    const page = await api.get(PATH, { params: { ...paramsOf(filter), limit, cursor }, signal });
    letters.push(...page.letters);
    cursor = page.cursor;
    if (cursor === null || letters.length >= wanted) {
      return { letters, matched: page.matched, pending: page.pending, complete: cursor === null };
    }
  }
}

/**
 * @param {import('../../net/api.js').Api} api
 * @param {(listed: Listed) => void} changed the list was read
 * @param {(problem: string) => void} failed why it could not be read; '' once it can be, or is being read
 */
export function makeListing(api, changed, failed) {
  let wanted = PAGE;
  /** @type {Filter | null} */
  let filter = null;
  /** @type {AbortController | null} */
  let reading = null;

  const refresh = async () => {
    reading?.abort();
    if (!filter) return;
    const wrong = impossible(filter);
    failed(wrong);
    if (wrong) return;
    const mine = new AbortController();
    reading = mine;
    try {
      const listed = await read(api, filter, wanted, mine.signal);
      if (reading === mine) changed(listed);
    } catch (error) {
      if (reading === mine) failed(error instanceof Error ? error.message : String(error));
    } finally {
      if (reading === mine) reading = null;
    }
  };

  return {
    refresh,
    isReading: () => reading !== null,
    /** @param {Filter} next */
    open(next) {
      filter = next;
      wanted = PAGE;
      return refresh();
    },
    more() {
      wanted += PAGE;
      return refresh();
    },
    close() {
      reading?.abort();
      reading = null;
    },
  };
}
