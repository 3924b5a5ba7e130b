/** Overview: what arrives, what is stored and what is stuck, in figures with their short history. */

import { bytes, compact, duration, NONE, perTime, whole } from '../core/format.js';
import { isStuck } from '../core/health.js';
import { ratesOf, sparkPath } from '../core/series.js';
import { acceptedPerSecond } from '../core/state.js';
import { make, makeSpark, mark, write } from '../ui/dom.js';
import { makeLiveTable } from '../ui/live-table.js';
import './overview.css';

/**
 * @typedef {import('../core/state.js').State} State
 * @typedef {import('../core/state.js').Sample} Sample
 * @typedef {import('../core/frames.js').StatusReport} StatusReport
 * @typedef {{text: string, tone?: string, note?: string}} Reading
 * @typedef {{label: string, read: (status: StatusReport, state: State) => Reading,
 *   history?: (history: readonly Sample[]) => {x: number, y: number}[]}} Figure
 */

/** @type {Record<StatusReport['journal']['durability'], Reading>} */
const DURABILITY = {
  fsync: { text: 'fsync', note: 'synced to disk before the reply' },
  interval: { text: 'interval', tone: 'busy', note: 'synced at intervals, not before the reply' },
  os: { text: 'os', tone: 'busy', note: 'left to the operating system to sync' },
};

/** @type {Record<string, string>} */
const BREAKER_TONES = { closed: 'good', 'half-open': 'busy', open: 'bad', off: '' };

/** In seconds; a disk that lasts longer at this rate is not spoken of. */
const A_YEAR = 31_536_000;

/** @type {Figure[]} */
const FIGURES = [
  {
    label: 'Accepted now',
    read: (_, state) => ({ text: perTime(acceptedPerSecond(state)), note: 'metrics, over the last 5 s' }),
    history: (history) => ratesOf(history, (sample) => sample.accepted),
  },
  {
    label: 'Accepted',
    read: ({ accepted }) => ({ text: whole(accepted), note: 'since the journal began' }),
  },
  {
    label: 'Stored',
    read: ({ persisted, lost }) => ({
      text: whole(persisted),
      note: lost > 0 ? `${whole(lost)} at most were lost with a damage` : 'in the first store',
    }),
    history: (history) => ratesOf(history, (sample) => sample.persisted),
  },
  {
    label: 'Waiting in the journal',
    read: ({ pending, stores }) => ({
      text: whole(pending),
      tone: pending > 0 && stores.some(isStuck) ? 'bad' : '',
      note: oldest(stores),
    }),
    history: (history) => history.map(({ at, pending }) => ({ x: at, y: pending })),
  },
  {
    label: 'Dead letters',
    read: ({ dead_letters: { pending, limit } }) => ({
      text: whole(pending),
      tone: pending > 0 ? 'busy' : '',
      note: limit > 0 ? `of at most ${whole(limit)}` : 'kept to be looked at',
    }),
    history: (history) => history.map(({ at, dead }) => ({ x: at, y: dead })),
  },
  {
    label: 'Breaker',
    read: ({ stores }) => {
      const worst = ['open', 'half-open', 'closed', 'off'].find((one) =>
        stores.some(({ breaker }) => breaker === one),
      );
      const which = stores.filter(({ breaker }) => breaker === worst).map(({ name }) => name);
      return { text: worst ?? NONE, tone: BREAKER_TONES[worst ?? ''], note: which.join(', ') };
    },
  },
  { label: 'Durability', read: ({ journal }) => DURABILITY[journal.durability] },
  {
    label: 'Disk left',
    read: ({ journal }) => ({
      text: bytes(journal.free_bytes),
      tone: journal.state === 'full' ? 'bad' : journal.full_in && journal.full_in < 86_400 ? 'busy' : '',
      note:
        journal.full_in && journal.full_in < A_YEAR
          ? `full in ${duration(journal.full_in)} at this rate`
          : `the journal has ${bytes(journal.bytes)} in ${compact(journal.segments)} ${journal.segments === 1 ? 'segment' : 'segments'}`,
    }),
    history: (history) => history.map(({ at, free }) => ({ x: at, y: free })),
  },
];

/** @param {import('../core/frames.js').StoreStatus[]} stores */
const oldest = (stores) => {
  const seconds = Math.max(0, ...stores.map(({ lag_seconds: lag }) => lag ?? 0));
  return seconds >= 1 ? `the oldest for ${duration(seconds)}` : 'on the way to the store';
};

/** @param {Figure} figure */
function makeFigure({ label, read, history }) {
  const value = make('dd', 'value', NONE);
  const note = make('dd', 'quiet');
  const spark = history ? makeSpark() : null;
  const element = make('div', '', make('dt', '', label), value, note);
  if (spark) element.append(spark.svg);
  return {
    element,
    /** @param {StatusReport} status @param {State} state */
    show(status, state) {
      const reading = read(status, state);
      write(value, reading.text);
      mark(value, 'data-tone', reading.tone ?? '');
      write(note, reading.note ?? '');
      if (spark && history) mark(spark.path, 'd', sparkPath(history(state.history), 120, 24));
    },
  };
}

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  const figures = FIGURES.map(makeFigure);
  const table = makeLiveTable(page.changed);
  return {
    element: make(
      'div',
      'overview',
      make('h2', 'unseen', 'Overview'),
      make('dl', 'figures', ...figures.map(({ element }) => element)),
      table.element,
    ),
    show({ state }) {
      const { status } = state;
      if (status) for (const figure of figures) figure.show(status, state);
      table.show(state);
    },
  };
}
