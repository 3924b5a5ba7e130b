/** Live data: which transport the page uses and why, how each of them does, and whether one can be done without. */

import { milliseconds, NONE, whole } from '../core/format.js';
import { TRANSPORTS } from '../core/link.js';
import { countWords, lineWords, reliance, verdict, wish } from '../core/link-words.js';
import { corrected, lately, latency, MINUTES } from '../core/meter.js';
import { sparkPath } from '../core/series.js';
import { sharingWords } from '../core/tabs.js';
import { columnHead, make, makeSpark, mark, reconcile, show, write } from '../ui/dom.js';
import './transports.css';

/**
 * @typedef {import('../core/link.js').Link} Link
 * @typedef {import('../core/link.js').TransportName} TransportName
 * @typedef {import('../core/link.js').Note} Note
 */

/** What is kept in the settings by hand; '' is as the flags say. @type {[string, string][]} */
const CHOICES = [
  ['', 'As the flags say'],
  ['websocket', 'WebSocket'],
  ['realtime', 'Realtime'],
  ['dual', 'Both'],
];

/** @type {Record<TransportName, string>} */
const TITLES = { websocket: 'WebSocket', realtime: 'Supabase Realtime' };

/** @type {{label: string, title: string, read: (link: Link, name: TransportName, now: number) => {text: string, tone?: string}}[]} */
const ROWS = [
  {
    label: 'Latency p50',
    title: 'half of the frames were quicker',
    read: ({ meters, clock }, name) => ({ text: milliseconds(latency(meters[name], clock, [0.5])[0]) }),
  },
  {
    label: 'Latency p99',
    title: '99 of 100 were quicker',
    read: ({ meters, clock }, name) => ({ text: milliseconds(latency(meters[name], clock, [0.99])[0]) }),
  },
  { label: 'Frames', title: 'live ones', read: ({ meters }, name) => ({ text: whole(meters[name].frames) }) },
  {
    label: 'Metrics',
    title: 'in live frames, each once',
    read: ({ meters }, name) => ({ text: whole(meters[name].metrics) }),
  },
  {
    label: 'Lost',
    title: 'metrics that this transport passed by; they came by the other one or were asked for',
    read: ({ meters }, name) => count(meters[name].lost, 'bad'),
  },
  {
    label: `Lost in the last ${MINUTES} minutes`,
    title: '',
    read: ({ meters }, name, now) => count(lately(meters[name], now).lost, 'bad'),
  },
  {
    label: 'Duplicates',
    title: 'metrics that this transport brought twice; they count once',
    read: ({ meters }, name) => count(meters[name].duplicates, ''),
  },
  {
    label: 'Opened again',
    title: 'after it was lost or closed',
    read: ({ meters }, name) => count(meters[name].reconnects, 'busy'),
  },
];

/** @param {number} value @param {string} tone */
const count = (value, tone) => ({ text: whole(value), tone: value > 0 ? tone : '' });

const times = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** How one transport is: a word, and what there is to say about it. @param {TransportName} name */
function makeState(name) {
  const badge = make('span', 'badge');
  const note = make('span', 'quiet transports-detail');
  const head = columnHead('transports-head', make('span', 'transports-name', TITLES[name]), badge, note);
  return {
    head,
    /** @param {Link} link @param {number} now */
    show(link, now) {
      const { tone, text, note: said } = lineWords(link.lines[name], now);
      mark(badge, 'data-tone', tone);
      write(badge, link.active === name && link.wanted !== 'dual' ? `${text}, relied on` : text);
      write(note, said);
    },
  };
}

/** @param {(typeof ROWS)[number]} row */
function makeRow({ label, title, read }) {
  const head = make('th', '', label);
  head.scope = 'row';
  if (title) head.append(make('span', 'quiet transports-title', title));
  const cells = TRANSPORTS.map(() => make('td', 'number toned', NONE));
  return {
    element: make('tr', '', head, ...cells),
    /** @param {Link} link @param {number} now */
    show(link, now) {
      TRANSPORTS.forEach((name, i) => {
        const { text, tone = '' } = read(link, name, now);
        write(cells[i], link.meters[name].opened ? text : NONE);
        mark(cells[i], 'data-tone', tone);
      });
    },
  };
}

/** The latency of the latest frames: one line a transport, each on its own scale. */
function makeTrends() {
  const sparks = TRANSPORTS.map(() => makeSpark());
  const head = make('th', '', 'Latency, of late');
  head.scope = 'row';
  return {
    element: make('tr', 'transports-trends', head, ...sparks.map(({ svg }) => make('td', '', svg))),
    /** @param {Link} link */
    show({ meters, clock }) {
      TRANSPORTS.forEach((name, i) => {
        const points = meters[name].delays.slice(-120).map((delay, x) => ({ x, y: corrected(delay, clock) }));
        mark(sparks[i].path, 'd', sparkPath(points, 120, 24));
      });
    },
  };
}

/** What happened, the latest first. @param {Note} first */
function makeNote(first) {
  const time = make('time', 'quiet number');
  const who = make('span', 'transports-who', first.transport ? TITLES[first.transport] : 'This page');
  const text = make('span');
  return {
    element: make('li', '', time, who, text),
    /** @param {Note} note */
    update(note) {
      write(time, times.format(note.at));
      mark(time, 'datetime', new Date(note.at).toISOString());
      write(text, note.times > 1 ? `${note.text} (${whole(note.times)} times)` : note.text);
    },
  };
}

/** @type {import('../ui/view.js').MakeView} */
export function makeView({ settings, history, sharing, changed, announce }) {
  const buttons = CHOICES.map(([value, label]) => {
    const button = make('button', '', label);
    button.type = 'button';
    button.addEventListener('click', () => {
      settings.set('transport', value);
      announce(`${label}: chosen`);
      changed();
    });
    return button;
  });
  const choice = make('div', 'choice', ...buttons);
  choice.setAttribute('role', 'group');
  choice.setAttribute('aria-label', 'Transport for this browser');
  const wanted = make('p', 'quiet');
  const drop = make('a', '', 'Leave that to the flags and the choice above');
  const relied = make('p', 'alert');
  const judgement = make('p', 'transports-verdict toned');
  const shown = make('p', 'note');
  const source = make('p', 'note');
  const tabs = make('p', 'note');
  const states = TRANSPORTS.map(makeState);
  const corner = make('td', 'transports-corner');
  const trends = makeTrends();
  const rows = ROWS.map(makeRow);
  const table = make(
    'table',
    '',
    make('caption', 'unseen', 'The two transports side by side'),
    make('thead', '', make('tr', '', corner, ...states.map(({ head }) => head))),
    make('tbody', '', trends.element, ...rows.map(({ element }) => element)),
  );
  const notes = make('ol', 'transports-notes');
  const none = make('p', 'note', 'Nothing has happened yet.');
  /** @type {Map<string, ReturnType<typeof makeNote>>} */
  const kept = new Map();
  const element = make(
    'div',
    'transports stack',
    make('h2', 'unseen', 'Live data'),
    make(
      'section',
      'card',
      make('div', 'bar', make('h3', '', 'Transport'), choice),
      make('div', 'transports-body', wanted, drop, relied, judgement),
      tabs,
    ),
    make(
      'section',
      'card',
      make('div', 'bar', make('h3', '', 'Side by side')),
      make('div', 'scroll', table),
      make(
        'p',
        'note',
        'Latency is measured from when the server made a frame. The difference of the clocks is taken out: the quickest frame is taken to have needed half of the shortest round trip to the server.',
      ),
      shown,
      source,
    ),
    make('section', 'card', make('div', 'bar', make('h3', '', 'What happened')), none, notes),
  );
  let drawn = 0;
  return {
    element,
    show({ state, link, now }) {
      const byHand = settings.get('transport', '');
      buttons.forEach((button, i) => {
        mark(button, 'aria-pressed', String(byHand === CHOICES[i][0]));
      });
      write(wanted, wish(link));
      show(drop, link.by === 'url');
      if (link.by === 'url') mark(drop, 'href', withoutWish());
      const { tone, text } = reliance(link, now);
      mark(relied, 'data-tone', tone);
      write(relied, text);
      // Percentiles and lines of a thousand frames need not be new in each animation frame.
      if (now - drawn < 250 && now >= drawn) return;
      drawn = now;
      const said = verdict(link, now);
      mark(judgement, 'data-tone', said.tone);
      write(judgement, said.text);
      for (const state of states) state.show(link, now);
      trends.show(link);
      for (const row of rows) row.show(link, now);
      write(shown, countWords(state));
      write(tabs, sharingWords(sharing()));
      const { source: from, because } = history.via();
      write(
        source,
        from === 'supabase'
          ? 'History comes from Supabase by PostgREST.'
          : `History comes from Forebay.${because ? ` Supabase could not be asked: ${because}` : ''}`,
      );
      const latest = link.notes.toReversed();
      reconcile(notes, kept, latest, (note) => `${note.at} ${note.transport} ${note.text}`, makeNote);
      show(none, latest.length === 0);
    },
  };
}

/** The page's address without a wish for a transport. */
function withoutWish() {
  const url = new URL(location.href);
  url.searchParams.delete('transport');
  url.hash = '#/transports';
  return url.href;
}
