/** What the view of dead letters is made of, as it stands before there is anything to show. */

import { ago, NONE, whole } from '../../core/format.js';
import { expiryWords } from '../../core/letters.js';
import { makeAlert } from '../../ui/alert.js';
import { make, mark, show, write } from '../../ui/dom.js';

export const EMPTY_WORDS =
  'When a store can never take a metric as it is (a rule of its table, a text that it cannot hold), that one is put aside here with the reason, and all others are stored. You can then mend and redrive it, or discard it.';
const OFF =
  'The dead-letter queue is switched off (METRICS_PERSISTER_DLQ_ENABLED, RESILIENCE_DLQ_ENABLED). A metric that its store can never take blocks that store, and everything behind it waits in the journal. Dead letters from before stay on the disk, and are here again once it is switched on.';
const LABELS = ['Waiting', 'The oldest', 'Redriven', 'Given up'];

function makeFigures() {
  const tiles = LABELS.map((label) => {
    const value = make('dd', 'value', NONE);
    const note = make('dd', 'quiet');
    return { value, note, element: make('div', '', make('dt', '', label), value, note) };
  });
  return {
    element: make('dl', 'figures', ...tiles.map(({ element }) => element)),
    first: tiles[0].value,
    /** @param {[string, string][]} texts value and note of each */
    show(texts) {
      texts.forEach(([value, note], index) => {
        write(tiles[index].value, value);
        write(tiles[index].note, note);
      });
    },
  };
}

/** @param {string} className @param {string} text */
const button = (className, text) => {
  const made = make('button', className, text);
  made.type = 'button';
  return made;
};

export function makeParts() {
  const figures = makeFigures();
  const off = make('p', 'alert', OFF);
  off.dataset.tone = 'busy';
  const failure = makeAlert();
  failure.element.classList.add('dead-letters-failure');
  const count = make('span', 'quiet');
  const chosen = make('span', 'dead-letters-chosen');
  const selectAll = button('', '');
  const forget = button('', 'Clear the selection');
  const redrive = button('', 'Redrive all…');
  const discard = button('danger', 'Discard all…');
  const fill = make('span', 'fill');
  const way = make('span', 'quiet');
  const progress = make('div', 'dead-letters-progress', make('span', 'gauge', fill), way);
  const notice = make('p', 'dead-letters-notice');
  notice.tabIndex = -1;
  const title = make('h3', '', 'What waits');
  const acts = make('div', 'dead-letters-acts', redrive, discard);
  const bar = make('div', 'bar', title, count, progress);
  const choosing = make('div', 'dead-letters-choosing', chosen, selectAll, forget, notice, acts);
  const scroll = make('div', 'scroll');
  const loading = make('p', 'note', 'Reading…');
  const more = button('', 'Show more');
  const rest = make('p', 'note', more);
  const emptyTitle = make('h4');
  const emptyWords = make('p');
  const empty = make('div', 'empty', emptyTitle, emptyWords);
  const card = make('section', 'card', choosing, failure.element, scroll, loading, rest, empty);
  card.setAttribute('aria-label', 'What waits');
  redrive.disabled = discard.disabled = true;
  for (const hidden of [off, selectAll, forget, scroll, rest, empty]) show(hidden, false);
  /** @param {import('../../core/frames.js').DeadLetterStatus} queue @param {number} now */
  const showQueue = (queue, now) => {
    const { pending, limit, oldest_at, expires_at, redriven, discarded, expired, enabled } = queue;
    figures.show([
      [
        whole(pending),
        limit > 0 ? `of at most ${whole(limit)}; then the oldest make room` : 'kept to be looked at',
      ],
      [
        pending && oldest_at ? ago(now - oldest_at / 1e6) : NONE,
        expiryWords(pending ? (expires_at ?? 0) : 0, now),
      ],
      [whole(redriven), 'back into their store'],
      [whole(discarded + expired), `${whole(discarded)} by hand, ${whole(expired)} for age or number`],
    ]);
    mark(figures.first, 'data-tone', limit > 0 && pending > 0.8 * limit ? 'bad' : pending ? 'busy' : '');
    show(off, !enabled);
    show(figures.element, enabled);
    show(card, enabled);
  };
  return {
    showQueue,
    element: make(
      'div',
      'dead-letters stack',
      make('h2', 'unseen', 'Dead letters'),
      off,
      figures.element,
      card,
    ),
    ...{
      figures,
      off,
      failure,
      count,
      chosen,
      selectAll,
      forget,
      redrive,
      discard,
      fill,
      way,
    },
    ...{ acts, progress, notice, bar, scroll, loading, more, rest, empty, emptyTitle, emptyWords, card },
  };
}
