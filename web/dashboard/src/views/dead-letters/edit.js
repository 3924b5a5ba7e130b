/** A form on the fields of a metric. What is wrong is said at its field, by the page or by the server. */

import { draftOf, faultsIn, faultsOf, KINDS, metricJson } from '../../core/metric-edit.js';
import { make, mark, show, write } from '../../ui/dom.js';

/**
 * @typedef {import('../../core/metric-edit.js').Field} Field
 * @typedef {import('../../core/metric-edit.js').Draft} Draft
 * @typedef {import('../../core/metric-edit.js').Faults} Faults
 */

/** @type {Record<Field, string>} */
const LABELS = {
  name: 'Name',
  value: 'Value',
  kind: 'Kind',
  unit: 'Unit',
  source: 'Source',
  session: 'Session',
  time: 'Time, in nanoseconds or as RFC 3339',
  attributes: 'Attributes, as JSON',
};
const KEPT = 'The time stays as it is: it is part of what tells this metric from all others.';
const FREE = 'It is the reason for the refusal, or may be. Empty: it stays as it is.';

/**
 * @param {string | null} json the metric as the server gives it; null where it is lost
 * @param {{time: string, changeable: boolean}} time how it reads, and whether it may be changed
 * @param {{send: (metric: string) => Promise<void>, cancel: () => void}} acts
 */
export function makeEdit(json, time, { send, cancel }) {
  const controls = /** @type {Record<Field, HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>} */ ({
    name: make('input'),
    value: make('input', 'mono'),
    kind: make('select', '', ...KINDS.map((kind) => new Option(kind, kind))),
    unit: make('input'),
    source: make('input'),
    session: make('input'),
    time: make('input', 'mono'),
    attributes: make('textarea', 'mono'),
  });
  const fields = /** @type {[Field, HTMLElement][]} */ (Object.entries(controls));
  const words = new Map(fields.map(([field]) => [field, make('span', 'error')]));
  const whole = make('p', 'alert');
  whole.setAttribute('role', 'alert');
  show(whole, false);

  const hint = make('span', 'quiet', time.changeable ? FREE : KEPT);
  hint.id = 'dead-letters-edit-hint';
  const labelled = fields.map(([field, control]) => {
    const fault = /** @type {HTMLElement} */ (words.get(field));
    fault.id = `dead-letters-edit-${field}`;
    control.setAttribute('aria-describedby', field === 'time' ? `${fault.id} ${hint.id}` : fault.id);
    control.setAttribute('autocomplete', 'off');
    control.setAttribute('spellcheck', 'false');
    const label = make('label', `field ${field}`, LABELS[field], control);
    return make('div', field, label, ...(field === 'time' ? [hint] : []), fault);
  });
  controls.value.setAttribute('inputmode', 'decimal');
  const draft = draftOf(json);
  for (const [field] of fields) controls[field].value = draft[field];
  if (controls.time instanceof HTMLInputElement) {
    controls.time.disabled = !time.changeable;
    if (time.changeable) controls.time.placeholder = time.time;
    else controls.time.value = time.time;
  }
  if (controls.attributes instanceof HTMLTextAreaElement) {
    controls.attributes.rows = Math.min(12, Math.max(3, draft.attributes.split('\n').length));
  }

  const read = () => {
    const said = /** @type {Draft} */ (
      Object.fromEntries(fields.map(([field]) => [field, controls[field].value]))
    );
    return time.changeable ? said : { ...said, time: '' };
  };
  /** @param {Faults} faults */
  const tell = (faults) => {
    for (const [field, control] of fields) {
      write(/** @type {HTMLElement} */ (words.get(field)), faults[field] ?? '');
      if (faults[field]) mark(control, 'aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
    }
    write(whole, faults[''] ?? '');
    show(whole, Boolean(faults['']));
    const first = fields.find(([field]) => faults[field]);
    if (first) controls[first[0]].focus();
  };

  const back = make('button', '', 'Back');
  const go = make('button', 'main', 'Redrive as edited');
  back.type = 'button';
  back.addEventListener('click', cancel);
  const element = make('form', 'dead-letters-edit', ...labelled, whole, make('div', 'actions', back, go));
  element.setAttribute('aria-label', 'Edit the metric');
  element.noValidate = true;
  let tried = false;
  element.addEventListener('input', ({ target }) => {
    if (!tried) return;
    // Only what is mended is taken back while somebody types; the rest is said again when it is sent.
    const faults = faultsOf(read());
    for (const [field, control] of fields) {
      if (target === control && !faults[field]) {
        write(/** @type {HTMLElement} */ (words.get(field)), '');
        control.removeAttribute('aria-invalid');
      }
    }
  });
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    tried = true;
    const said = read();
    const faults = faultsOf(said);
    tell(faults);
    if (Object.keys(faults).length > 0) return;
    go.disabled = true;
    try {
      await send(metricJson(said));
    } catch (error) {
      const { problem = {}, message } = /** @type {import('../../net/api.js').ApiError} */ (error);
      go.disabled = false;
      go.focus(); // which it lost; a field at fault takes it from there
      tell(faultsIn(problem, message));
    }
  });
  return { element, focus: () => controls.name.focus() };
}
