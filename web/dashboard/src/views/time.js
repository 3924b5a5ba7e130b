/**
 * Time: the state that the journal folds to, as of any offset that is kept, and played from there. The address
 * carries `offset`; without one it is the present, and stays so.
 */

import { duration, whole } from '../core/format.js';
import {
  headline,
  isAt,
  justAfter,
  justBefore,
  KINDS,
  keptSince,
  lastMoment,
  localTime,
  MS,
} from '../core/past.js';
import { parseOffset, toLocal } from '../core/scrub.js';
import { strip, timeNear } from '../core/segments.js';
import { makeAlert } from '../ui/alert.js';
import { make, mark, show, write } from '../ui/dom.js';
import { makeAsker } from './time/asker.js';
import { makeControls } from './time/controls.js';
import { makePanels } from './time/panels.js';
import { makePlayer } from './time/player.js';
import { makePresent } from './time/present.js';
import './time.css';

/**
 * @typedef {import('../core/past.js').Report} Report
 * @typedef {import('../core/past.js').Kind} Kind
 */

const SPEED = 'time.speed';

/** @type {import('../ui/view.js').MakeView} */
export function makeView(page) {
  /** The state of the past that is shown. @type {Report | null} */
  let past = null;
  /** The offset where the slider is wished to be; null: now. @type {number | null} */
  let wish = null;
  /** What is shown while the wish is not answered: the offset of `past`, null: now. @type {number | null} */
  let settled = null;
  /** What is said where playing has come to its end. */
  let farewell = '';
  let speed = page.settings.get(SPEED, 10);
  let jumping = new AbortController();

  const when = make('p', 'time-when');
  const where = make('p', 'quiet');
  const badge = make('span', 'badge');
  const legend = make('span', 'quiet', 'Underlined: different now.');
  const remark = make('span', 'time-remark');
  const kept = make('span');
  const alert = makeAlert();

  /** @param {string} text @param {(() => void) | null} [retrying] */
  const complain = (text, retrying = null) => {
    alert.say(text, retrying);
    page.announce(text);
    page.changed();
  };
  const calm = () => {
    alert.hide();
    write(remark, '');
  };
  calm();

  const present = makePresent(page, complain);
  const shown = () => (settled === null ? present.report() : past);
  const asker = makeAsker(page.api, {
    answered(found) {
      past = found;
      settled = found.offset;
      calm();
      page.changed();
    },
    failed({ message }, point) {
      // What was there stays, and so does where it is.
      wish = settled;
      complain(message, () => {
        wish = point.offset ?? wish;
        asker.insist(point);
      });
    },
  });
  const player = makePlayer(page.api, {
    present: present.report,
    show(found) {
      past = found;
      wish = settled = found.offset;
      page.changed();
    },
    skipped: (nanoseconds) =>
      write(remark, `Skipped ${duration(nanoseconds / 1e9)} in which nothing was written.`),
    end() {
      farewell = 'You are at now: live.';
      page.go('time');
      page.announce(farewell);
    },
    fail: ({ message }) => complain(message, play),
  });

  /** Nothing moves by itself any more. */
  const hold = () => {
    player.stop();
    asker.stop();
    jumping.abort();
    jumping = new AbortController();
  };
  const play = () => {
    const begin = past;
    if (player.isPlaying()) {
      player.stop();
      page.go('time', { offset: String(wish) });
      page.announce('Paused.');
    } else if (settled !== null && begin) {
      hold();
      calm();
      player.play(begin, speed);
      page.announce('Playing.');
    }
    page.changed();
  };
  /** @param {string} time @returns {Promise<Report>} */
  const ask = (time) => page.api.get('api/state', { params: { time }, signal: jumping.signal });
  /** Go to the state that `find` comes to. @param {() => Promise<Report | null>} find */
  const jump = async (find) => {
    hold();
    const { signal } = jumping;
    calm();
    write(remark, 'Looking for it…');
    try {
      const found = await find();
      if (signal.aborted) return;
      calm();
      if (found === null) {
        complain('There is none before that in what is kept of the journal.');
        return;
      }
      past = found;
      settled = found.offset;
      page.go('time', { offset: String(found.offset) });
      page.announce(`Offset ${whole(found.offset)}, ${localTime(found.time)}.`);
    } catch (error) {
      if (signal.aborted) return;
      calm();
      complain(/** @type {Error} */ (error).message, () => jump(find));
    }
  };
  /** @param {Kind} kind @returns {Promise<Report | null>} */
  const findMoment = async (kind) => {
    const report = shown();
    let last = report && momentOf(report, kind);
    if (report && last && isAt(report, last.at))
      last = lastMoment((await ask(justBefore(last.at))).state, kind);
    return last ? ask(justAfter(last.at)) : null;
  };
  /** The last one before what is shown; where there is none, the last one before now. @param {Report} report @param {Kind} kind */
  const momentOf = (report, kind) =>
    lastMoment(report.state, kind) ?? lastMoment((present.report() ?? report).state, kind);

  const controls = makeControls(
    {
      drag(offset) {
        player.stop();
        jumping.abort();
        wish = offset;
        asker.wish({ offset });
        page.changed();
      },
      drop(offset) {
        player.stop();
        page.go('time', offset === present.report()?.next_offset ? {} : { offset: String(offset) });
      },
      at: (nanoseconds) => jump(() => ask(BigInt(nanoseconds).toString())),
      moment: (kind) => jump(() => findMoment(kind)),
      play,
      speed(next) {
        speed = next;
        page.settings.set(SPEED, next);
        player.speed(next);
      },
      live: () => page.go('time'),
      complain,
    },
    speed,
  );
  const panels = makePanels();
  const loading = make('p', 'note', 'Asking for the state…');
  const card = make(
    'section',
    'card',
    make('div', 'bar', make('div', 'time-head', when, where), badge, legend, controls.top),
    make(
      'div',
      'time-body',
      controls.track,
      make('p', 'time-ends quiet', kept, remark, make('span', '', 'now')),
      alert.element,
      controls.form,
      controls.moments,
    ),
  );
  card.setAttribute('aria-label', 'The point in time');

  /** @param {number} now */
  const showControls = (now) => {
    const live = wish === null;
    const playing = player.isPlaying();
    const { first, next } = present.range();
    const offset = wish ?? next;
    const exact = live || past?.offset === offset;
    const at = live
      ? now * MS
      : exact
        ? (past?.time ?? null)
        : timeNear(present.segments(), offset, next, now * MS);
    const words = headline({ offset, next, at, exact, live, playing }, now);
    write(when, words.when);
    write(where, words.where);
    write(badge, words.badge);
    mark(badge, 'data-tone', live ? 'good' : 'busy');
    show(legend, !live);
    write(kept, keptSince(present.segments()[0]?.created_at, first, now));
    controls.show({
      first,
      next,
      offset,
      aloud: words.aloud,
      live,
      playing,
      local: at === null ? '' : toLocal(at),
    });
    controls.showBlocks(strip(present.segments(), next));
    controls.showMoments((kind) => {
      const report = shown();
      const last = report && momentOf(report, kind);
      if (!last) return { text: KINDS.find((one) => one.kind === kind)?.none ?? '', able: false };
      return { text: `${localTime(last.at, now)} ${last.what}`.trim(), able: true };
    });
  };

  const element = make('div', 'time stack', make('h2', 'unseen', 'Time'), card, loading, panels.element);
  return {
    element,
    enter(params) {
      const text = params.get('offset');
      const offset = parseOffset(text);
      present.enter();
      if (offset === null) {
        hold();
        calm();
        wish = settled = null;
        write(remark, farewell);
        farewell = '';
        if (text !== null) complain(`“${text}” is no offset: give a whole number, such as ?offset=1200.`);
      } else if (past?.offset !== offset || !player.isPlaying()) {
        player.stop();
        wish = offset;
        if (past?.offset === offset) settled = offset;
        else asker.insist({ offset });
      }
    },
    leave() {
      hold();
      present.leave();
    },
    show({ state: { status }, now }) {
      present.heard(status);
      showControls(now);
      mark(element, 'data-live', String(settled === null));
      const report = shown();
      show(loading, report === null && !alert.isShown());
      show(panels.element, report !== null);
      if (report) panels.show(report.state, (present.report() ?? report).state, now);
    },
  };
}
