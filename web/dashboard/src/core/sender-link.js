/** What of a sender is worth a chart, as parameters of Explore (core/choice.js). */

/** Metrics of one sender that are charted at first. */
export const CHARTS = 4;
/** Milliseconds around a session that is over, so that its ends can be seen. */
const MARGIN = 60_000;

/**
 * The first names that each source is known to have sent.
 * @param {readonly {name: string, sources: string[]}[]} seen
 * @returns {Map<string, string[]>}
 */
export function namesBySource(seen) {
  /** @type {Map<string, string[]>} */
  const names = new Map();
  for (const { name, sources } of seen) {
    for (const source of sources) {
      const known = names.get(source);
      if (!known) names.set(source, [name]);
      else if (known.length < CHARTS) known.push(name);
    }
  }
  return names;
}

/**
 * Parameters of Explore for what `row` sends, or sent while it was there.
 * @param {import('./session-tracker.js').Row} row
 * @param {ReadonlyMap<string, readonly string[]>} stored names by source
 */
export function exploreParams(row, stored) {
  const params = new URLSearchParams();
  for (const name of row.names.length > 0 ? row.names : (stored.get(row.source) ?? [])) {
    params.append('name', name);
    params.append('source', row.source);
    params.append('session', row.session);
  }
  if (row.past && params.size > 0) {
    params.append('from', String(Math.floor(row.since) - MARGIN));
    params.append('to', String(Math.ceil(row.seen) + MARGIN));
  }
  return params;
}
