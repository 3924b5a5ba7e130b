/**
 * The supervision tree as lines of a table, and how busy each of its actors is.
 *
 * @typedef {import('./frames.js').ActorStatus} ActorStatus
 * @typedef {import('./health.js').Tone} Tone
 * @typedef {{actor: ActorStatus, depth: number, folded: boolean, within: number}} Line `within`: how many
 *   actors are below it, shown or not
 * @typedef {{at: number, processed: number}} Sample
 * @typedef {ReadonlyMap<string, readonly Sample[]>} Loads the latest samples of each actor, by its path
 */

export const SAMPLES = 60;

/** Milliseconds over which a rate is taken. */
const SPAN = 4_500;

/**
 * The lines of the tree, a supervisor before what is in it. What is inside a supervisor that is `folded` is
 * left out.
 * @param {ActorStatus} actor
 * @param {ReadonlySet<string>} folded paths
 * @returns {Line[]}
 */
export function lines(actor, folded, depth = 0) {
  const shut = folded.has(actor.path) && actor.children.length > 0;
  return [
    { actor, depth, folded: shut, within: count(actor) - 1 },
    ...(shut ? [] : actor.children.flatMap((child) => lines(child, folded, depth + 1))),
  ];
}

/**
 * How many actors there are, supervisors included.
 * @param {ActorStatus} actor
 * @returns {number}
 */
export const count = (actor) => actor.children.reduce((sum, child) => sum + count(child), 1);

/**
 * The actor at `path`, if it is there.
 * @param {ActorStatus} actor
 * @param {string} path
 * @returns {ActorStatus | undefined}
 */
export function find(actor, path) {
  if (actor.path === path) return actor;
  for (const child of actor.children) {
    const found = find(child, path);
    if (found) return found;
  }
  return undefined;
}

/**
 * `loads` with what the tree says at `at` (milliseconds). Actors that are gone are forgotten; one that counts
 * anew, as after a restart of the process, begins anew.
 * @param {Loads} loads
 * @param {ActorStatus} tree
 * @param {number} at
 * @returns {Loads}
 */
export function sample(loads, tree, at) {
  return new Map(
    lines(tree, new Set()).map(({ actor: { path, processed } }) => {
      const known = loads.get(path) ?? [];
      const last = known.at(-1);
      const kept = last && (last.processed > processed || last.at >= at) ? [] : known;
      return [path, [...kept, { at, processed }].slice(-SAMPLES)];
    }),
  );
}

/**
 * Messages a second over the latest samples; null where there are too few to tell.
 * @param {readonly Sample[]} [samples]
 */
export function perSecond(samples = []) {
  const end = samples.at(-1);
  const start = samples.findLast((one) => end && end.at - one.at >= SPAN) ?? samples[0];
  return end && start !== end ? ((end.processed - start.processed) * 1000) / (end.at - start.at) : null;
}

/**
 * Messages a second between each two samples, as points of a spark.
 * @param {readonly Sample[]} [samples]
 */
export const trend = (samples = []) =>
  samples.slice(1).map((one, i) => ({
    x: one.at,
    y: ((one.processed - samples[i].processed) * 1000) / Math.max(1, one.at - samples[i].at),
  }));

/**
 * `folded` without the supervisors above the actor at `path`: who opens an actor wants to see it.
 * @param {ReadonlySet<string>} folded
 * @param {ActorStatus} tree
 * @param {string} path
 * @returns {ReadonlySet<string>}
 */
export function unfolded(folded, tree, path) {
  if (folded.size === 0 || path === '') return folded;
  return new Set(
    [...folded].filter((each) => {
      const supervisor = find(tree, each);
      return each === path || !supervisor || !find(supervisor, path);
    }),
  );
}

/** @type {Record<ActorStatus['state'], {text: string, tone: Tone}>} */
const STATES = {
  starting: { text: 'starting', tone: 'busy' },
  running: { text: 'running', tone: 'good' },
  restarting: { text: 'crashed, restarts soon', tone: 'bad' },
  stopping: { text: 'stopping', tone: 'busy' },
  stopped: { text: 'stopped', tone: 'unknown' },
  failed: { text: 'failed, does not restart', tone: 'bad' },
};

/**
 * The state of an actor in words.
 * @param {ActorStatus} actor
 * @returns {{text: string, tone: Tone}}
 */
export function stateOf(actor) {
  const known = STATES[actor.state] ?? { text: actor.state, tone: 'unknown' };
  return actor.state === 'running' && fill(actor) >= 1 ? { text: 'mailbox full', tone: 'bad' } : known;
}

/**
 * How full the mailbox is, 0 to 1.
 * @param {ActorStatus} actor
 */
export const fill = ({ mailbox, capacity }) => (capacity > 0 ? Math.min(1, mailbox / capacity) : 0);

/**
 * The tree in a few words, as in "7 actors, 2 restarts".
 * @param {ActorStatus} tree
 */
export function summary(tree) {
  const all = lines(tree, new Set()).map(({ actor }) => actor);
  const actors = all.filter(({ kind }) => kind !== 'supervisor').length;
  const restarts = all.reduce((sum, actor) => sum + actor.restarts, 0);
  const down = all.filter(({ state }) => state === 'restarting' || state === 'failed').length;
  const words = [`${actors} ${actors === 1 ? 'actor' : 'actors'}`];
  if (restarts > 0) words.push(`${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`);
  if (down > 0) words.push(`${down} not running`);
  return words.join(', ');
}
