/** A question in a dialog: what would happen, and the button that lets it happen. Escape and Cancel do nothing. */

import { make, show, write } from '../../ui/dom.js';

let made = 0;

/**
 * Ask, and return when the dialog is closed.
 * @param {HTMLElement} beside where the dialog is put, for as long as it is open
 * @param {{
 *   title: string,
 *   parts: readonly Node[],
 *   others?: readonly HTMLButtonElement[],
 *   yes: string,
 *   danger?: boolean,
 *   prepare?: (signal: AbortSignal) => Promise<void>,
 *   act: (signal: AbortSignal) => Promise<void>,
 * }} question `prepare` is awaited before the button can be pressed; `act` is what it does: the dialog closes
 *   when that is done, and shows why it could not be, otherwise
 * @returns {{closed: Promise<void>, rename: (yes: string) => void, allow: (allowed: boolean) => void,
 *   fail: (why: string) => void}}
 */
export function ask(beside, { title, parts, others = [], yes, danger = false, prepare, act }) {
  const ending = new AbortController();
  const heading = make('h3', '', title);
  heading.id = `dead-letters-question-${made++}`;
  const problem = make('p', 'alert');
  problem.setAttribute('role', 'alert');
  show(problem, false);
  const cancel = make('button', '', 'Cancel');
  const go = make('button', danger ? 'danger' : 'main', yes);
  cancel.type = 'button';
  const form = make('form', 'dead-letters-question', heading, ...parts, problem);
  form.append(make('div', 'actions', ...others, cancel, go));
  form.noValidate = true;
  const dialog = make('dialog', '', form);
  dialog.setAttribute('aria-labelledby', heading.id);

  const fail = (/** @type {unknown} */ error) => {
    if (ending.signal.aborted) return;
    write(problem, error instanceof Error ? error.message : String(error));
    show(problem, error !== '');
  };
  let ready = !prepare;
  let allowed = true;
  let acting = false;
  const able = () => {
    go.disabled = !ready || !allowed || acting;
  };
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    acting = true;
    able();
    fail('');
    try {
      await act(ending.signal);
      dialog.close();
    } catch (error) {
      fail(error);
    } finally {
      acting = false;
      able();
    }
  });
  cancel.addEventListener('click', () => dialog.close());
  const closed = new Promise((/** @type {(value: void) => void} */ done) => {
    dialog.addEventListener('close', () => {
      ending.abort();
      dialog.remove();
      done();
    });
  });
  able();
  beside.append(dialog);
  dialog.showModal();
  cancel.focus();
  prepare?.(ending.signal).then(
    () => {
      ready = true;
      able();
    },
    (error) => fail(error),
  );
  return {
    closed,
    rename: (text) => write(go, text),
    allow(value) {
      allowed = value;
      able();
    },
    fail,
  };
}
