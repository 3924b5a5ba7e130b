/** Fields of the forms of flags: a label, what is typed or chosen, and what is wrong with it. */

import { words } from '../../core/flags.js';
import { ApiError } from '../../net/api.js';
import { make, mark, show, write } from '../../ui/dom.js';

let made = 0;

/**
 * `input` with its label and a place for what is wrong.
 * @param {string} text
 * @param {HTMLInputElement | HTMLSelectElement} input
 */
export function makeField(text, input) {
  made += 1;
  const error = make('span', 'error');
  error.id = `flags-error-${made}`;
  error.hidden = true;
  input.setAttribute('aria-describedby', error.id);
  return {
    element: make('div', 'flags-field', make('label', 'field', make('span', '', text), input), error),
    /** @param {string} problem '' for none */
    fail(problem) {
      write(error, problem);
      show(error, problem !== '');
      mark(input, 'aria-invalid', String(problem !== ''));
      if (problem) input.focus();
    },
  };
}

/**
 * A value of a flag: one of several, as buttons, or what is typed.
 * @param {string} label
 * @param {(text: string) => void} changed with the value as text
 */
export function makeValue(label, changed) {
  made += 1;
  const caption = make('span', 'quiet', label);
  caption.id = `flags-value-${made}`;
  const group = make('span', 'choice');
  group.setAttribute('role', 'group');
  group.setAttribute('aria-labelledby', caption.id);
  const input = make('input');
  input.setAttribute('aria-labelledby', caption.id);
  input.addEventListener('input', () => changed(input.value));
  const error = make('span', 'error');
  error.id = `flags-value-error-${made}`;
  error.hidden = true;
  input.setAttribute('aria-describedby', error.id);
  /** @type {Map<string, HTMLButtonElement>} */
  let buttons = new Map();
  return {
    element: make('div', 'flags-field flags-value', caption, group, input, error),
    /** Offer `values`; null: anything that is of `type`. @param {string[] | null} values @param {string} type */
    choose(values, type) {
      show(group, values !== null);
      show(input, values === null);
      input.inputMode = type === 'string' ? 'text' : 'decimal';
      buttons = new Map((values ?? []).map((value) => [value, makeChoice(value)]));
      group.replaceChildren(...buttons.values());
    },
    /** @param {string} value */
    set(value) {
      for (const [each, button] of buttons) mark(button, 'aria-pressed', String(each === value));
      if (document.activeElement !== input && input.value !== value) input.value = value;
    },
    /** @param {string} problem '' for none */
    fail(problem) {
      write(error, problem);
      show(error, problem !== '');
      mark(input, 'aria-invalid', String(problem !== ''));
    },
  };

  /** @param {string} value */
  function makeChoice(value) {
    const text = value === 'true' ? words(true) : value === 'false' ? words(false) : words(value);
    const button = make('button', '', text);
    button.type = 'button';
    button.addEventListener('click', () => changed(value));
    return button;
  }
}

/**
 * The head of a row about `session`, cut off where there is no room for it.
 * @param {string} session
 * @param {string} own this browser's
 */
export function makeSessionHead(session, own) {
  const text = make('div', 'mono clip', session);
  text.title = session;
  const head = make('th', 'flags-session', text);
  head.scope = 'row';
  if (session === own) head.append(make('span', 'badge', 'this browser'));
  return head;
}

/**
 * What the server said against a change, and of which field.
 * @param {unknown} error
 * @returns {{field: string, text: string}}
 */
export function problemAt(error) {
  const text = error instanceof Error ? error.message : String(error);
  const errors = error instanceof ApiError && Array.isArray(error.problem.errors) ? error.problem.errors : [];
  const first = errors[0];
  return first?.field ? { field: first.field, text: first.reason ?? text } : { field: '', text };
}
