/** What stands around every view: the way between them, the sentence of health, the connection, the theme. */

import { ago, duration } from '../core/format.js';
import { health, SILENT, viewThatHelps } from '../core/health.js';
import { reliance } from '../core/link-words.js';
import { byId, make, mark, show, write } from './dom.js';

/** @typedef {'auto' | 'light' | 'dark'} Theme */

/** @type {Record<Theme, {next: Theme, label: string}>} */
const THEMES = {
  auto: { next: 'light', label: 'Theme: as your system has it' },
  light: { next: 'dark', label: 'Theme: light' },
  dark: { next: 'auto', label: 'Theme: dark' },
};

/** @param {import('./view.js').Page} page */
export function makeShell({ settings }) {
  const theme = byId('theme', HTMLButtonElement);
  const dress = () => {
    const chosen = settings.get('theme', /** @type {Theme} */ ('auto'));
    const { label } = THEMES[chosen] ?? THEMES.auto;
    document.documentElement.dataset.theme = chosen;
    theme.title = label;
    mark(theme, 'aria-label', `${label}. Change`);
  };
  theme.addEventListener('click', () => {
    settings.set('theme', (THEMES[settings.get('theme', /** @type {Theme} */ ('auto'))] ?? THEMES.auto).next);
  });
  settings.watch('theme', dress);
  dress();
  // See web/auth.py: the cookie of the login itself is hidden from scripts.
  byId('logout', HTMLFormElement).hidden = !/(^|; )forebay_logged_in=/.test(document.cookie);

  const view = byId('view', HTMLElement);
  const sentence = byId('health', HTMLElement);
  const announcement = byId('announcement', HTMLElement);
  const remedy = byId('remedy', HTMLAnchorElement);
  const notice = makeNotice();
  let kind = '';
  let title = '';
  let opened = '';

  return {
    /**
     * Show `element` as the view `name`. With `focus`, the keyboard goes on there.
     * @param {string} name
     * @param {HTMLElement} element
     * @param {boolean} focus
     */
    open(name, element, focus) {
      opened = name;
      for (const link of byId('views', HTMLElement).querySelectorAll('a')) {
        const current = link.getAttribute('href') === `#/${name}`;
        if (current) {
          link.setAttribute('aria-current', 'page');
          title = link.textContent ?? '';
          link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
        } else link.removeAttribute('aria-current');
      }
      view.replaceChildren(element);
      if (focus) {
        view.focus({ preventScroll: true });
        scrollTo(0, 0);
      }
    },

    /** @param {string} text */
    announce(text) {
      announcement.textContent = text;
    },

    /** @param {() => void} retry */
    onRetry(retry) {
      byId('retry', HTMLButtonElement).addEventListener('click', retry);
    },

    /** @param {import('./view.js').Model} model */
    show({ state, link, connection, now }) {
      const relied = reliance(link, now);
      showConnection(connection, link, relied.kind, now);
      if (notice.show(relied)) announcement.textContent = relied.text;
      const said = health(state, connection, now);
      const { tone, kind: current, text } = said;
      writeSentence(sentence, text);
      mark(sentence, 'data-tone', tone);
      const helps = viewThatHelps(state, said);
      show(remedy, helps !== null && helps.view !== opened);
      if (helps) {
        mark(remedy, 'href', `#/${helps.view}`);
        write(remedy.children[0], helps.words);
      }
      // Read aloud when the situation changes, not each time that a number does.
      if (kind !== current) {
        kind = current;
        announcement.textContent = text;
      }
      const named = `${tone === 'bad' ? '⚠ ' : ''}${title ? `${title} · ` : ''}Forebay`;
      if (document.title !== named) document.title = named;
      mark(document.body, 'data-stale', String(connection.phase !== 'open'));
      if (state.status) write(byId('version', HTMLElement), state.status.version);
    },
  };
}

/** Write `text`, in which what a person can type stands between backticks. @param {HTMLElement} element @param {string} text */
function writeSentence(element, text) {
  const parts = text.split('`');
  if (element.textContent === parts.join('')) return;
  element.replaceChildren(...parts.map((part, index) => (index % 2 ? make('code', '', part) : part)));
}

/**
 * @param {import('../core/connection.js').Connection} connection
 * @param {import('../core/link.js').Link} link
 * @param {string} kind of what the page relies on
 * @param {number} now
 */
function showConnection(connection, { active, polling }, kind, now) {
  const seconds = connection.phase === 'waiting' ? Math.ceil((connection.until - now) / 1000) : 0;
  const quiet = connection.phase === 'open' ? now - connection.heardAt : 0;
  const [tone, text] =
    connection.phase === 'connecting'
      ? ['unknown', connection.attempt ? 'Reconnecting…' : 'Connecting…']
      : connection.phase === 'waiting'
        ? ['bad', seconds > 0 ? `Next try in ${duration(seconds)}` : 'Reconnecting…']
        : polling
          ? ['busy', 'Not live']
          : quiet > SILENT
            ? ['busy', `Last heard ${ago(quiet)}`]
            : kind === ''
              ? ['good', 'Live']
              : ['busy', active === 'realtime' ? 'Live by Realtime' : 'Live by WebSocket'];
  mark(byId('connection', HTMLElement), 'data-tone', tone);
  write(byId('connection-text', HTMLElement), text);
  show(byId('retry', HTMLElement), connection.phase !== 'open' && seconds > 1);
}

/**
 * What stands over the page's foot while live data does not come as it should. It moves nothing, and goes when
 * it is closed or the situation changes.
 */
function makeNotice() {
  const text = make('span');
  const more = make('a', '', 'Live data');
  more.href = '#/transports';
  const close = make('button', 'icon', '×');
  close.type = 'button';
  close.setAttribute('aria-label', 'Close the notice');
  const element = make('aside', 'notice', text, more, close);
  element.setAttribute('aria-label', 'Notice about live data');
  element.hidden = true;
  document.body.append(element);
  let kind = '';
  let closed = false;
  close.addEventListener('click', () => {
    closed = true;
    element.hidden = true;
  });
  return {
    /** Whether this is news. @param {ReturnType<typeof reliance>} words */
    show(words) {
      const isNew = words.kind !== kind && words.kind !== '';
      if (words.kind !== kind) closed = false;
      kind = words.kind;
      mark(element, 'data-tone', words.tone);
      if (kind !== '') write(text, words.brief ?? words.text);
      show(element, kind !== '' && !closed);
      return isNew;
    },
  };
}
