/** The form that says which dead letters are meant. What it says is in the address. */

import { CAUSES, FIELDS } from '../../core/letters.js';
import { make, show } from '../../ui/dom.js';

/**
 * @typedef {import('../../core/letters.js').Filter} Filter
 * @typedef {import('../../core/letters.js').Letter} Letter
 */

/** Suggestions in a list, at most. */
const MOST = 100;

/** @param {string} text UTC @returns {string} what `<input type="datetime-local">` takes */
const toLocal = (text) => {
  if (!text) return '';
  const time = new Date(text);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
};

/** @param {string} text of a datetime-local input */
const toUtc = (text) => (text ? new Date(text).toISOString().replace('.000Z', 'Z') : '');

/** @param {(filter: Filter) => void} chosen */
export function makeFilter(chosen) {
  const cause = make('select', '', new Option('any', ''));
  for (const name of Object.keys(CAUSES)) cause.append(new Option(name, name));
  const store = make('select', '', new Option('any', ''));
  const name = suggesting('dead-letters-names');
  const source = suggesting('dead-letters-sources');
  const [after, before] = ['after', 'before'].map(() => {
    const input = make('input');
    input.type = 'datetime-local';
    input.step = '1';
    return input;
  });
  const clear = make('button', '', 'Clear');
  clear.type = 'button';
  clear.setAttribute('aria-label', 'Clear the filter');
  const controls = { cause, name: name.input, source: source.input, store, after, before };
  const labels = {
    cause: 'Cause',
    name: 'Metric, whole name',
    source: 'Source, whole name',
    store: 'Store',
    after: 'Accepted from',
    before: 'Accepted before',
  };
  const form = make(
    'form',
    'dead-letters-filter',
    ...FIELDS.map((field) => make('label', 'field', labels[field], controls[field])),
    clear,
    name.list,
    source.list,
  );
  form.setAttribute('aria-label', 'Filter');
  const read = () =>
    /** @type {Filter} */ ({
      cause: cause.value,
      name: name.input.value,
      source: source.input.value,
      store: store.value,
      after: toUtc(after.value),
      before: toUtc(before.value),
    });
  form.addEventListener('change', () => chosen(read()));
  form.addEventListener('submit', (event) => event.preventDefault());
  clear.addEventListener('click', () => {
    for (const control of Object.values(controls)) control.value = '';
    chosen(read());
    cause.focus();
  });

  return {
    element: form,
    /** @param {Filter} filter what the address says */
    set(filter) {
      for (const [select, value] of /** @type {const} */ ([
        [cause, filter.cause],
        [store, filter.store],
      ])) {
        if (value && ![...select.options].some((option) => option.value === value)) {
          select.append(new Option(value, value));
        }
      }
      for (const field of FIELDS) {
        const isTime = field === 'after' || field === 'before';
        const value = isTime ? toLocal(filter[field]) : filter[field];
        if (controls[field].value !== value) controls[field].value = value;
      }
      show(
        clear,
        FIELDS.some((field) => filter[field] !== ''),
      );
    },
    /** @param {readonly string[]} stores by name */
    setStores(stores) {
      for (const each of stores) {
        if (![...store.options].some((option) => option.value === each)) store.append(new Option(each, each));
      }
    },
    /** @param {readonly Letter[]} letters whose names may be wanted next */
    suggest(letters) {
      name.suggest(letters.map((letter) => letter.name));
      source.suggest(letters.map((letter) => letter.source));
    },
  };
}

/** @param {string} id */
function suggesting(id) {
  const list = make('datalist');
  const input = make('input');
  Object.assign(input, { type: 'text', autocomplete: 'off', spellcheck: false });
  list.id = id;
  input.setAttribute('list', id);
  let before = '';
  return {
    list,
    input,
    /** @param {string[]} texts */
    suggest(texts) {
      const distinct = [...new Set(texts)].filter(Boolean).sort().slice(0, MOST);
      if (before === distinct.join('\n')) return;
      before = distinct.join('\n');
      list.replaceChildren(...distinct.map((text) => new Option('', text)));
    },
  };
}
