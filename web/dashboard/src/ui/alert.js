/** What went wrong, in a sentence, and a button that tries again where that can help. */

import { make, mark, show, write } from './dom.js';

/** An alert; there is none before `say`. */
export function makeAlert() {
  const sentence = make('p');
  const retry = make('button', '', 'Try again');
  retry.type = 'button';
  /** @type {(() => void) | null} */
  let again = null;
  retry.addEventListener('click', () => again?.());
  const element = make('div', 'alert retry', sentence, retry);
  show(element, false);
  return {
    element,
    isShown: () => !element.hidden,
    /** @param {string} text @param {(() => void) | null} retrying @param {'bad' | 'busy'} [tone] */
    say(text, retrying, tone = 'bad') {
      again = retrying;
      write(sentence, text);
      mark(element, 'data-tone', tone);
      show(retry, retrying !== null);
      show(element, true);
    },
    hide() {
      show(element, false);
    },
  };
}
