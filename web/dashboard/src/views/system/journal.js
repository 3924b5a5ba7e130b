/** The journal: its segments as a strip and as a table, with where each store's cursor stands among them. */

import { ago, bytes, duration, whole } from '../../core/format.js';
import { newest, placeOf, segmentOf, strip } from '../../core/segments.js';
import { makeAlert } from '../../ui/alert.js';
import { columnHead, make, mark, reconcile, show, write } from '../../ui/dom.js';
import { makeBlocks } from '../../ui/segment-blocks.js';
import { makeFacts } from './facts.js';

/**
 * @typedef {import('../../core/segments.js').Segment} Segment
 * @typedef {import('../../core/frames.js').StatusReport} StatusReport
 */

/** Segments in the table before somebody asks for all. */
const FEW = 8;

/** Milliseconds after which the segments are asked for again: the active one grows. */
const EVERY = 10_000;

/** Milliseconds in nanoseconds. */
const MS = 1e6;
const COLUMNS = ['From offset', 'Offsets', 'Begun', 'Size', 'State', 'Stores here'];
const NUMBERS = new Set(['From offset', 'Offsets', 'Size']);

/** @type {Record<string, {text: string, tone: string}>} */
const STATES = {
  writable: { text: 'writable', tone: 'good' },
  full: { text: 'disk full', tone: 'bad' },
  failed: { text: 'failed', tone: 'bad' },
};

/** @type {Record<string, string>} */
const DURABILITY = {
  fsync: 'synced before the reply',
  interval: 'synced at intervals',
  os: 'left to the operating system',
};

/** @param {import('../../ui/view.js').Page} page */
export function makeJournal(page) {
  const badge = make('span', 'badge');
  const facts = makeFacts();
  const bar = makeStrip();
  const body = make('tbody');
  const heads = COLUMNS.map((title) => columnHead(NUMBERS.has(title) ? 'number' : '', title));
  const table = make('table', 'system-segments', make('thead', '', make('tr', '', ...heads)), body);
  const scroll = make('div', 'scroll', table);
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', 'Segments');
  const more = make('button');
  more.type = 'button';
  const alert = makeAlert();
  const foot = make('div', 'bar', more);
  const element = make(
    'section',
    'card',
    make('div', 'bar', make('h3', '', 'Journal'), badge),
    make('div', 'system-body', facts.element, bar.element, alert.element),
    scroll,
    foot,
  );
  element.setAttribute('aria-label', 'Journal');
  const rows = new Map();
  /** @type {Segment[]} */
  let segments = [];
  let all = false;
  let asked = '';
  let askedAt = -Infinity;
  let entered = false;
  let controller = new AbortController();
  more.addEventListener('click', () => {
    all = !all;
    page.changed();
  });

  const ask = async () => {
    controller.abort();
    const mine = new AbortController();
    controller = mine;
    askedAt = performance.now();
    try {
      const answer = await page.api.get('api/journal/segments', { signal: mine.signal });
      if (mine.signal.aborted) return;
      segments = /** @type {{segments: Segment[]}} */ (answer).segments;
      alert.hide();
    } catch (error) {
      if (mine.signal.aborted) return;
      alert.say(/** @type {Error} */ (error).message, ask);
    }
    page.changed();
  };

  return {
    element,
    enter() {
      if (!entered) askedAt = -Infinity;
      entered = true;
    },
    leave() {
      entered = false;
      controller.abort();
    },
    /** @param {StatusReport} status @param {number} now */
    show(status, now) {
      const { journal, stores } = status;
      const which = `${journal.id} ${journal.first_offset} ${journal.segments}`;
      if (which !== asked || performance.now() - askedAt > EVERY) {
        asked = which;
        ask();
      }
      const { text, tone } = STATES[journal.state] ?? { text: journal.state, tone: 'unknown' };
      write(badge, text);
      mark(badge, 'data-tone', tone);
      facts.show(factsOf(status));
      bar.show(segments, status);
      const items = newest(segments, FEW, all).map((segment) => ({
        segment,
        now,
        next: journal.next_offset,
        here: stores.filter((store) => segmentOf(segments, store.cursor) === segment).map(({ name }) => name),
      }));
      reconcile(body, rows, items, ({ segment }) => segment.name, makeSegment);
      show(scroll, segments.length > 0);
      show(foot, segments.length > FEW);
      write(more, all ? `Show the newest ${FEW} only` : `Show all ${whole(segments.length)} segments`);
      mark(more, 'aria-expanded', String(all));
    },
  };
}

/** @param {StatusReport} status */
function factsOf({ journal }) {
  const { first_offset: first, next_offset: next, free_bytes: free, full_in: full } = journal;
  return [
    {
      label: 'Next offset',
      text: whole(next),
      note: first > 0 ? `kept from ${whole(first)} on` : 'kept from the beginning',
    },
    {
      label: 'On disk',
      text: bytes(journal.bytes),
      note: `in ${whole(journal.segments)} ${journal.segments === 1 ? 'segment' : 'segments'}`,
    },
    {
      label: 'Disk left',
      text: bytes(free),
      note: full ? `full in ${duration(full)}` : 'not filling up now',
      tone: journal.state === 'full' ? 'bad' : full && full < 86_400 ? 'busy' : '',
    },
    {
      label: 'Durability',
      text: journal.durability,
      note: DURABILITY[journal.durability] ?? '',
      tone: journal.durability === 'fsync' ? '' : 'busy',
    },
  ];
}

/** @typedef {{segment: Segment, now: number, next: number, here: string[]}} Item */

/** @param {Item} first */
function makeSegment({ segment: { first_offset: first } }) {
  const head = make('th', 'number', whole(first));
  head.scope = 'row';
  const offsets = make('td', 'number');
  const begun = make('td');
  const size = make('td', 'number');
  const state = make('td');
  const here = make('td', 'system-here');
  return {
    element: make('tr', '', head, offsets, begun, size, state, here),
    /** @param {Item} item */
    update({ segment, now, next, here: stores }) {
      const active = segment.state === 'active';
      write(offsets, whole(Math.max(0, (active ? next : segment.last_offset + 1) - segment.first_offset)));
      write(begun, ago(now - segment.created_at / MS));
      mark(begun, 'title', new Date(segment.created_at / MS).toLocaleString());
      write(size, active ? `${bytes(segment.bytes)} of ${bytes(segment.size)}` : bytes(segment.size));
      write(state, active ? 'active' : 'sealed');
      write(here, stores.join(', '));
    },
  };
}

/** The segments side by side, and a mark for each store where its cursor stands. */
function makeStrip() {
  const blocks = makeBlocks('system-blocks');
  const marks = make('ul', 'system-marks');
  const element = make('div', 'system-strip', blocks.element, marks);
  const rows = new Map();
  return {
    element,
    /** @param {Segment[]} segments @param {StatusReport} status */
    show(segments, { journal, stores }) {
      blocks.show(strip(segments, journal.next_offset));
      const first = segments[0]?.first_offset ?? journal.first_offset;
      const items = stores.map((store) => ({
        name: store.name,
        at: placeOf(store.cursor, first, journal.next_offset),
        behind: store.lag,
      }));
      reconcile(marks, rows, items, ({ name }) => name, makeMark);
    },
  };
}

/** @param {{name: string}} first */
function makeMark({ name }) {
  const words = make('span');
  const element = make('li', '', words);
  return {
    element,
    /** @param {{at: number, behind: number}} item */
    update({ at, behind }) {
      element.style.setProperty('--at', at.toFixed(4));
      mark(element, 'data-side', at > 0.5 ? 'left' : 'right');
      write(words, behind > 0 ? `${whole(behind)} behind: ${name}` : `${name} has everything`);
    },
  };
}
