/** What was asked to be redriven, until it is known what became of it. */

import { isStuck } from '../../core/health.js';
import { account, accountWords } from '../../core/letters.js';

/**
 * @typedef {import('../../core/letters.js').Letter} Letter
 * @typedef {{before: ReadonlyMap<number, Letter>, since: number, ending: boolean, ended: AbortController}} Run
 */

/** Milliseconds after which a status must have heard of what was asked. */
const HEARD = 2_500;

/**
 * @param {() => Promise<ReadonlyMap<number, Letter>>} readAll every letter that waits now
 * @param {(words: string) => void} tell what became of them
 */
export function makeRun(readAll, tell) {
  /** @type {Run | null} */
  let run = null;
  return {
    /** @param {ReadonlyMap<number, Letter>} before the letters that were asked to be redriven, as they were */
    begin(before) {
      run = { before, since: Date.now(), ending: false, ended: new AbortController() };
    },
    /**
     * How far it is, in letters; null where nothing goes.
     * @param {import('../../core/frames.js').StatusReport} status
     */
    progress(status) {
      const { redriving } = status.dead_letters;
      if (!run) return redriving > 0 ? { done: 0, of: redriving, own: false } : null;
      const of = run.before.size;
      const heard = Date.now() - run.since > HEARD;
      if (heard && !run.ending && (redriving === 0 || status.stores.some(isStuck))) this.end(run);
      return { done: heard || redriving > 0 ? Math.max(0, of - redriving) : 0, of, own: true };
    },
    /** @param {Run} mine */
    async end(mine) {
      mine.ending = true;
      try {
        const after = await readAll();
        if (run === mine) tell(accountWords(account(mine.before, after)));
        if (run === mine) run = null;
      } catch {
        // Asked again with the next status.
        mine.since = Date.now();
        mine.ending = false;
      }
    },
  };
}
