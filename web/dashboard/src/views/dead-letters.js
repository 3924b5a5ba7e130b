/** Dead letters: what a store can never take as it is, why, and what is to become of it. */

import { whole } from '../core/format.js';
import { filterOf, isAll, lettersOf, lostWords, matches, reselect, sameFilter } from '../core/letters.js';
import { mark, show, write } from '../ui/dom.js';
import { address } from '../ui/router.js';
import { makeFilter } from './dead-letters/filter.js';
import { makeLetter } from './dead-letters/letter.js';
import { makeListing, read } from './dead-letters/listing.js';
import { EMPTY_WORDS, makeParts } from './dead-letters/parts.js';
import { makeQuestions } from './dead-letters/questions.js';
import { makeRun } from './dead-letters/run.js';
import { makeTable } from './dead-letters/table.js';
import './dead-letters.css';

/**
 * @typedef {import('../core/letters.js').Letter} Letter
 * @typedef {import('../core/letters.js').Filter} Filter
 */

const NAME = 'dead-letters';
/** Milliseconds between two readings of a list that changes by itself. */
const SETTLE = 2_000;
const ANY = filterOf(new URLSearchParams());

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  const parts = makeParts();
  /** @type {import('./dead-letters/listing.js').Listed | null} */
  let listed = null;
  let filter = ANY;
  /** What `listed` was read with: nothing is done to what is not in sight. */
  let listedBy = ANY;
  /** @type {Map<number, Letter>} */
  let selected = new Map();
  let allThatMatch = false;
  let seen = '';
  let readAt = -Infinity;
  let second = 0;

  /** @param {string} words */
  const tell = (words) => {
    write(parts.notice, words);
    if (words) page.announce(words);
  };
  /** @param {Filter} wanted @param {string} [id] */
  const params = (wanted, id = '') => ({ ...wanted, id });
  const go = (/** @type {Filter} */ wanted, id = '') => page.go(NAME, params(wanted, id));

  const form = makeFilter((wanted) => go(wanted));
  const table = makeTable(
    (letter, on) => {
      allThatMatch = false;
      if (on) selected.set(letter.id, letter);
      else selected.delete(letter.id);
      present();
    },
    (on) => {
      allThatMatch = false;
      selected = new Map(on ? listed?.letters.map((letter) => [letter.id, letter]) : []);
      present();
    },
  );
  const listing = makeListing(
    page.api,
    (next) => {
      const lost = reselect(selected, next.letters, next.complete, filter);
      selected = lost.selected;
      listed = next;
      listedBy = filter;
      form.suggest(next.letters);
      present();
      if (lostWords(lost)) tell(lostWords(lost));
    },
    (problem) => {
      if (!problem) return parts.failure.hide();
      parts.failure.say(problem, refresh);
      show(parts.loading, false);
      page.announce(problem);
    },
  );
  const refresh = () => {
    readAt = Date.now();
    return listing.refresh();
  };
  const readAll = async () => {
    const { letters } = await read(page.api, ANY, Number.POSITIVE_INFINITY, new AbortController().signal);
    return new Map(letters.map((letter) => [letter.id, letter]));
  };
  const run = makeRun(readAll, (words) => {
    tell(words);
    refresh();
  });
  const questions = makeQuestions(page, parts.element);

  /** @param {ReadonlyMap<number, Letter> | null} these */
  const discard = (these) =>
    questions.discard({ filter, selected: these }, (count) => {
      tell(`${lettersOf(count)} discarded.`);
      letter.close();
      if (these) for (const id of these.keys()) selected.delete(id);
      else forget();
      go(filter);
      refresh();
    });
  const closeAll = () => {
    letter.close();
    for (const question of parts.element.querySelectorAll('dialog')) question.close();
  };
  const forget = () => {
    selected = new Map();
    allThatMatch = false;
    present();
  };
  const meant = () => ({ filter, selected: selected.size && !allThatMatch ? selected : null });

  const letter = makeLetter(page, {
    closed: () => go(filter),
    redrive: async (one, metric) => {
      const body = metric === null ? undefined : `{"metric":${metric}}`;
      const text = await page.api.text('POST', `api/dead-letters/${one.id}/redrive`, body);
      const { outcome } = /** @type {import('../core/letters.js').Redriven} */ (JSON.parse(text));
      return outcome === 'queued'
        ? `Dead letter ${one.id} is queued: ${one.store} gets it once it takes metrics again.`
        : `Dead letter ${one.id} is redriven${metric === null ? '' : ' as edited'}: ${one.store} has it.`;
    },
    discard: (one) => discard(new Map([[one.id, one]])),
    done: (words) => {
      tell(words);
      letter.close();
      go(filter);
      refresh();
    },
  });

  parts.redrive.addEventListener('click', () =>
    questions.redrive(meant(), (before) => {
      run.begin(before);
      tell(`${lettersOf(before.size)} on the way to the store.`);
      forget();
      refresh();
    }),
  );
  parts.discard.addEventListener('click', () => discard(meant().selected));
  parts.more.addEventListener('click', () => listing.more());
  parts.selectAll.addEventListener('click', () => {
    allThatMatch = true;
    present();
    page.announce(`All ${whole(listed?.matched ?? 0)} that match are selected.`);
  });
  parts.forget.addEventListener('click', () => {
    forget();
    parts.redrive.focus();
  });

  const present = () => {
    if (!listed) return;
    const { letters, matched, pending, complete } = listed;
    table.show(
      letters.map((one) => ({
        letter: one,
        selected: allThatMatch || selected.has(one.id),
        address: address(NAME, params(filter, String(one.id))),
      })),
    );
    const chosen = allThatMatch ? matched : selected.size;
    write(
      parts.count,
      isAll(listedBy) ? `${whole(matched)} waiting` : `${whole(matched)} of ${whole(pending)} match`,
    );
    write(parts.chosen, chosen ? `${whole(chosen)} selected` : '');
    show(parts.selectAll, selected.size > 0 && !allThatMatch && selected.size < matched);
    write(parts.selectAll, `Select all ${whole(matched)} that match`);
    show(parts.forget, chosen > 0);
    const what =
      chosen || !matched ? whole(chosen) : isAll(listedBy) ? 'all' : `all ${whole(matched)} that match`;
    write(parts.redrive, `Redrive ${what}…`);
    write(parts.discard, `Discard ${what}…`);
    const focused = parts.acts.contains(document.activeElement);
    parts.redrive.disabled = parts.discard.disabled = matched === 0 || !sameFilter(filter, listedBy);
    if (focused && matched === 0) parts.notice.focus();
    write(parts.more, `Show more of ${whole(matched)}`);
    show(parts.rest, !complete);
    show(parts.scroll, letters.length > 0);
    show(parts.loading, false);
    show(parts.empty, matched === 0);
    write(parts.emptyTitle, isAll(listedBy) ? 'No dead letters' : 'None of the dead letters matches');
    write(
      parts.emptyWords,
      isAll(listedBy)
        ? EMPTY_WORDS
        : `${whole(pending)} wait${pending === 1 ? 's' : ''} that this filter leaves out.`,
    );
  };

  parts.card.prepend(parts.bar, form.element);
  parts.scroll.append(table.element);
  parts.element.append(letter.element);

  return {
    element: parts.element,
    enter(given) {
      const wanted = filterOf(given);
      form.set(wanted);
      if (!sameFilter(wanted, filter) || !listed) {
        closeAll(); // which were about what matched before
        const dropped = [...selected.values()].filter((one) => !matches(one, wanted)).length;
        filter = wanted;
        allThatMatch = false;
        listing.open(filter);
        present();
        if (!dropped) write(parts.notice, '');
      } else refresh();
      const id = given.get('id') ?? '';
      if (/^\d{1,19}$/.test(id)) letter.open(id);
      else letter.close();
    },
    leave() {
      closeAll();
      listing.close();
    },
    show({ state: { status }, now }) {
      const tick = Math.floor(now / 1_000);
      if (tick !== second) table.tick(now);
      second = tick;
      if (!status) return;
      const { pending, redriving, redriven, discarded, expired } = status.dead_letters;
      const figures = [pending, redriving, redriven, discarded, expired].join();
      if (figures !== seen && now - readAt > SETTLE && !listing.isReading()) {
        if (seen) refresh();
        seen = figures;
      }
      form.setStores(status.stores.map(({ name }) => name));
      parts.showQueue(status.dead_letters, now);
      const progress = run.progress(status);
      mark(parts.progress, 'data-on', String(progress !== null));
      if (progress) {
        parts.fill.style.setProperty('--fill', String(progress.of ? progress.done / progress.of : 0));
        write(
          parts.way,
          progress.own
            ? `${whole(progress.done)} of ${whole(progress.of)} sent again`
            : `${lettersOf(progress.of)} on the way to the store`,
        );
      }
    },
  };
}
