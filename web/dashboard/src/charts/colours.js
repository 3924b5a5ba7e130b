/** The page's colours as a canvas takes them, and when they change. */

import { COLOURS } from '../core/lines.js';
import { make } from '../ui/dom.js';

/** @typedef {{lines: string[], ink: string, quiet: string, grid: string, card: string}} Colours */

/**
 * @param {HTMLElement} within where the tokens `--line-1`… are known
 * @param {(colours: Colours) => void} changed
 * @returns {{colours: () => Colours, stop: () => void}}
 */
export function watchColours(within, changed) {
  const probe = make('span', 'unseen');
  probe.setAttribute('aria-hidden', 'true');
  within.append(probe);
  /** A token may be light-dark(): only a property that is used says which. @param {string} token */
  const read = (token) => {
    probe.style.setProperty('color', `var(${token})`);
    return getComputedStyle(probe).color;
  };
  const readAll = () => ({
    lines: Array.from({ length: COLOURS }, (_, i) => read(`--line-${i + 1}`)),
    ink: read('--ink'),
    quiet: read('--quiet'),
    grid: read('--line'),
    card: read('--card'),
  });
  /** @type {Colours | null} */
  let now = null;
  const again = () => {
    now = readAll();
    changed(now);
  };
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', again);
  const chosen = new MutationObserver(again);
  chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return {
    colours: () => {
      now ??= readAll();
      return now;
    },
    stop() {
      system.removeEventListener('change', again);
      chosen.disconnect();
      probe.remove();
    },
  };
}
