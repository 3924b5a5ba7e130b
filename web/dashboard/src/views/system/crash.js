/** How an actor crashed last, with the traceback: what an actor opens to. */

import { ago, whole } from '../../core/format.js';
import { localTime } from '../../core/past.js';
import { makeAlert } from '../../ui/alert.js';
import { make, show, write } from '../../ui/dom.js';

/**
 * @typedef {{path: string, error: string, traceback: string, at: number, crashes: number, restarts: number,
 *   since: number}} LastCrash as in web/machinery.py
 */

/** Milliseconds in nanoseconds. */
const MS = 1e6;

/** @param {import('../../ui/view.js').Page} page @param {() => void} close */
export function makeCrash(page, close) {
  const title = make('h4');
  const shut = make('button', 'push', 'Close');
  shut.type = 'button';
  shut.addEventListener('click', close);
  const facts = make('p', 'quiet');
  const error = make('p', 'error system-error');
  const code = make('code');
  const text = make('pre', '', code);
  text.tabIndex = 0;
  text.setAttribute('aria-label', 'Traceback');
  const words = make('p');
  const command = make(
    'div',
    'command',
    make('pre', '', make('code', '', 'forebay journal dump DATA --kind actor-crashed --json')),
  );
  const alert = makeAlert();
  const element = make(
    'div',
    'system-crash',
    make('div', 'system-crash-head', title, shut),
    words,
    facts,
    error,
    text,
    command,
    alert.element,
  );

  let path = '';
  /** What the status said of it when it was asked about: with more it is asked again. */
  let known = '';
  let controller = new AbortController();
  /** @type {'asking' | 'none' | 'failed' | LastCrash} */
  let answer = 'asking';

  const ask = async () => {
    controller.abort();
    const mine = new AbortController();
    controller = mine;
    try {
      const way = path.split('/').map(encodeURIComponent).join('/');
      const found = await page.api.get(`api/actors/${way}/crash`, { signal: mine.signal });
      if (mine.signal.aborted) return;
      answer = /** @type {LastCrash | null} */ (found) ?? 'none';
    } catch (problem) {
      if (mine.signal.aborted) return;
      answer = answer === 'asking' || answer === 'none' ? 'failed' : answer;
      alert.say(/** @type {Error} */ (problem).message, ask);
      page.changed();
      return;
    }
    alert.hide();
    page.changed();
  };

  return {
    element,
    /** @param {string} next the actor to show, '' for none */
    enter(next) {
      if (next === path) return;
      path = next;
      known = '';
      answer = 'asking';
      controller.abort();
      alert.hide();
    },
    /** The status speaks of the actor that is shown. @param {import('../../core/frames.js').ActorStatus} actor */
    heard(actor) {
      const told = `${actor.path} ${actor.restarts} ${actor.last_error} ${actor.state}`;
      if (told === known) return;
      known = told;
      ask();
    },
    leave() {
      controller.abort();
      path = '';
    },
    /** @param {number} now */
    show(now) {
      write(title, path === '/' ? 'The root supervisor' : path);
      const crash = typeof answer === 'string' ? null : answer;
      write(
        words,
        answer === 'asking'
          ? 'Asking how it crashed last…'
          : answer === 'none'
            ? 'It has not crashed since the journal began.'
            : crash && !crash.traceback
              ? `It crashed last before this process started (${ago(now - crash.since / MS)}). The journal has the traceback, for as long as it keeps that segment; DATA is the data directory:`
              : '',
      );
      show(words, words.textContent !== '');
      show(facts, crash !== null);
      show(error, crash !== null);
      show(text, Boolean(crash?.traceback));
      show(command, crash !== null && !crash.traceback);
      if (crash === null) return;
      write(
        facts,
        `Crashed ${ago(now - crash.at / MS)}, ${localTime(crash.at, now)}. ${whole(crash.crashes)} ${crash.crashes === 1 ? 'crash' : 'crashes'} and ${whole(crash.restarts)} ${crash.restarts === 1 ? 'restart' : 'restarts'} since the journal began.`,
      );
      write(error, crash.error);
      write(code, crash.traceback);
    },
  };
}
