/** A list of facts: a label, what it is, and a quiet note. */

import { make, mark, reconcile, write } from '../../ui/dom.js';

/** @typedef {{label: string, text: string, note?: string, tone?: string}} Fact */

/** @param {Fact} first */
function makeFact({ label }) {
  const value = make('dd', 'toned');
  const note = make('dd', 'quiet');
  return {
    element: make('div', '', make('dt', '', label), value, note),
    /** @param {Fact} fact */
    update({ text, note: words = '', tone = '' }) {
      write(value, text);
      mark(value, 'data-tone', tone);
      write(note, words);
    },
  };
}

/** A `<dl>` of facts. */
export function makeFacts() {
  const element = make('dl', 'system-facts');
  const rows = new Map();
  return {
    element,
    /** @param {readonly Fact[]} facts */
    show(facts) {
      reconcile(element, rows, facts, ({ label }) => label, makeFact);
    },
  };
}
