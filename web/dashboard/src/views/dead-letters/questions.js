/** What is asked before several dead letters are redriven or discarded: how many they are, and how. */

import { bodyOf, lettersOf, rateOf, redriveWords } from '../../core/letters.js';
import { make, show, write } from '../../ui/dom.js';
import { ask } from './ask.js';
import { download } from './download.js';
import { read } from './listing.js';

/**
 * @typedef {import('../../core/letters.js').Letter} Letter
 * @typedef {import('../../core/letters.js').Bulk} Bulk
 * @typedef {import('../../core/letters.js').Filter} Filter
 * @typedef {{filter: Filter, selected: ReadonlyMap<number, Letter> | null}} Meant the selected ones, or all that
 *   match
 */

/** Letters named in one request, at most. */
const IDS = 10_000;
const ALL = Number.POSITIVE_INFINITY;

/** @param {Meant} meant */
const which = ({ filter, selected }) => (selected ? { ids: [...selected.keys()] } : bodyOf(filter));

/** How many letters a question is about, to be written once they are counted, and what comes of it. */
const makeWords = (/** @type {string} */ hint) => ({
  sentence: make('p', '', 'Counting…'),
  hint: make('p', 'quiet', hint),
});

/**
 * The letters that are meant, as they are now.
 * @param {import('../../net/api.js').Api} api
 * @param {Meant} meant
 * @param {AbortSignal} signal
 * @returns {Promise<ReadonlyMap<number, Letter>>}
 */
async function lettersMeant(api, { filter, selected }, signal) {
  if (selected) return selected;
  const { letters } = await read(api, filter, ALL, signal);
  return new Map(letters.map((letter) => [letter.id, letter]));
}

/**
 * @param {import('../../ui/view.js').Page} page
 * @param {HTMLElement} beside
 */
export function makeQuestions({ api, settings, model }, beside) {
  return {
    /**
     * Ask how many would go, and at which rate they are to.
     * @param {Meant} meant
     * @param {(before: ReadonlyMap<number, Letter>) => void} begun they are on their way
     */
    redrive(meant, begun) {
      const { sentence, hint } = makeWords(
        'Those that are refused again stay, with the error that they get then.',
      );
      const rate = make('input', 'number');
      Object.assign(rate, { type: 'text', inputMode: 'decimal', autocomplete: 'off' });
      rate.value = settings.get('redrive.rate', '500');
      const field = make('label', 'field rate', 'At most, a second (empty: as fast as they go)', rate);
      let count = -1;
      const stores = new Set([...(meant.selected?.values() ?? [])].map(({ store }) => store));
      for (const { name } of meant.selected ? [] : (model().state.status?.stores ?? [])) stores.add(name);
      const store = meant.filter.store || (stores.size === 1 ? [...stores][0] : '');
      const say = () => {
        const chosen = rateOf(rate.value);
        const wrong = Number.isNaN(chosen);
        question.fail(wrong ? 'The rate must be a number above 0, or empty.' : '');
        question.allow(!wrong && count > 0);
        if (count < 0 || wrong) return;
        write(sentence, count ? redriveWords(count, store, chosen) : 'None of them waits any more.');
      };
      const question = ask(beside, {
        title: 'Redrive',
        parts: [sentence, hint, field],
        yes: 'Redrive',
        prepare: async (signal) => {
          const body = { ...which(meant), dry_run: true };
          const counted = /** @type {Bulk} */ (
            await api.send('POST', 'api/dead-letters/redrive', body, { signal })
          );
          count = counted.matched;
          say();
        },
        act: async (signal) => {
          const chosen = rateOf(rate.value);
          const before = await lettersMeant(api, meant, signal);
          settings.set('redrive.rate', rate.value.trim());
          // Not taken back by closing the dialog: it may be under way already.
          await api.send('POST', 'api/dead-letters/redrive', {
            ...which(meant),
            ...(chosen === null ? {} : { rate: chosen }),
          });
          begun(before);
        },
      });
      rate.addEventListener('input', say);
      return question.closed;
    },

    /**
     * Ask whether they are to be given up. Those that were counted, and no others, are.
     * @param {Meant} meant
     * @param {(count: number) => void} done
     */
    discard(meant, done) {
      const { sentence, hint } = makeWords(
        'The database will never have them. The journal keeps them until its segments are retired.',
      );
      const kept = make('p', 'quiet');
      const keep = make('button', 'push', 'Download them first');
      keep.type = 'button';
      show(keep, false);
      /** @type {number[]} */
      let ids = [];
      const question = ask(beside, {
        title: 'Discard for good?',
        parts: [sentence, hint, kept],
        others: [keep],
        yes: 'Discard',
        danger: true,
        prepare: async (signal) => {
          ids = [...(await lettersMeant(api, meant, signal)).keys()];
          const those = ids.length === 1 ? 'This one' : 'These';
          write(
            sentence,
            ids.length ? `${those}, ${lettersOf(ids.length)}, will be gone.` : 'None waits any more.',
          );
          question.rename(`Discard ${lettersOf(ids.length)}`);
          question.allow(ids.length > 0);
          show(keep, ids.length > 0);
          keep.onclick = async () => {
            keep.disabled = true;
            // What is gone cannot be kept any more.
            question.allow(false);
            const count = await download(
              api,
              ids,
              (n) => write(kept, `Reading ${n} of ${ids.length}…`),
              signal,
            ).catch((error) => {
              if (!signal.aborted) write(kept, error.message);
              return null;
            });
            keep.disabled = false;
            question.allow(true);
            if (count !== null) write(kept, `Downloaded: ${lettersOf(count)}, one a line.`);
          };
        },
        act: async () => {
          let count = 0;
          for (let at = 0; at < ids.length; at += IDS) {
            const body = { ids: ids.slice(at, at + IDS) };
            count += /** @type {Bulk} */ (await api.send('POST', 'api/dead-letters/discard', body)).matched;
          }
          done(count);
        },
      });
      return question.closed;
    },
  };
}
