/** The process itself, and what it publishes on Realtime. */

import { bytes, duration, whole } from '../../core/format.js';
import { localTime } from '../../core/past.js';
import { BREAKER_TONES } from '../../core/stores.js';
import { make, mark, show, write } from '../../ui/dom.js';
import { makeFacts } from './facts.js';

/** @typedef {import('../../core/frames.js').StatusReport} StatusReport */

/** Milliseconds in nanoseconds. */
const MS = 1e6;

/** @type {Record<string, {tone: string, note: string}>} */
const STATES = {
  off: { tone: 'unknown', note: 'It is not configured, or switched off: browsers use the WebSocket alone.' },
  idle: { tone: 'good', note: 'No browser listens there now: nothing is published.' },
  connecting: { tone: 'busy', note: 'Nothing has been published yet.' },
  publishing: { tone: 'good', note: '' },
  failing: {
    tone: 'bad',
    note: 'The last batch was not taken. The WebSocket goes on, and nothing that was accepted is affected.',
  },
};

export function makeRealtime() {
  const badge = make('span', 'badge');
  const facts = makeFacts();
  const note = make('p', 'quiet');
  const error = make('p', 'alert');
  const element = make(
    'section',
    'card',
    make('div', 'bar', make('h3', '', 'Realtime publishing'), badge),
    make('div', 'system-body', facts.element, error, note),
  );
  element.setAttribute('aria-label', 'Realtime publishing');
  return {
    element,
    /** @param {import('../../core/frames.js').RealtimeStatus} realtime */
    show(realtime) {
      const { tone, note: words } = STATES[realtime.state] ?? { tone: 'unknown', note: '' };
      write(badge, realtime.state);
      mark(badge, 'data-tone', tone);
      write(note, words);
      show(note, words !== '');
      write(error, realtime.last_error ?? '');
      show(error, Boolean(realtime.last_error));
      const on = realtime.state !== 'off';
      show(facts.element, on);
      if (!on) return;
      facts.show([
        {
          label: 'Messages',
          text: `${whole(realtime.messages_per_second)}/s`,
          note: `${whole(realtime.published)} so far`,
        },
        { label: 'Data', text: `${bytes(realtime.bytes_per_second)}/s`, note: 'in the last second' },
        {
          label: 'Dropped',
          text: whole(realtime.dropped),
          note: 'told of as gaps',
          tone: realtime.dropped > 0 ? 'busy' : '',
        },
        { label: 'Breaker', text: realtime.breaker, note: 'its own', tone: BREAKER_TONES[realtime.breaker] },
      ]);
    },
  };
}

export function makeProcess() {
  const facts = makeFacts();
  const id = make('code');
  const element = make(
    'section',
    'card',
    make('div', 'bar', make('h3', '', 'Process')),
    make('div', 'system-body', facts.element, make('p', 'quiet', 'Journal ', id)),
  );
  element.setAttribute('aria-label', 'Process');
  return {
    element,
    /** @param {StatusReport} status @param {number} now */
    show(status, now) {
      const started = status.started_at / MS;
      facts.show([
        { label: 'Version', text: status.version, note: 'of Forebay' },
        {
          label: 'Up',
          text: duration(Math.max(0, now - started) / 1000),
          note: `since ${localTime(status.started_at, now)}`,
        },
      ]);
      write(id, status.journal.id);
    },
  };
}
