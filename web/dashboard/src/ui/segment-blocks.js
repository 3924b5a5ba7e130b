/** The journal's segments side by side. How high they stand is their view's business. */

import './segment-blocks.css';
import { make, mark, reconcile } from './dom.js';

/** @typedef {import('../core/segments.js').Block} Block */

/** @param {string} className */
export function makeBlocks(className) {
  const element = make('div', `segment-blocks ${className}`);
  const rows = new Map();
  return {
    element,
    /** @param {readonly Block[]} found as `strip` of core/segments.js makes them */
    show(found) {
      const items = found.map((block, index) => ({ block, index }));
      reconcile(element, rows, items, ({ index }) => String(index), makeBlock);
    },
  };
}

function makeBlock() {
  const element = make('span');
  return {
    element,
    /** @param {{block: Block}} item */
    update({ block }) {
      element.style.setProperty('--from', block.from.toFixed(4));
      element.style.setProperty('--width', (block.until - block.from).toFixed(4));
      mark(element, 'data-active', String(block.active));
    },
  };
}
