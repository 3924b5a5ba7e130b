import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dial, heard, lost, OFF, refuse } from '../../../web/dashboard/src/core/connection.js';
import { INITIAL } from '../../../web/dashboard/src/core/link.js';
import * as words from '../../../web/dashboard/src/core/link-words.js';
import { EMPTY } from '../../../web/dashboard/src/core/state.js';
import { status } from './frames.mjs';

const { countWords, lineWords, reliance, verdict, wish } = words;
const NOW = 1_000_000;
const OPEN = heard(dial(OFF, NOW - 30_000), status(), NOW);
const SILENT = heard(dial(OFF, NOW - 30_000), status(), NOW - 12_000);
const LOST = lost(SILENT, NOW, 0, 'it broke off');
const link = (more) => ({ ...INITIAL.link, active: 'websocket', ...more });
const lines = (websocket, realtime) => ({ lines: { websocket, realtime } });

/** Both meters after ten minutes side by side, with `lost` and `late` on Realtime. */
function compared({ realtime = {}, websocket = {}, slower = 12, ms = 600_000 } = {}) {
  const minute = Math.floor(NOW / 60_000);
  const meter = (more, delay) => ({
    ...INITIAL.link.meters.websocket,
    opened: true,
    delays: Array.from({ length: 100 }, () => delay),
    minutes: [{ minute, metrics: 41_230, lost: 0, reconnects: 0, ...more }],
  });
  return link({
    wanted: 'dual',
    ...lines(OPEN, OPEN),
    together: { ms, metrics: 41_230 },
    clock: { ...INITIAL.link.clock, least: 0, before: Infinity, trip: 8 },
    meters: { websocket: meter(websocket, 20), realtime: meter(realtime, 20 + slower) },
  });
}

test('a fallback is said: who fails, since when, and who stands in', () => {
  const failing = link({
    wanted: 'realtime',
    falls: 1,
    fallback: { since: 0, from: 'realtime', because: 'is silent' },
    ...lines(OPEN, SILENT),
  });
  assert.equal(
    reliance(failing, NOW).text,
    'Supabase Realtime is silent since 12 s; live data comes by the WebSocket.',
  );
  const gone = reliance({ ...failing, ...lines(OPEN, LOST) }, NOW).text;
  assert.equal(gone, 'Supabase Realtime was lost 12 s ago (it broke off); live data comes by the WebSocket.');
  assert.match(reliance({ ...failing, ...lines(OPEN, OPEN) }, NOW).text, /^Supabase Realtime is back\./);
});

test('where nothing else is open, the page is not said to stay with it too', () => {
  const fallback = { since: 0, from: 'websocket', because: 'is silent' };
  const refused = refuse(dial(OFF, 0), 0, NOW, 'set SUPABASE_URL');
  const back = reliance(link({ falls: 1, fallback, ...lines(OPEN, refused) }), NOW);
  assert.deepEqual([back.kind, back.text], ['', 'The WebSocket is back.']);
});

test('a change that is under way, and data as it is wanted, are no news', () => {
  const opening = { since: 0, from: 'realtime', because: 'is being opened' };
  assert.equal(reliance(link({ wanted: 'realtime', fallback: opening, ...lines(OPEN, OFF) }), NOW).kind, '');
  assert.equal(reliance(link(lines(OPEN, OFF)), NOW).kind, '');
  assert.equal(reliance(link({ wanted: 'dual', ...lines(OPEN, OPEN) }), NOW).kind, '');
});

test('the kind stays while only numbers change, so that it is not read aloud again', () => {
  const half = link({ wanted: 'dual', ...lines(OPEN, LOST) });
  assert.equal(reliance(half, NOW).kind, reliance(half, NOW + 1_000).kind);
  assert.notEqual(reliance(half, NOW).text, reliance(half, NOW + 1_000).text);
});

test('a page without any transport says why of both, and what it does instead', () => {
  const refused = refuse(dial(OFF, 0), 0, NOW, 'set SUPABASE_URL');
  const retired = refuse(OPEN, 0, null, 'the flag dashboard.websocket is off');
  const dark = link({ active: null, polling: true, polledAt: NOW, ...lines(retired, refused) });
  const { text } = reliance(dark, NOW);
  assert.match(text, /the WebSocket is refused \(the flag dashboard\.websocket is off\)/);
  assert.match(text, /Supabase Realtime is refused \(set SUPABASE_URL\)/);
  assert.match(text, /asks Forebay every few seconds/);
  assert.equal(
    reliance(dark, NOW).brief,
    'There is no live connection. The page asks Forebay every few seconds instead.',
  );
});

test('that Forebay is away is for the sentence of health to say, not once more', () => {
  const dark = link({ active: null, polling: true, polledAt: null, ...lines(LOST, LOST) });
  assert.match(reliance(dark, NOW).text, /Forebay itself does not answer/);
  assert.equal(reliance(dark, NOW).kind, '');
  const falling = { since: 0, from: 'websocket', because: 'was lost' };
  assert.equal(
    reliance(link({ active: null, falls: 1, fallback: falling, ...lines(LOST, OFF) }), NOW).kind,
    '',
  );
});

test('each phase of a line has a word and what is behind it', () => {
  assert.equal(lineWords(OPEN, NOW).text, 'Open');
  assert.deepEqual(
    [lineWords(SILENT, NOW).text, lineWords(SILENT, NOW).note],
    ['Silent', 'nothing was heard for 12 s'],
  );
  assert.match(lineWords(LOST, NOW).note, /^it broke off; next try in 1 s$/);
  assert.equal(lineWords(refuse(OFF, 0, NOW + 60_000, 'no'), NOW).note, 'no; asked again in 60 s');
  assert.match(lineWords(dial(LOST, NOW), NOW).note, /^attempt 2; before: it broke off$/);
});

test('who wants what is said', () => {
  assert.equal(
    wish({ wanted: 'dual', by: 'url' }),
    'Both transports are wanted by the address of this page (transport=dual).',
  );
  assert.match(wish({ wanted: 'websocket', by: 'hand' }), /^The WebSocket is wanted by hand/);
});

test('the verdict says when it is safe to switch', () => {
  assert.equal(
    verdict(compared(), NOW).text,
    'Both bring the same: 0 of 41,230 metrics missing on Realtime in the last 10 minutes, 12 ms slower at p99. Safe to switch.',
  );
});

test('losses on Realtime, however few, say to keep the WebSocket', () => {
  const { tone, text } = verdict(compared({ realtime: { lost: 37 } }), NOW);
  assert.equal(tone, 'bad');
  assert.match(text, /^Realtime lost 37 of 41,267 metrics in the last 10 minutes: keep the WebSocket\./);
  assert.equal(verdict(compared({ realtime: { lost: 1 }, ms: 3_000 }), NOW).kind, 'lost', 'at once');
  assert.equal(verdict(compared({ realtime: { lost: 1 }, websocket: { lost: 1 } }), NOW).kind, 'both lost');
});

test('nothing is said too early, nor of one transport alone', () => {
  assert.match(
    verdict(compared({ ms: 12_000 }), NOW).text,
    /^Too early to tell: both have run side by side for 12 s/,
  );
  assert.equal(verdict(link(lines(OPEN, OFF)), NOW).kind, 'alone');
});

test('what is slow, shaky, refused or better than the WebSocket is told apart', () => {
  assert.equal(verdict(compared({ slower: 730 }), NOW).kind, 'slow');
  assert.equal(verdict(compared({ realtime: { reconnects: 2 } }), NOW).kind, 'shaky');
  assert.equal(verdict(compared({ websocket: { lost: 5 } }), NOW).kind, 'better');
  const refused = { ...compared(), ...lines(OPEN, refuse(OFF, 0, null, 'set SUPABASE_JWT_SECRET')) };
  assert.equal(
    verdict(refused, NOW).text,
    'Supabase Realtime cannot be used (set SUPABASE_JWT_SECRET): keep the WebSocket.',
  );
  const retired = refuse(OPEN, 0, null, 'retired');
  assert.equal(verdict({ ...compared(), ...lines(retired, OPEN) }, NOW).kind, 'retired');
  assert.equal(verdict({ ...refused, lines: { ...refused.lines, websocket: retired } }, NOW).kind, 'neither');
});

test('what the page counted is said with what it still lacks', () => {
  assert.equal(
    countWords({ ...EMPTY, counted: 1_204 }),
    'This page has counted 1,204 metrics, each once. None is missing.',
  );
  const hole = { first: 5, last: 14, attempts: 1, phase: 'asked' };
  assert.match(countWords({ ...EMPTY, holes: [hole] }), /10 offsets were asked for and are on their way\.$/);
});
