/**
 * Flags: each with what was decided and what this browser gets, and one of them (`?flag=`) to be changed, with who
 * was given what. Asked again when a flag frame comes and, for who was given what, every few seconds.
 */

import { decided, seenLately, why, words } from '../core/flags.js';
import { ago } from '../core/format.js';
import { makeAlert } from '../ui/alert.js';
import { columnHead, make, mark, reconcile, show, write } from '../ui/dom.js';
import { address } from '../ui/router.js';
import { makeForm } from './flags/form.js';
import { makeOverrides } from './flags/overrides.js';
import { makeShares } from './flags/shares.js';
import './flags.css';

const AGAIN = 5_000;

/**
 * @typedef {import('../core/flags.js').FlagList} FlagList
 * @typedef {import('../core/flags.js').FlagReport} FlagReport
 * @typedef {import('../core/flags.js').FlagDetails} FlagDetails
 */

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  /** @type {FlagList | null} */
  let list = null;
  /** @type {FlagDetails | null} */
  let details = null;
  let asked = '';
  let problem = '';
  let timer = 0;
  let unwatch = () => {};
  let loading = new AbortController();

  const chosen = () => asked || list?.flags[0]?.name || '';

  const load = async () => {
    clearTimeout(timer);
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    const options = { signal, params: { session: page.session } };
    try {
      list = await page.api.get('api/flags', options);
      const name = encodeURIComponent(chosen());
      if (name) details = await page.api.get(`api/flags/${name}`, options);
      if (signal.aborted) return;
      problem = '';
      alert.hide();
    } catch (error) {
      if (signal.aborted) return;
      const { message } = /** @type {Error} */ (error);
      if (message !== problem) page.announce(message);
      problem = message;
      alert.say(message, load);
    }
    timer = setTimeout(load, AGAIN);
    page.changed();
  };

  const alert = makeAlert();
  const table = makeTable();
  const form = makeForm(page, load);
  const overrides = makeOverrides(page, load);
  const shares = makeShares(page.session, page.changed);
  const parts = make('div', 'columns', make('div', 'stack', form.element, overrides.element), shares.element);

  return {
    element: make('div', 'flags stack', make('h2', 'unseen', 'Flags'), alert.element, table.element, parts),
    show({ now }) {
      table.show(list, chosen(), now);
      const flag = details?.name === chosen() ? details : null;
      show(parts, list !== null && list.flags.length > 0 && (flag !== null || problem === ''));
      if (!flag) return;
      form.show(flag, seenLately(flag.shares), now);
      overrides.show(flag);
      shares.show(flag, now);
    },
    enter(params) {
      asked = params.get('flag') ?? '';
      unwatch();
      unwatch = page.onFlag(load);
      load();
    },
    leave() {
      form.leave();
      unwatch();
      clearTimeout(timer);
      loading.abort();
    },
  };
}

function makeTable() {
  const heads = ['Flag', 'Decided', 'This browser gets', 'Changed'].map((title) => columnHead('', title));
  const body = make('tbody');
  const table = make('table', 'flags-list', make('thead', '', make('tr', '', ...heads)), body);
  table.setAttribute('aria-label', 'Feature flags');
  const waiting = make('p', 'note', 'Asking for the flags…');
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  const rows = new Map();
  return {
    element: make('section', 'flags-card card', table, waiting),
    /** @param {FlagList | null} list @param {string} chosen @param {number} now */
    show(list, chosen, now) {
      show(waiting, list === null || list.flags.length === 0);
      if (!list) return;
      if (list.flags.length === 0) write(waiting, 'This Forebay has no feature flags.');
      reconcile(body, rows, list.flags, ({ name }) => name, makeRow);
      for (const [name, row] of rows) row.age(name === chosen, now);
    },
  };
}

/** @param {FlagReport} first */
function makeRow(first) {
  const link = make('a', 'mono', first.name);
  link.href = address('flags', { flag: first.name });
  const about = make('div', 'quiet');
  const name = make('th', '', link, about);
  name.scope = 'row';
  const rule = make('div');
  const exception = make('div', 'quiet');
  const value = make('strong');
  const reason = make('div', 'quiet');
  const when = make('span');
  const by = make('div', 'quiet clip flags-by');
  const element = make(
    'tr',
    '',
    name,
    cell('Decided', rule, exception),
    cell('This browser gets', value, reason),
    cell('Changed', when, by),
  );
  let flag = first;
  return {
    element,
    /** @param {FlagReport} next */
    update(next) {
      flag = next;
      const own = Object.keys(flag.overrides).length;
      write(about, flag.definition.description);
      write(rule, decided(flag.definition, flag.setting));
      write(
        exception,
        own === 0 ? '' : `${own} ${own === 1 ? 'session has its' : 'sessions have their'} own value`,
      );
      write(value, words(flag.value));
      write(reason, why(flag, flag));
      write(by, flag.by && `by ${flag.by}`);
    },
    /** @param {boolean} current @param {number} now */
    age(current, now) {
      if (current) mark(link, 'aria-current', 'true');
      else link.removeAttribute('aria-current');
      write(when, flag.updated_at ? ago(now - flag.updated_at / 1e6) : 'never');
    },
  };
}

/** A cell that says its column's title itself where the table has become cards. @param {string} title @param {...Node} children */
function cell(title, ...children) {
  const made = make('td', '', ...children);
  made.dataset.title = title;
  return made;
}
