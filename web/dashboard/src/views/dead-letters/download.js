/** Dead letters with their metrics as a file, one a line, as `forebay dlq export` writes them. */

import { items, member } from '../../core/raw-json.js';

/** Letters in one answer, at most (web/letter_queries.py). */
const AT_ONCE = 200;

/**
 * Let the browser keep the letters `ids`; returns how many there were still. No digit is changed on the way.
 * @param {import('../../net/api.js').Api} api
 * @param {readonly number[]} ids
 * @param {(done: number) => void} progress
 * @param {AbortSignal} signal
 */
export async function download(api, ids, progress, signal) {
  /** @type {string[]} */
  const there = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const params = { whole: 'true', limit: AT_ONCE, ids: ids.slice(at, at + AT_ONCE).join() };
    /** @type {string | null} */
    let cursor = null;
    do {
      const text = await api.text('GET', 'api/dead-letters', undefined, {
        params: { ...params, cursor },
        signal,
      });
      there.push(...items(member(text, 'letters') ?? '[]'));
      cursor = JSON.parse(member(text, 'cursor') ?? 'null');
    } while (cursor !== null);
    progress(Math.min(at + AT_ONCE, ids.length));
  }
  const address = URL.createObjectURL(
    new Blob(
      there.map((line) => `${line}\n`),
      { type: 'application/x-ndjson' },
    ),
  );
  const link = document.createElement('a');
  link.href = address;
  link.download = `dead-letters-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}.ndjson`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return there.length;
}
