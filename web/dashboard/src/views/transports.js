import { make } from '../ui/dom.js';

/** @type {import('../ui/view.js').MakeView} */
export function makeView() {
  return { element: make('section', '', make('h2', '', 'transports')), show() {} };
}
