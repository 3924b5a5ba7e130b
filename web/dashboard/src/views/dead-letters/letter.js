/** One dead letter in full, in a dialog: why it is one, its metric, and what can be done with it. */

import { ago, NONE, whole } from '../../core/format.js';
import { CAUSES, why } from '../../core/letters.js';
import { member, pretty } from '../../core/raw-json.js';
import { make, show, write } from '../../ui/dom.js';
import { address } from '../../ui/router.js';
import { makeEdit } from './edit.js';

/** @typedef {import('../../core/letters.js').Letter} Letter */

/** Milliseconds before and after a letter that Explore is to show. */
const AROUND = 900_000;

/** @param {number} time */
const when = (time) =>
  time ? `${new Date(time / 1e6).toLocaleString()} (${ago(Date.now() - time / 1e6)})` : NONE;

/**
 * @param {import('../../ui/view.js').Page} page
 * @param {{
 *   closed: () => void,
 *   redrive: (letter: Letter, metric: string | null) => Promise<string>,
 *   discard: (letter: Letter) => void,
 *   done: (words: string) => void,
 * }} acts `redrive` returns what became of it, in words, or throws the refusal; `done`: it has left, or is queued
 */
export function makeLetter(page, { closed, redrive, discard, done }) {
  const title = make('h3', 'clip');
  title.id = 'dead-letters-title';
  title.tabIndex = -1;
  const close = make('button', 'icon', '✕');
  close.type = 'button';
  close.setAttribute('aria-label', 'Close');
  const body = make('div', 'body');
  const dialog = make('dialog', 'dead-letters-letter', make('div', 'head', title, close), body);
  dialog.setAttribute('aria-labelledby', title.id);
  close.addEventListener('click', () => dialog.close());
  let reading = new AbortController();
  let quietly = false;
  let open = '';
  /** Nanoseconds, every digit of them. */
  let acceptedAt = '';
  dialog.addEventListener('close', () => {
    reading.abort();
    open = '';
    if (!quietly) closed();
    quietly = false;
  });

  /** @param {string} id */
  const read = async (id) => {
    reading.abort();
    const mine = new AbortController();
    reading = mine;
    try {
      const text = await page.api.text('GET', `api/dead-letters/${id}`, undefined, { signal: mine.signal });
      if (mine.signal.aborted) return;
      acceptedAt = member(text, 'accepted_at') ?? '';
      present(JSON.parse(text), member(text, 'metric'));
    } catch (error) {
      if (!mine.signal.aborted) missing(id, error instanceof Error ? error.message : String(error));
    }
  };

  /** @param {string} id @param {string} message */
  const missing = (id, message) => {
    write(title, `Dead letter ${id}`);
    const again = make('button', '', 'Try again');
    again.type = 'button';
    again.addEventListener('click', () => read(id));
    body.replaceChildren(make('p', 'alert', message), make('div', 'actions', again));
  };

  /** @param {Letter} letter @param {string | null} metric @param {string} [problem] */
  const present = (letter, metric, problem = '') => {
    write(title, letter.name);
    title.title = letter.name;
    const alert = make('p', 'alert', problem);
    alert.setAttribute('role', 'alert');
    show(alert, problem !== '');
    const buttons = ['Discard…', 'Edit…', 'Redrive'].map((text, index) => {
      const button = make('button', ['danger', '', 'main'][index], text);
      button.type = 'button';
      button.disabled = Boolean(letter.redriving);
      return button;
    });
    const [away, edit, again] = buttons;
    away.addEventListener('click', () => discard(letter));
    edit.addEventListener('click', () => change(letter, metric));
    again.disabled ||= metric === null;
    again.addEventListener('click', async () => {
      for (const button of buttons) button.disabled = true;
      write(again, 'Redriving…');
      try {
        done(await redrive(letter, null));
      } catch (error) {
        refused(letter, metric, error);
      }
    });
    body.replaceChildren(alert, ...described(letter, metric), make('div', 'actions', ...buttons));
  };

  /** The letter as it stands after it was refused once more. @param {Letter} letter @param {string | null} metric @param {unknown} error */
  const refused = (letter, metric, error) => {
    if (!dialog.open || open !== String(letter.id)) return;
    const { message, problem } = /** @type {import('../../net/api.js').ApiError} */ (error);
    const now = /** @type {Letter | undefined} */ (problem?.letter);
    present(now ?? letter, metric, now ? `Refused again, and kept: ${message}` : message);
    title.focus();
  };

  /** @param {Letter} letter @param {string | null} metric */
  const change = (letter, metric) => {
    const measured = metric === null ? null : member(metric, 'time');
    const time = {
      time: measured ?? acceptedAt,
      changeable: letter.cause === 'out-of-range',
    };
    const form = makeEdit(metric, time, {
      cancel() {
        present(letter, metric);
        title.focus();
      },
      send: async (edited) => {
        done(await redrive(letter, edited));
      },
    });
    body.replaceChildren(
      make('p', 'quiet', 'Sent to its store in place of the metric as it came. The journal keeps that one.'),
      make('p', 'error-whole', letter.error),
      form.element,
    );
    form.focus();
  };

  return {
    element: dialog,
    /** Show the letter `id`. @param {string} id */
    open(id) {
      if (open === id) return;
      open = id;
      write(title, 'Dead letter');
      body.replaceChildren(make('p', 'quiet', 'Reading…'));
      if (!dialog.open) dialog.showModal();
      title.focus();
      read(id);
    },
    /** Close without a word. */
    close() {
      if (!dialog.open) return;
      quietly = true;
      dialog.close();
    },
  };
}

/** @param {Letter} letter @param {string | null} metric @returns {Node[]} */
function described(letter, metric) {
  const helps = letter.weather ? '' : (CAUSES[letter.cause]?.helps ?? CAUSES.refused.helps);
  /** @type {[string, string][]} */
  const facts = [
    ['Cause', letter.weather ? 'weather' : letter.cause],
    ['Store', letter.store],
    ['Tried', `${whole(letter.attempts)} ${letter.attempts === 1 ? 'time' : 'times'}`],
    ['Accepted', when(letter.accepted_at)],
    ['First refused', when(letter.first_failed_at)],
    ['Last refused', when(letter.last_failed_at)],
    ['Offset in the journal', whole(letter.offset)],
    ['Dead letter', whole(letter.id)],
  ];
  const payload = make('pre', 'payload', make('code', '', metric === null ? '' : pretty(metric)));
  payload.tabIndex = 0;
  payload.setAttribute('aria-label', 'The metric as it came');
  const lost = make(
    'p',
    'alert',
    'A damage took this metric, and no journal has it any more. Redrive it with an edit that says what it was, or discard it.',
  );
  const links = make(
    'p',
    'links',
    make('a', '', 'Explore this metric'),
    make('a', '', 'The system when it was accepted'),
  );
  const [explore, time] = links.querySelectorAll('a');
  const accepted = Math.round(letter.accepted_at / 1e6);
  explore.href = address('explore', {
    name: letter.name,
    source: letter.source,
    from: String(accepted - AROUND),
    to: String(accepted + AROUND),
  });
  time.href = address('time', { offset: String(letter.offset) });
  return [
    make('p', 'why', why(letter)),
    make('p', 'quiet', letter.redriving ? 'It is on its way to its store now.' : helps),
    make('h4', '', 'What the store said'),
    make('p', 'error-whole', letter.error),
    make(
      'dl',
      'facts',
      ...facts.map(([name, value]) => make('div', '', make('dt', '', name), make('dd', '', value))),
    ),
    make('h4', '', 'The metric as it came'),
    metric === null ? lost : payload,
    links,
  ];
}
