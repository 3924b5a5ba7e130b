import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aim, atSpeed, isAtEnd, start, take, wanted } from '../../../web/dashboard/src/core/playing.js';

const SECOND = 1e9;

/** Play `journal`, the times of its offsets in nanoseconds, for `ms`: what was shown when, and the questions. */
function play(journal, speed, ms) {
  let playing = start({ offset: 0, time: journal[0] }, speed, 0);
  const shown = [];
  const skipped = [];
  let questions = 0;
  for (let now = 100; now < ms; ) {
    const offset = Math.min(aim(playing, now), journal.length - 1);
    const taken = take(playing, { offset, time: journal[offset] }, now);
    questions += 1;
    playing = taken.playing;
    if (taken.skipped) skipped.push(taken.skipped);
    if (taken.show) shown.push({ now, offset, time: journal[offset] });
    now += Math.max(1, taken.pause);
  }
  return { shown, skipped, questions };
}

/** A thousand offsets a second, for `seconds`. */
const steady = (seconds, begin = 0) => Array.from({ length: seconds * 1000 }, (_, i) => begin + i * 1e6);

test('the journal goes on as many times as fast as it is played', () => {
  for (const speed of [1, 10, 100]) {
    const { shown, skipped } = play(steady(400), speed, 3_000);
    const last = shown.at(-1);
    assert.ok(
      Math.abs(last.time / SECOND - (last.now * speed) / 1000) < 0.25 * speed,
      `${speed}: ${last.time}`,
    );
    assert.ok(shown.length > 20, `${speed}: ${shown.length}`);
    assert.deepEqual(skipped, []);
  }
});

test('what is shown never goes back, nor further ahead than one pace', () => {
  const { shown } = play(steady(60), 10, 3_000);
  for (let i = 1; i < shown.length; i += 1) assert.ok(shown[i].offset > shown[i - 1].offset);
  assert.ok(shown.every(({ now, time }) => time <= (now + 101) * 1e6 * 10));
});

test('a long silence is skipped, a short one is waited for, and nothing on the way is', () => {
  const long = [...steady(1), ...steady(5, 3600 * SECOND)];
  const { shown, skipped, questions } = play(long, 1, 4_000);
  assert.equal(skipped.length, 1);
  assert.ok(Math.abs(skipped[0] / SECOND - 3598) < 2);
  assert.ok(shown.some(({ offset }) => offset >= 900 && offset < 1000));
  assert.ok(shown.some(({ offset }) => offset === 1000));
  assert.ok(questions < 200, String(questions));
  const short = [...steady(1), ...steady(5, 2 * SECOND)];
  assert.deepEqual(play(short, 1, 4_000).skipped, []);
});

test('many offsets of one request are passed, however many', () => {
  const burst = [0, ...Array.from({ length: 50_000 }, () => 1e6), ...steady(60, 2e6)];
  const { shown } = play(burst, 10, 4_000);
  assert.ok(shown.at(-1).offset > 50_000);
});

test('a change of speed begins where it is', () => {
  const playing = start({ offset: 0, time: 0 }, 1, 0);
  const faster = atSpeed(playing, 100, 1_000);
  assert.equal(wanted(faster, 1_000), SECOND);
  assert.equal(wanted(faster, 2_000), 101 * SECOND);
});

test('the end is the present, by offset or by time', () => {
  const playing = start({ offset: 10, time: 0 }, 1, 0);
  assert.ok(isAtEnd(playing, { offset: 10, time: SECOND }, 0));
  assert.ok(!isAtEnd(playing, { offset: 11, time: SECOND }, 500));
  assert.ok(isAtEnd(playing, { offset: 11, time: SECOND }, 1_000));
});
