/** Which metrics of a name a chart shows: of a source, of a session, with attributes; and what its lines are. */

import { withAttribute } from '../../core/choice.js';
import { ago, compact } from '../../core/format.js';
import { hasWords } from '../../core/lines.js';
import { make } from '../../ui/dom.js';
import { makePickList } from '../../ui/pick-list.js';

/**
 * @typedef {import('../../core/choice.js').Chosen} Chosen
 * @typedef {import('../../ui/pick-list.js').Suggestion} Suggestion
 */

const MOST = 50;

/**
 * @param {Chosen} chosen
 * @param {ReturnType<typeof import('./catalogue.js').makeCatalogue>} catalogue
 * @param {(chosen: Chosen) => void} replace
 */
export function makeFilter(chosen, catalogue, replace) {
  const source = makePickList({
    label: 'Source',
    placeholder: chosen.source || 'any',
    free: true,
    suggest: (text) =>
      (catalogue.seen(chosen.name)?.sources ?? [])
        .filter((one) => one && hasWords(text, one))
        .slice(0, MOST)
        .map((value) => ({ value, label: value })),
    none: (text) => (text ? `No source of this name has “${text}” in it. Enter takes it nevertheless.` : ''),
    pick: (value) => replace({ ...chosen, source: value }),
  });
  const session = makePickList({
    label: 'Session',
    placeholder: chosen.session || 'any',
    free: true,
    suggest: async (text) => {
      const sessions = await catalogue.sessions().catch(() => []);
      return sessions
        .filter((one) => one.session && (!chosen.source || one.source === chosen.source))
        .filter((one) => hasWords(text, `${one.session} ${one.source}`))
        .slice(0, MOST)
        .map((one) => ({
          value: one.session,
          label: one.session,
          note: `${one.source} ${ago(Date.now() - one.last_time / 1e6)}`,
        }));
    },
    none: (text) => (text ? `No session has “${text}” in it. Enter takes it nevertheless.` : ''),
    pick: (value) => replace({ ...chosen, session: value }),
  });
  const attribute = makePickList({
    label: 'Attribute',
    placeholder: 'KEY=VALUE',
    free: true,
    suggest: async (text) => {
      const known = await catalogue.attributes(chosen.name).catch(() => []);
      return known
        .flatMap(({ key, values, count }) =>
          values.map((value) => ({
            value: `${key}=${value}`,
            label: `${key}=${value}`,
            note: compact(count),
          })),
        )
        .filter(({ label }) => hasWords(text, label))
        .slice(0, MOST);
    },
    none: (text) => (text ? 'Give a key, =, and the value that it must have.' : 'It has no attributes.'),
    pick: (value) => replace(withAttribute(chosen, value)),
  });
  const by = make('select');
  for (const [value, label] of [
    ['source', 'Source'],
    ['session', 'Session'],
  ]) {
    const option = make('option', '', label);
    option.value = value;
    by.append(option);
  }
  by.value = chosen.by;
  by.addEventListener('change', () =>
    replace({ ...chosen, by: by.value === 'session' ? 'session' : 'source' }),
  );

  const chips = [
    ...(chosen.source ? [chip(`source ${chosen.source}`, () => replace({ ...chosen, source: '' }))] : []),
    ...(chosen.session ? [chip(`session ${chosen.session}`, () => replace({ ...chosen, session: '' }))] : []),
    ...chosen.attributes.map((one) =>
      chip(one, () => replace({ ...chosen, attributes: chosen.attributes.filter((other) => other !== one) })),
    ),
  ];
  const fields = [
    field('Source', source.element),
    field('Session', session.element),
    field('Attribute', attribute.element),
    make('label', 'field', 'One line per', by),
  ];
  const element = make('div', 'explore-filter', ...fields);
  if (chips.length > 0) element.append(make('div', 'explore-chips', ...chips));
  return { element, open: () => source.input.focus() };
}

/** The field says its name itself, to a screen reader. @param {string} label @param {HTMLElement} control */
function field(label, control) {
  const text = make('span', '', label);
  text.setAttribute('aria-hidden', 'true');
  return make('div', 'field', text, control);
}

/** @param {string} text @param {() => void} remove */
function chip(text, remove) {
  const button = make('button', 'explore-chip', make('span', 'clip', text), ' ×');
  button.type = 'button';
  button.setAttribute('aria-label', `Remove the filter ${text}`);
  button.addEventListener('click', remove);
  return button;
}
