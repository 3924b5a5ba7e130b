/** The controls for all charts at once: what to add, which window, where in time. */

import { duration } from '../../core/format.js';
import { stretch } from '../../core/moments.js';
import { lengthOf, rangeOf, WINDOWS } from '../../core/windows.js';
import { make, mark, show, write } from '../../ui/dom.js';

/** @typedef {import('../../core/windows.js').Span} Span */

/** @param {string} text @param {string} label @param {() => void} press */
function makeButton(text, label, press) {
  const button = make('button', 'explore-step', text);
  button.type = 'button';
  button.title = label;
  button.setAttribute('aria-label', label);
  button.addEventListener('click', press);
  return button;
}

/** @param {number} time as an input of type datetime-local has it */
function local(time) {
  const date = new Date(time - new Date(time).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 19);
}

/**
 * @param {HTMLElement} picker
 * @param {HTMLElement} help which gestures and keys there are
 * @param {{
 *   choose: (length: number) => void,
 *   pan: (share: number) => void,
 *   zoom: (factor: number) => void,
 *   live: () => void,
 *   pause: () => void,
 *   until: (time: number) => void,
 *   bands: (on: boolean) => void,
 *   clear: () => void,
 * }} to
 */
export function makeToolbar(picker, help, to) {
  const windows = WINDOWS.map(({ label, length }) => {
    const button = make('button', '', label);
    button.type = 'button';
    button.addEventListener('click', () => to.choose(length));
    return { button, length };
  });
  const choice = make('div', 'choice', ...windows.map(({ button }) => button));
  choice.setAttribute('role', 'group');
  choice.setAttribute('aria-label', 'Show the latest');
  const strip = make('div', 'explore-windows', choice);

  const steps = make(
    'div',
    'choice',
    makeButton('‹', 'Earlier', () => to.pan(-0.5)),
    makeButton('›', 'Later', () => to.pan(0.5)),
    makeButton('−', 'Zoom out', () => to.zoom(2)),
    makeButton('+', 'Zoom in', () => to.zoom(0.5)),
  );
  steps.setAttribute('role', 'group');
  steps.setAttribute('aria-label', 'Move in time');
  const pause = make('button', 'explore-pause');
  pause.type = 'button';
  const when = make('p', 'explore-range');
  const until = make('input');
  Object.assign(until, { type: 'datetime-local', step: '1' });
  const untilField = make('label', 'field explore-until', 'Show until', until);
  until.addEventListener('change', () => {
    const time = new Date(until.value).getTime();
    if (Number.isFinite(time)) to.until(time);
  });
  const band = make('input');
  band.type = 'checkbox';
  const bandLabel = make('label', 'explore-check', band, 'Range from least to most');
  band.addEventListener('change', () => to.bands(band.checked));
  const clear = make('button', '', 'Remove all');
  clear.type = 'button';
  clear.addEventListener('click', to.clear);
  let live = true;
  pause.addEventListener('click', () => (live ? to.pause() : to.live()));

  const element = make(
    'section',
    'card explore-bar',
    make('div', 'explore-row', picker, strip),
    make(
      'div',
      'explore-row',
      pause,
      steps,
      when,
      make(
        'details',
        'explore-more',
        make('summary', '', 'More'),
        make('div', 'explore-options', untilField, bandLabel, clear, help),
      ),
    ),
  );
  element.setAttribute('aria-label', 'What to show');
  return {
    element,
    /** @param {Span} span @param {number} now @param {boolean} bands @param {number} charts */
    show(span, now, bands, charts) {
      live = span.kind === 'live';
      for (const { button, length } of windows) {
        const pressed = live && length === lengthOf(span);
        if (pressed && button.ariaPressed !== 'true') reveal(strip, button);
        mark(button, 'aria-pressed', String(pressed));
      }
      write(pause, live ? 'Pause' : 'Back to live');
      const { from, to: end } = rangeOf(span, now);
      const known = WINDOWS.find(({ length }) => length === lengthOf(span));
      const last = known?.label ?? duration(lengthOf(span) / 1_000);
      write(when, live ? `Live: the last ${last}` : stretch(from, end));
      const text = local(end);
      if (!live && document.activeElement !== until && until.value !== text) until.value = text;
      if (live && document.activeElement !== until && until.value) until.value = '';
      if (band.checked !== bands) band.checked = bands;
      show(clear, charts > 0);
    },
  };
}

/** Scroll `strip` alone, not the page, so that `button` is seen. @param {HTMLElement} strip @param {HTMLElement} button */
function reveal(strip, button) {
  const [outer, inner] = [strip.getBoundingClientRect(), button.getBoundingClientRect()];
  if (inner.left < outer.left || inner.right > outer.right) {
    strip.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }
}
