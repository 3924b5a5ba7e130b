/** The stores: how far each is, what is wrong with it, and its breaker, to be moved by hand. */

import { facts, moved, moveOf, stateOf, trouble } from '../../core/stores.js';
import { makeAlert } from '../../ui/alert.js';
import { make, mark, reconcile, show, write } from '../../ui/dom.js';
import { makeFacts } from './facts.js';

/**
 * @typedef {import('../../core/frames.js').StatusReport} StatusReport
 * @typedef {import('../../core/frames.js').StoreStatus} StoreStatus
 * @typedef {import('../../ui/view.js').Page} Page
 * @typedef {{store: StoreStatus, now: number}} Item
 */

/** @param {Page} page */
export function makeStores(page) {
  const element = make('section', 'system-stores');
  element.setAttribute('aria-label', 'Stores');
  const rows = new Map();
  const question = makeQuestion();
  const nothing = make('p', 'note', 'There is no store: metrics stay in the journal.');
  const list = make('ul', 'system-list');
  element.append(list, nothing, question.element);
  return {
    element,
    /** @param {StatusReport} status @param {number} now */
    show(status, now) {
      show(nothing, status.stores.length === 0);
      const items = status.stores.map((store) => ({ store, now }));
      reconcile(
        list,
        rows,
        items,
        ({ store }) => store.name,
        (item) => makeStore(page, item, question.ask),
      );
    },
    leave() {
      question.close();
    },
  };
}

/** @param {Page} page @param {Item} first @param {(store: string, yes: () => void) => void} ask */
function makeStore(page, { store: { name } }, ask) {
  const badge = make('span', 'badge');
  const move = make('button', 'push');
  move.type = 'button';
  const list = makeFacts();
  const title = make('strong');
  const detail = make('p', 'system-detail');
  const next = make('p', 'quiet');
  const alert = make('div', 'alert', title, detail, next);
  const answer = makeAlert();
  /** @type {'open' | 'closed' | null} */
  let position = null;
  let under = false;

  /** @param {'open' | 'closed'} to */
  const send = async (to) => {
    under = true;
    page.changed();
    try {
      const now = await page.api.send('POST', `api/stores/${encodeURIComponent(name)}/breaker`, {
        position: to,
      });
      const words = moved(now);
      // Where all went well the card itself shows it.
      if (now.noted) answer.hide();
      else answer.say(words, null);
      page.announce(words);
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      answer.say(message, () => send(to));
      page.announce(message);
    }
    under = false;
    page.changed();
  };
  move.addEventListener('click', () => {
    if (under) return;
    if (position === 'open') ask(name, () => send('open'));
    else if (position === 'closed') send('closed');
  });

  return {
    element: make(
      'li',
      'card',
      make('div', 'bar', make('h3', '', name), badge, move),
      make('div', 'system-body', list.element, alert, answer.element),
    ),
    /** @param {Item} item */
    update({ store, now }) {
      const { text, tone } = stateOf(store);
      write(badge, text);
      mark(badge, 'data-tone', tone);
      const able = moveOf(store);
      show(move, able !== null);
      position = able?.position ?? null;
      write(move, under ? 'Just a moment…' : (able?.label ?? ''));
      // Disabled it would lose the focus of who has just pressed it.
      mark(move, 'aria-disabled', String(under));
      mark(move, 'aria-label', under ? `${name}: just a moment` : `${able?.label ?? ''} (${name})`);
      list.show(facts(store, now));
      const wrong = trouble(store, now);
      show(alert, wrong !== null);
      if (wrong === null) return;
      mark(alert, 'data-tone', wrong.tone);
      write(title, wrong.title);
      write(detail, wrong.detail);
      write(next, wrong.next);
      show(next, wrong.next !== '');
    },
  };
}

/** Asks before a breaker is opened. */
function makeQuestion() {
  const title = make('h3');
  const text = make('p');
  const cancel = make('button', '', 'Cancel');
  const yes = make('button', 'danger', 'Open the breaker');
  cancel.type = yes.type = 'button';
  const dialog = make('dialog', 'system-question', title, text, make('div', 'actions', cancel, yes));
  title.id = 'system-question-title';
  dialog.setAttribute('aria-labelledby', title.id);
  cancel.addEventListener('click', () => dialog.close());
  return {
    element: dialog,
    close: () => dialog.close(),
    /** @param {string} store @param {() => void} then */
    ask(store, then) {
      write(title, `Open the breaker of ${store}?`);
      write(
        text,
        `While it is open nothing is written to ${store}; metrics wait in the journal, nothing is lost. It stays open, restarts included, until you close it.`,
      );
      yes.onclick = () => {
        dialog.close();
        then();
      };
      dialog.showModal();
      cancel.focus();
    },
  };
}
