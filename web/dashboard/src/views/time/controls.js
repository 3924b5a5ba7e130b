/** The slider over the journal and all that moves it: keys, steps, an offset, a time, moments, playing. */

import { KINDS } from '../../core/past.js';
import { SPEEDS } from '../../core/playing.js';
import { keyed, parseLocal, parseOffset } from '../../core/scrub.js';
import { make, mark, write } from '../../ui/dom.js';
import { makeBlocks } from '../../ui/segment-blocks.js';

/**
 * @typedef {import('../../core/past.js').Kind} Kind
 * @typedef {{
 *   drag: (offset: number) => void,
 *   drop: (offset: number) => void,
 *   at: (nanoseconds: number) => void,
 *   moment: (kind: Kind) => void,
 *   play: () => void,
 *   speed: (speed: number) => void,
 *   live: () => void,
 *   complain: (sentence: string) => void,
 * }} Acts `drag`: on the way · `drop`: there
 */

/** @param {string} text @param {string} [className] */
function makeButton(text, className = '') {
  const button = make('button', className, text);
  button.type = 'button';
  return button;
}

/** @param {Acts} acts @param {number} speed */
export function makeControls(acts, speed) {
  const slider = make('input', 'time-slider');
  Object.assign(slider, { type: 'range', step: '1', min: '0', max: '0', value: '0' });
  slider.setAttribute('aria-label', 'Offset in the journal');
  const value = () => Number(slider.value);
  slider.addEventListener('input', () => acts.drag(value()));
  slider.addEventListener('change', () => acts.drop(value()));
  slider.addEventListener('keydown', (event) => {
    if (event.key === ' ') acts.play();
    const to = keyed(event.key, event.shiftKey, value(), Number(slider.min), Number(slider.max));
    if (to === null && event.key !== ' ') return;
    event.preventDefault();
    if (to === null || to === value()) return;
    slider.value = String(to);
    acts.drag(to);
  });
  slider.addEventListener('keyup', (event) => {
    if (keyed(event.key, false, 0, 0, 1) !== null) acts.drop(value());
  });

  const back = makeButton('‹', 'icon time-step');
  const on = makeButton('›', 'icon time-step');
  mark(back, 'aria-label', 'One offset back');
  mark(on, 'aria-label', 'One offset on');
  const step = (/** @type {string} */ key, /** @type {boolean} */ far) => {
    const to = keyed(key, far, value(), Number(slider.min), Number(slider.max));
    if (to !== null && to !== value()) acts.drop(to);
  };
  back.addEventListener('click', (event) => step('ArrowLeft', event.shiftKey));
  on.addEventListener('click', (event) => step('ArrowRight', event.shiftKey));
  const play = makeButton('Play', 'main time-play');
  play.addEventListener('click', acts.play);
  const live = makeButton('Now', 'time-live');
  live.addEventListener('click', acts.live);

  const speeds = make('div', 'choice');
  speeds.setAttribute('role', 'group');
  speeds.setAttribute('aria-label', 'Speed');
  const choices = SPEEDS.map((each) => {
    const button = makeButton(`${each}×`);
    mark(button, 'aria-pressed', String(each === speed));
    button.addEventListener('click', () => {
      for (const other of choices) mark(other, 'aria-pressed', String(other === button));
      acts.speed(each);
    });
    return button;
  });
  speeds.append(...choices);

  const offset = make('input', 'time-offset');
  Object.assign(offset, { type: 'text', inputMode: 'numeric', autocomplete: 'off', spellcheck: false });
  const time = make('input', 'time-local');
  Object.assign(time, { type: 'datetime-local', step: '1' });
  const form = make(
    'form',
    'time-form',
    make('label', 'field', 'Offset', offset),
    make('label', 'field', 'Date and time, yours', time),
    make('button', '', 'Go there'),
  );
  let timeChanged = false;
  time.addEventListener('input', () => {
    timeChanged = true;
  });
  offset.addEventListener('input', () => {
    timeChanged = false;
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (timeChanged) {
      const at = parseLocal(time.value);
      if (at === null) acts.complain('That is no date and time: give both.');
      else acts.at(at);
    } else {
      const to = parseOffset(offset.value);
      if (to === null) acts.complain('That is no offset: give a whole number, such as 1200.');
      else acts.drop(to);
    }
    timeChanged = false;
  });

  const moments = make('ul', 'time-moments');
  const buttons = KINDS.map(({ kind, label }) => {
    const words = make('span', 'quiet clip');
    const button = makeButton('', 'time-moment');
    button.append(make('span', '', label), words);
    button.addEventListener('click', () => acts.moment(kind));
    moments.append(make('li', '', button));
    return { kind, button, words };
  });

  const blocks = makeBlocks('time-blocks');

  return {
    top: make('div', 'time-transport', back, play, on, live, speeds),
    track: make('div', 'time-track', slider, blocks.element),
    form,
    moments,
    /**
     * @param {{first: number, next: number, offset: number, aloud: string, live: boolean, playing: boolean,
     *   local: string}} point `local` as the input of a date and time has it
     */
    show(point) {
      mark(slider, 'min', String(point.first));
      mark(slider, 'max', String(point.next));
      if (value() !== point.offset) slider.value = String(point.offset);
      mark(slider, 'aria-valuetext', point.aloud);
      write(play, point.playing ? 'Pause' : 'Play');
      play.disabled = point.live;
      mark(live, 'aria-pressed', String(point.live));
      // Not while somebody is typing there.
      if (form.contains(document.activeElement)) return;
      if (offset.value !== String(point.offset)) offset.value = String(point.offset);
      if (time.value !== point.local) time.value = point.local;
    },
    /** @param {(kind: Kind) => {text: string, able: boolean}} read */
    showMoments(read) {
      for (const { kind, button, words } of buttons) {
        const { text, able } = read(kind);
        write(words, text);
        if (button.disabled === able) button.disabled = !able;
      }
    },
    showBlocks: blocks.show,
  };
}
