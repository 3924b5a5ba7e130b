/** What the view of sessions is made of: the sentence, the choices, and what stands where there is nobody. */

import { whole } from '../../core/format.js';
import { makeAlert } from '../../ui/alert.js';
import { make, mark, show, write } from '../../ui/dom.js';

/**
 * @typedef {import('../../core/session-tracker.js').Which} Which
 * @typedef {import('../../core/session-tracker.js').Sort} Sort
 * @typedef {{which: Which, text: string, sort: Sort}} Wanted
 */

/** @type {Record<Which, string>} */
const KINDS = { all: 'All', sending: 'Sending', silent: 'Silent', past: 'Past' };
/** Milliseconds after the last key before the list is filtered. */
const TYPING = 200;

/** @param {(change: Partial<Wanted>) => void} go */
function makeChoice(go) {
  const counts = /** @type {Record<Which, HTMLElement>} */ ({});
  const buttons = /** @type {[Which, string][]} */ (Object.entries(KINDS)).map(([which, text]) => {
    counts[which] = make('span', 'sessions-count');
    const button = make('button', '', text, counts[which]);
    button.type = 'button';
    button.addEventListener('click', () => go({ which }));
    return { which, button };
  });
  const group = make('div', 'choice', ...buttons.map(({ button }) => button));
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', 'Which senders');
  const filter = make('input', 'push');
  Object.assign(filter, { type: 'search', placeholder: 'Filter…', autocomplete: 'off', spellcheck: false });
  filter.setAttribute('aria-label', 'Filter by source or session');
  let timer = 0;
  filter.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => go({ text: filter.value.trim() }), TYPING);
  });
  return {
    group,
    filter,
    /** @param {Wanted} wanted */
    set({ which, text }) {
      for (const each of buttons) mark(each.button, 'aria-pressed', String(each.which === which));
      if (filter.value.trim() !== text) filter.value = text;
    },
    /** @param {Record<Which, number>} numbers */
    count(numbers) {
      for (const { which } of buttons) write(counts[which], ` ${whole(numbers[which])}`);
    },
  };
}

/** @param {(change: Partial<Wanted>) => void} go */
export function makeParts(go) {
  const sentence = make('p', 'sessions-sentence dot');
  const choice = makeChoice(go);
  const failures = [makeAlert(), makeAlert()];
  for (const { element } of failures) element.classList.add('sessions-failure');
  const scroll = make('div', 'scroll');
  const loading = make('p', 'note', 'Asking who sends…');
  const none = make('p', 'note');
  const more = make('button', '', 'Show more');
  more.type = 'button';
  const rest = make('p', 'note', more);
  const forgotten = make('p', 'note');
  const example = '{"name": "training.loss", "value": 0.42, "source": "worker-1", "session": "run-17"}';
  const command = make('pre', '', make('code', '', example));
  command.tabIndex = 0;
  command.setAttribute('aria-label', 'An example');
  const empty = make(
    'div',
    'empty',
    make('h3', '', 'Nobody has sent yet'),
    make(
      'p',
      '',
      'Whoever sends metrics appears here by itself: by its source, and by its session where it gives one.',
    ),
    make('div', 'command', command),
  );
  for (const hidden of [scroll, none, rest, forgotten, empty]) show(hidden, false);
  const card = make(
    'section',
    'card',
    make('div', 'bar', choice.group, choice.filter),
    ...failures.map(({ element }) => element),
    ...[scroll, loading, none, rest, empty, forgotten],
  );
  card.setAttribute('aria-label', 'Senders');
  const element = make('div', 'sessions stack', make('h2', 'unseen', 'Sessions'), sentence, card);
  return {
    element,
    ...{ sentence, choice, failures, scroll, loading, none, more, rest, empty, forgotten },
    /** Forebay has said who sends. */
    known: false,
    /** @type {(() => void) | null} ends the listening to live metrics */
    listening: null,
  };
}
