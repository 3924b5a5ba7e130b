/**
 * The history of the lines of a chart. Where there are more sources or sessions than lines, those are asked for that
 * have the most, or are the latest, in that stretch of time; what is drawn already stays as long as there is room.
 */

import { MAX_LINES } from '../../core/lines.js';
import { fromNanoseconds, merge } from '../../core/seam.js';

/**
 * @typedef {import('../../core/choice.js').Chosen} Chosen
 * @typedef {import('../../core/seam.js').Point} Point
 * @typedef {import('../../core/tail.js').Wanted} Wanted
 * @typedef {import('../../net/supabase-client.js').HistorySeries} SeriesAnswer
 * @typedef {{series: (query: import('./catalogue.js').SeriesQuery, signal: AbortSignal) => Promise<SeriesAnswer[]>,
 *   sources: (name: string) => readonly string[],
 *   sessions: () => Promise<readonly import('./catalogue.js').SessionSeen[]>, lag: () => number, now: () => number}} Asked `now` and `lag` in milliseconds
 * @typedef {{points: Map<string, readonly Point[]>, others: readonly string[], unit: string}} Answer `others` are
 *   left out: more than there are lines
 */

/**
 * @param {Chosen} chosen
 * @param {Asked} asked
 * @param {Wanted} want
 * @param {readonly string[]} drawn keys of the lines that there are
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function askLines(chosen, asked, want, drawn, signal) {
  const { name, attributes, by } = chosen;
  const { from, to, step } = want;
  const query = {
    name,
    attributes,
    from,
    to,
    step,
    source: chosen.source || null,
    session: chosen.session || null,
  };
  const all =
    by === 'session' && !chosen.session
      ? await sessionsOf(chosen, asked, want)
      : by === 'source' && !chosen.source
        ? asked.sources(name)
        : [];
  if (by === 'source' && all.length <= MAX_LINES) {
    const answer = await asked.series(query, signal);
    return grouped(answer.map((one) => ({ ...one, key: one.source })));
  }
  if (chosen.session) {
    const answer = await asked.series(query, signal);
    return grouped(answer.map((one) => ({ ...one, key: chosen.session })));
  }
  const keys =
    want.whole || drawn.length === 0 ? await choose(chosen, asked, query, all, drawn, signal) : drawn;
  const answers = await Promise.all(keys.map((key) => asked.series({ ...query, [by]: key }, signal)));
  const others = all.filter((key) => !keys.includes(key));
  return grouped(
    answers.flatMap((answer, i) => answer.map((one) => ({ ...one, key: keys[i] }))),
    others,
  );
}

/**
 * Sessions, the latest first, that have been in that stretch of time and may have sent that name.
 * @param {Chosen} chosen
 * @param {Asked} asked
 * @param {Wanted} want
 */
async function sessionsOf({ name, source }, asked, { from, to }) {
  const known = source ? [source] : asked.sources(name);
  const seen = await asked.sessions();
  const there = seen.filter(
    (one) =>
      (known.length === 0 || known.includes(one.source)) &&
      one.first_time / 1e6 <= to &&
      one.last_time / 1e6 >= from,
  );
  return [...new Set(there.map(({ session }) => session))];
}

/**
 * MAX_LINES of `all`: of sources those with the most metrics, found by one question for very few points.
 * @param {Chosen} chosen
 * @param {Asked} asked
 * @param {import('./catalogue.js').SeriesQuery} query
 * @param {readonly string[]} all
 * @param {readonly string[]} drawn
 * @param {AbortSignal} signal
 */
async function choose({ by }, asked, query, all, drawn, signal) {
  if (by === 'session') return all.slice(0, MAX_LINES);
  const rough = await asked.series({ ...query, step: Math.ceil(query.to - query.from) }, signal);
  const counts = new Map(
    rough.map(({ source, points }) => [source, points.reduce((sum, { count }) => sum + count, 0)]),
  );
  const stays = drawn.filter((key) => counts.has(key));
  const busiest = [...counts].sort((a, b) => b[1] - a[1]).map(([key]) => key);
  return [...new Set([...stays, ...busiest])].slice(0, MAX_LINES);
}

/**
 * @param {readonly (SeriesAnswer & {key: string})[]} answers
 * @param {readonly string[]} [others]
 * @returns {Answer}
 */
function grouped(answers, others = []) {
  /** @type {Map<string, (readonly Point[])[]>} */
  const byKey = new Map();
  for (const { key, points } of answers) {
    byKey.set(key, [...(byKey.get(key) ?? []), fromNanoseconds(points)]);
  }
  return {
    points: new Map([...byKey].map(([key, all]) => [key, merge(all)])),
    others,
    unit: answers.find((one) => one.unit)?.unit ?? '',
  };
}
