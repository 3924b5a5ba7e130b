/**
 * What hands do on a chart, as movements in time: shift-drag, a finger and a sideways wheel move the window, the wheel
 * with Ctrl (and so two fingers on a trackpad) zooms, keys do all of it.
 *
 * @typedef {{
 *   pan: (share: number) => void,
 *   zoom: (factor: number, where?: number) => void,
 *   live: () => void,
 *   pause: () => void,
 *   step: (buckets: number) => void,
 * }} Gestures `step` moves the crosshair by so many buckets; Infinity to the end
 */

/**
 * @param {HTMLElement} element what has the keyboard's focus
 * @param {{share: (clientX: number) => number, plotWidth: () => number}} chart
 * @param {Gestures} to
 */
export function listen(element, chart, to) {
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => to.pan(-0.25),
    ArrowRight: () => to.pan(0.25),
    'Shift+ArrowLeft': () => to.step(-1),
    'Shift+ArrowRight': () => to.step(1),
    Home: () => to.step(-Infinity),
    End: () => to.step(Infinity),
    '+': () => to.zoom(0.5),
    '=': () => to.zoom(0.5),
    '-': () => to.zoom(2),
    Escape: to.live,
    ' ': to.pause,
  };
  element.addEventListener('keydown', (event) => {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = event.key.startsWith('Arrow') && event.shiftKey;
    const act = keys[arrow ? `Shift+${event.key}` : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  element.addEventListener(
    'wheel',
    (event) => {
      const across = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (event.ctrlKey) {
        event.preventDefault();
        to.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 100), chart.share(event.clientX));
      } else if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault();
        to.pan(across / chart.plotWidth());
      }
    },
    { passive: false },
  );

  let last = 0;
  let held = -1;
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || !(event.shiftKey || event.pointerType === 'touch')) return;
    held = event.pointerId;
    last = event.clientX;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', (event) => {
    if (event.pointerId !== held) return;
    const by = last - event.clientX;
    if (Math.abs(by) < 2) return;
    last = event.clientX;
    to.pan(by / chart.plotWidth());
  });
  for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, () => (held = -1));
  element.addEventListener('dblclick', to.live);
}
