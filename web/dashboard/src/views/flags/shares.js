/** Who was given which value: of the sessions seen lately, how many, and the latest of them. */

import { byValue, seenLately, whyBriefly, words } from '../../core/flags.js';
import { ago, whole } from '../../core/format.js';
import { columnHead, make, mark, reconcile, show, write } from '../../ui/dom.js';
import { makeSessionHead } from './fields.js';

const FEW = 10;
const MANY = 100;

/**
 * @typedef {import('../../core/flags.js').FlagDetails} FlagDetails
 * @typedef {ReturnType<typeof byValue>[number]} Part
 */

/** @param {string} own this browser's session @param {() => void} changed */
export function makeShares(own, changed) {
  /** @type {FlagDetails | null} */
  let flag = null;
  const total = make('span', 'quiet push');
  const bar = make('div', 'flags-bar');
  bar.setAttribute('aria-hidden', 'true');
  const legend = make('ul', 'flags-legend');
  const nothing = make('p', 'note', 'Nobody has asked for this flag since Forebay started.');
  const body = make('tbody');
  const heads = ['Session', 'Given', 'When'].map((text) => columnHead('', text));
  const table = make('table', '', make('thead', '', make('tr', '', ...heads)), body);
  table.setAttribute('aria-label', 'Sessions that were given the flag, the latest first');
  let most = FEW;
  const more = make('button');
  more.type = 'button';
  const rest = make('div', 'note', more);
  /** @type {Map<string, ReturnType<typeof makeSegment>>} */
  const segments = new Map();
  /** @type {Map<string, ReturnType<typeof makeEntry>>} */
  const entries = new Map();
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();

  /** @param {import('../../core/flags.js').Sighting} first */
  const makeRow = ({ session }) => {
    const name = makeSessionHead(session, own);
    const value = make('strong');
    const reason = make('div', 'quiet');
    const when = make('td', 'number');
    let at = 0;
    return {
      element: make('tr', '', name, make('td', 'flags-given', value, reason), when),
      /** @param {import('../../core/flags.js').Sighting} sighting */
      update(sighting) {
        at = sighting.at;
        write(value, words(sighting.value));
        write(reason, whyBriefly(sighting.reason, sighting.value === flag?.definition.default));
      },
      /** @param {number} now */
      age(now) {
        write(when, ago(now - at / 1e6));
      },
    };
  };

  /** @param {FlagDetails} details */
  const showSeen = ({ seen }) => {
    reconcile(body, rows, seen.slice(0, most), ({ session }) => session, makeRow);
    show(rest, seen.length > FEW);
    write(more, most === FEW ? `Show ${whole(Math.min(MANY, seen.length))}` : `Show the latest ${FEW} only`);
  };
  more.addEventListener('click', () => {
    most = most === FEW ? MANY : FEW;
    if (flag) showSeen(flag);
    changed();
  });

  const element = make(
    'section',
    'flags-card card',
    make('div', 'bar', make('h3', '', 'Who got which value'), total),
    make('div', 'flags-body', bar, legend),
    table,
    rest,
    nothing,
  );
  element.setAttribute('aria-label', 'Who got which value');

  return {
    element,
    /** @param {FlagDetails} next @param {number} now */
    show(next, now) {
      if (next !== flag) {
        flag = next;
        const sessions = seenLately(flag.shares);
        const parts = byValue(flag.shares);
        write(total, `${whole(sessions)} ${sessions === 1 ? 'session' : 'sessions'} seen lately`);
        for (const [element, visible] of /** @type {const} */ ([
          [bar, sessions > 0],
          [table, sessions > 0],
          [nothing, sessions === 0],
        ])) {
          show(element, visible);
        }
        const key = (/** @type {Part} */ { value }) => String(value);
        reconcile(bar, segments, parts, key, makeSegment);
        reconcile(legend, entries, parts, key, makeEntry);
        showSeen(flag);
      }
      for (const row of rows.values()) row.age(now);
    },
  };
}

/** @param {Part} first */
function makeSegment({ value }) {
  const element = make('span', `flags-part flags-is-${tone(value)}`);
  return {
    element,
    /** @param {Part} part */
    update({ fraction }) {
      element.style.setProperty('--share', String(fraction));
    },
  };
}

/** @param {Part} first */
function makeEntry({ value }) {
  const figure = make('span', 'quiet');
  const dot = make('span', `flags-dot flags-is-${tone(value)}`);
  mark(dot, 'aria-hidden', 'true');
  return {
    element: make('li', '', dot, make('strong', '', words(value)), ' ', figure),
    /** @param {Part} part */
    update({ sessions, fraction }) {
      write(
        figure,
        `${whole(sessions)} (${(fraction * 100).toFixed(fraction > 0 && fraction < 0.1 ? 1 : 0)} %)`,
      );
    },
  };
}

/** A colour that a value keeps, whatever its share. @param {import('../../core/flags.js').FlagValue} value */
function tone(value) {
  const known = ['true', 'websocket', 'false', 'realtime', 'dual'].indexOf(String(value));
  return [0, 0, 1, 1, 2][known] ?? [...String(value)].reduce((sum, each) => sum + each.charCodeAt(0), 0) % 4;
}
