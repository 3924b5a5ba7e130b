/**
 * A text field with suggestions below it: a combobox as the ARIA Authoring Practices have it. The arrow keys move among
 * the suggestions, Enter takes one, Escape closes them.
 *
 * @typedef {{value: string, label: string, note?: string}} Suggestion
 */

import { make, mark, show, write } from './dom.js';
import './pick-list.css';

let made = 0;

/**
 * @param {{
 *   label: string,
 *   placeholder?: string,
 *   free?: boolean,
 *   suggest: (text: string) => readonly Suggestion[] | Promise<readonly Suggestion[]>,
 *   none: (text: string) => string,
 *   pick: (value: string) => void,
 * }} options `free`: what was typed can be taken too; `none`: what to say where nothing fits
 */
export function makePickList({ label, placeholder = '', free = false, suggest, none, pick }) {
  made += 1;
  const id = `pick-list-${made}`;
  const input = make('input');
  Object.assign(input, {
    type: 'text',
    placeholder,
    autocomplete: 'off',
    spellcheck: false,
    role: 'combobox',
  });
  mark(input, 'aria-label', label);
  mark(input, 'aria-autocomplete', 'list');
  mark(input, 'aria-expanded', 'false');
  mark(input, 'aria-controls', id);
  const list = make('ul', 'pick-list-options');
  list.id = id;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', label);
  const nothing = make('p', 'pick-list-none quiet');
  const popup = make('div', 'pick-list-popup', list, nothing);
  show(popup, false);
  const element = make('div', 'pick-list', input, popup);
  /** @type {readonly Suggestion[]} */
  let there = [];
  let active = -1;
  let asked = 0;

  const close = () => {
    asked += 1;
    show(popup, false);
    mark(input, 'aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
    active = -1;
  };

  /** @param {number} next */
  const activate = (next) => {
    active = there.length === 0 ? -1 : (next + there.length) % there.length;
    [...list.children].forEach((option, i) => mark(option, 'aria-selected', String(i === active)));
    const option = list.children[active];
    if (!option) return input.removeAttribute('aria-activedescendant');
    mark(input, 'aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  };

  /** @param {string} value */
  const take = (value) => {
    input.value = '';
    close();
    pick(value);
  };

  const open = async () => {
    asked += 1;
    const mine = asked;
    const text = input.value.trim();
    const found = await suggest(text);
    if (mine !== asked || document.activeElement !== input) return;
    there = found;
    list.replaceChildren(
      ...there.map((suggestion, i) => {
        const option = make('li', '', make('span', '', suggestion.label));
        if (suggestion.note) option.append(make('span', 'quiet', suggestion.note));
        option.id = `${id}-${i}`;
        option.setAttribute('role', 'option');
        // The field keeps the focus, or the list would be gone before the press is over.
        option.addEventListener('pointerdown', (event) => event.preventDefault());
        option.addEventListener('click', () => take(suggestion.value));
        return option;
      }),
    );
    show(list, there.length > 0);
    write(nothing, there.length > 0 ? '' : none(text));
    show(nothing, nothing.textContent !== '');
    show(popup, there.length > 0 || nothing.textContent !== '');
    mark(input, 'aria-expanded', String(there.length > 0));
    activate(text && !free ? 0 : -1);
    if (active < 0) input.removeAttribute('aria-activedescendant');
  };

  input.addEventListener('input', open);
  input.addEventListener('focus', open);
  input.addEventListener('click', () => popup.hidden && open());
  input.addEventListener('blur', close);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (popup.hidden) open();
      else if (event.key === 'ArrowDown') activate(active + 1);
      else activate(active < 0 ? there.length - 1 : active - 1);
    } else if (event.key === 'Enter') {
      const text = input.value.trim();
      if (active >= 0 && !popup.hidden) take(there[active].value);
      else if (free && text) take(text);
      else return;
      event.preventDefault();
    } else if (event.key === 'Escape' && !popup.hidden) {
      event.stopPropagation();
      close();
    }
  });
  return { element, input, close };
}
