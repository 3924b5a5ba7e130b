/**
 * What there is to look at, as the server knows it: names, sessions, attributes, and the history of one name.
 *
 * @typedef {import('../../net/supabase-client.js').NameSeen} NameSeen
 * @typedef {import('../../net/supabase-client.js').SessionSeen} SessionSeen
 * @typedef {import('../../net/supabase-client.js').AttributeSeen} AttributeSeen
 * @typedef {{name: string, source: string | null, session: string | null, attributes: readonly string[], from: number,
 *   to: number, step: number}} SeriesQuery times in milliseconds, attributes as KEY=VALUE; null is any
 */

/** What was asked is good for so long (ms). */
const FRESH = 20_000;
/** In a millisecond. */
const NANOSECONDS = 1_000_000;

/** @param {import('../../ui/view.js').Page} page */
export function makeCatalogue(page) {
  /** @type {readonly NameSeen[]} */
  let names = [];
  let namesError = '';
  let asked = false;
  /** @type {Map<string, {at: number, answer: Promise<any>}>} */
  const answers = new Map();

  /** @template T @param {string} key @param {() => Promise<T>} ask @returns {Promise<T>} */
  const once = (key, ask) => {
    const there = answers.get(key);
    if (there && performance.now() - there.at < FRESH) return there.answer;
    const answer = ask();
    answers.set(key, { at: performance.now(), answer });
    answer.catch(() => answers.delete(key));
    return answer;
  };

  return {
    names: () => names,
    namesError: () => namesError,
    /** Whether the names were asked for and an answer came. */
    isKnown: () => asked,
    /** @param {string} name */
    seen: (name) => names.find((one) => one.name === name),

    /** Bring the names up to date; an error is kept in words. */
    async refresh() {
      try {
        names = await once('names', () => page.history.names());
        namesError = '';
      } catch (error) {
        namesError = error instanceof Error ? error.message : String(error);
      }
      asked = true;
      page.changed();
    },
    forget: () => answers.delete('names'),

    /** @returns {Promise<readonly SessionSeen[]>} */
    sessions: () => once('sessions', () => page.history.sessions()),
    /** @param {string} name @returns {Promise<readonly AttributeSeen[]>} */
    attributes: (name) => once(`attributes ${name}`, () => page.history.attributes(name)),

    /** @param {SeriesQuery} query @param {AbortSignal} signal */
    series: ({ attributes, from, to, step, ...query }, signal) =>
      page.history.series(
        {
          ...query,
          attributes: Object.fromEntries(attributes.map(pair)),
          from: from * NANOSECONDS,
          to: to * NANOSECONDS,
          step: step * NANOSECONDS,
        },
        signal,
      ),
  };
}

/** @param {string} attribute */
function pair(attribute) {
  const at = attribute.indexOf('=');
  return [attribute.slice(0, at), attribute.slice(at + 1)];
}
