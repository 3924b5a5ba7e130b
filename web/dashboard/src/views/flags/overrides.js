/** Sessions that have a value of their own, whatever is decided for all. */

import { choices, parse, words } from '../../core/flags.js';
import { whole } from '../../core/format.js';
import { columnHead, make, mark, reconcile, show, write } from '../../ui/dom.js';
import { makeField, makeSessionHead, makeValue, problemAt } from './fields.js';

const SHOWN = 50;

/** @typedef {import('../../core/flags.js').FlagDetails} FlagDetails */

/**
 * @param {import('../../ui/view.js').Page} page
 * @param {() => Promise<void>} reload
 */
export function makeOverrides(page, reload) {
  /** @type {FlagDetails | null} */
  let flag = null;
  let value = '';
  const input = make('input');
  input.maxLength = 255;
  input.spellcheck = false;
  input.autocomplete = 'off';
  input.value = page.session;
  const session = makeField('Session: this browser’s own, unless you write another', input);
  const choice = makeValue('Its value', (text) => {
    value = text;
    choice.set(text);
    choice.fail('');
  });
  const set = make('button', '', 'Set for this session');
  set.type = 'submit';
  const failure = make('p', 'error');
  const form = make(
    'form',
    'flags-form',
    session.element,
    choice.element,
    failure,
    make('div', 'actions', set),
  );
  form.noValidate = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!flag) return;
    const of = input.value.trim();
    session.fail(of === '' ? 'Write whose value it is to be.' : '');
    const parsed = parse(flag.definition, value);
    choice.fail('problem' in parsed ? parsed.problem : '');
    if (of !== '' && 'value' in parsed) send(of, parsed.value);
  });
  const body = make('tbody');
  const heads = ['Session', 'Gets', make('span', 'unseen', 'Remove')].map((text) => columnHead('', text));
  const table = make('table', '', make('thead', '', make('tr', '', ...heads)), body);
  table.setAttribute('aria-label', 'Sessions with a value of their own');
  const rest = make('p', 'note');
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();

  /** @param {string} of @param {unknown} to null: what all others get */
  const send = async (of, to) => {
    if (!flag) return;
    write(failure, '');
    try {
      const change = { session: of, value: to, by: page.settings.get('by', '') };
      await page.api.send('PUT', `api/flags/${encodeURIComponent(flag.name)}`, change);
      page.announce(
        to === null ? 'Removed: the session gets what all others get.' : 'Set: it is in the journal.',
      );
      await reload();
    } catch (error) {
      const { field, text } = problemAt(error);
      if (field === 'session') session.fail(text);
      else if (field === 'value') choice.fail(text);
      else write(failure, text);
      page.changed();
    }
  };

  /** @param {[string, import('../../core/flags.js').FlagValue]} first */
  const makeRow = ([of]) => {
    const name = makeSessionHead(of, page.session);
    const gets = make('td', 'flags-given');
    const remove = make('button', '', 'Remove');
    remove.type = 'button';
    mark(remove, 'aria-label', `Remove the value of session ${of}`);
    remove.addEventListener('click', () => {
      send(of, null);
      input.focus(); // the button goes with its row
    });
    return {
      element: make('tr', '', name, gets, make('td', 'number', remove)),
      /** @param {[string, import('../../core/flags.js').FlagValue]} override */
      update([, own]) {
        write(gets, words(own));
      },
    };
  };

  const element = make(
    'section',
    'card',
    make('div', 'bar', make('h3', '', 'One session’s own value')),
    make('div', 'flags-body', form),
    table,
    rest,
  );
  element.setAttribute('aria-label', 'One session’s own value');

  return {
    element,
    /** @param {FlagDetails} next */
    show(next) {
      if (flag?.name !== next.name) {
        value = String(next.overrides[page.session] ?? next.value);
        choice.choose(choices(next.definition), next.definition.type);
        choice.set(value);
        choice.fail('');
        write(failure, '');
      }
      flag = next;
      show(failure, failure.textContent !== '');
      const all = Object.entries(flag.overrides).reverse();
      show(table, all.length > 0);
      show(rest, all.length > SHOWN);
      write(rest, `These are the ${SHOWN} set last, of ${whole(all.length)}.`);
      reconcile(body, rows, all.slice(0, SHOWN), ([of]) => of, makeRow);
    },
  };
}
