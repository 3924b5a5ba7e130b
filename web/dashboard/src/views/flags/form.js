/** What is decided for all sessions: the value and the share of sessions that get it. */

import { about, check, choices, decided, draftOf } from '../../core/flags.js';
import { ago, NONE, whole } from '../../core/format.js';
import { make, mark, show, write } from '../../ui/dom.js';
import { makeField, makeValue, problemAt } from './fields.js';

/**
 * @typedef {import('../../core/flags.js').FlagDetails} FlagDetails
 * @typedef {import('../../core/flags.js').Draft} Draft
 */

const isAble = (/** @type {Element} */ button) => button.getAttribute('aria-disabled') !== 'true';

/**
 * @param {import('../../ui/view.js').Page} page
 * @param {() => Promise<void>} reload
 */
export function makeForm(page, reload) {
  /** @type {FlagDetails | null} */
  let flag = null;
  let sessions = 0;
  /** What somebody is about to decide, and what was decided when that was begun. @type {{draft: Draft, before: string} | null} */
  let editing = null;
  let busy = false;

  const title = make('h3');
  const value = makeValue('Value', (text) => edit({ value: text }));
  const slider = make('input');
  slider.type = 'range';
  slider.max = '100';
  const number = make('input');
  number.type = 'number';
  number.max = '100';
  for (const input of [slider, number]) {
    input.min = '0';
    input.addEventListener('input', () => edit({ rollout: input.value }));
  }
  number.step = 'any';
  slider.setAttribute('aria-label', 'Percent of the sessions, as a slider');
  const rollout = makeField('Percent of the sessions', number);
  const estimate = make('p', 'quiet');
  const by = make('input');
  by.maxLength = 255;
  by.autocomplete = 'name';
  by.value = page.settings.get('by', '');
  by.addEventListener('change', () => page.settings.set('by', by.value));
  const name = makeField('Your name, for those who look later (optional)', by);
  const preview = make('p', 'flags-preview');
  const meanwhile = make('p');
  const takeOver = button('Show that', '', () => {
    editing = null;
    page.changed();
  });
  const conflict = make('div', 'flags-alert alert', meanwhile, takeOver);
  conflict.hidden = true;
  mark(conflict, 'data-tone', 'busy');
  const failure = make('p', 'error');
  const outcome = make('p', 'quiet');
  // Disabled they would lose the focus of who has just pressed them.
  const save = button('Change', 'main', () => isAble(save) && change());
  save.type = 'submit';
  const reset = button('Reset to the default', 'danger', () => isAble(reset) && dialog.showModal());
  const dialog = makeDialog(() => send({ value: null }, 'Reset'));

  const form = make(
    'form',
    'flags-form',
    value.element,
    make('div', 'flags-rollout', slider, rollout.element),
    estimate,
    name.element,
    preview,
    conflict,
    failure,
    make('div', 'actions', outcome, reset, save),
  );
  form.noValidate = true;
  form.addEventListener('submit', (event) => event.preventDefault());

  /** @param {Partial<Draft>} part */
  const edit = (part) => {
    if (!flag) return;
    editing = {
      draft: { ...(editing?.draft ?? draftOf(flag)), ...part },
      before: editing?.before ?? JSON.stringify(flag.setting),
    };
    rollout.fail('');
    value.fail('');
    write(failure, '');
    write(outcome, '');
    page.changed();
  };

  const change = async () => {
    if (!flag) return;
    const checked = check(flag, editing?.draft ?? draftOf(flag));
    if ('problem' in checked) {
      (checked.field === 'value' ? value : rollout).fail(checked.problem);
      return;
    }
    await send(checked.change, 'Changed');
  };

  /** @param {{value: unknown, rollout?: number}} body @param {string} done */
  const send = async (body, done) => {
    if (!flag || busy) return;
    const path = `api/flags/${encodeURIComponent(flag.name)}`;
    busy = true;
    page.changed();
    try {
      await page.api.send('PUT', path, { ...body, by: by.value.trim() });
      editing = null;
      const said = `${done}: it is in the journal, and open pages have it.`;
      write(outcome, said);
      page.announce(said);
      await reload();
    } catch (error) {
      const { field, text } = problemAt(error);
      if (field === 'value') value.fail(text);
      else if (field === 'rollout') rollout.fail(text);
      else write(failure, text);
    } finally {
      busy = false;
      page.changed();
    }
  };

  return {
    element: make('section', 'card', make('div', 'bar', title), make('div', 'flags-body', form), dialog),
    leave: () => dialog.close(),
    /** @param {FlagDetails} next @param {number} seen @param {number} now */
    show(next, seen, now) {
      if (flag?.name !== next.name) {
        editing = null;
        value.choose(choices(next.definition), next.definition.type);
        for (const node of [failure, outcome]) write(node, '');
        rollout.fail('');
        value.fail('');
      }
      flag = next;
      sessions = seen;
      const draft = editing?.draft ?? draftOf(flag);
      const checked = check(flag, draft);
      write(title, flag.name);
      value.set(draft.value);
      if (document.activeElement !== number) number.value = draft.rollout;
      if (slider.value !== draft.rollout) slider.value = draft.rollout;
      write(preview, 'problem' in checked ? '' : decided(flag.definition, checked.change));
      write(
        estimate,
        sessions === 0
          ? 'No session was seen since Forebay started.'
          : `About ${'problem' in checked ? NONE : whole(about(checked.change.rollout, sessions))} of the ${whole(sessions)} ${sessions === 1 ? 'session' : 'sessions'} seen lately.`,
      );
      const overtaken = editing !== null && editing.before !== JSON.stringify(flag.setting);
      const isNews = overtaken && conflict.hidden;
      show(conflict, overtaken);
      if (overtaken) {
        const when = ago(now - flag.updated_at / 1e6);
        write(
          meanwhile,
          `${flag.by || 'Somebody'} changed it ${when === 'now' ? 'just now' : when}: ${decided(flag.definition, flag.setting)}.`,
        );
        if (isNews) page.announce(meanwhile.textContent ?? '');
      }
      const isSame = ('same' in checked && checked.same && flag.setting !== null) || editing === null;
      mark(save, 'aria-disabled', String(busy || isSame));
      const isDefault = flag.setting === null && Object.keys(flag.overrides).length === 0;
      mark(reset, 'aria-disabled', String(busy || isDefault));
      dialog.say(flag);
      show(failure, failure.textContent !== '');
    },
  };
}

/** @param {string} text @param {string} className @param {() => void} pressed */
function button(text, className, pressed) {
  const made = make('button', className, text);
  made.type = 'button';
  made.addEventListener('click', pressed);
  return made;
}

/** Asks before everything that was decided is dropped. @param {() => void} confirmed */
function makeDialog(confirmed) {
  const text = make('p');
  const heading = make('h3', '', 'Reset the flag?');
  heading.id = 'flags-reset';
  const dialog = make('dialog', '', heading, text);
  dialog.setAttribute('aria-labelledby', heading.id);
  const close = () => dialog.close();
  const yes = button('Reset', 'danger', () => {
    close();
    confirmed();
  });
  dialog.append(make('div', 'actions', button('Keep it', '', close), yes));
  return Object.assign(dialog, {
    /** @param {FlagDetails} flag */
    say({ definition, overrides }) {
      const own = Object.keys(overrides).length;
      const gone =
        own === 0 ? '' : ` ${own} ${own === 1 ? 'session loses its' : 'sessions lose their'} own value.`;
      write(text, `Then it is ${decided(definition, null)}.${gone}`);
    },
  });
}
