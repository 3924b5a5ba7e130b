import assert from 'node:assert/strict';
import { test } from 'node:test';

import { suggestions } from '../../../web/dashboard/src/core/suggestions.js';

const STORED = [
  { name: 'cpu', unit: '%', count: 10, sources: ['gpu-1', 'gpu-2'] },
  { name: 'memory', unit: '', count: 12_345, sources: ['gpu-1'] },
];
const labels = (text, live = []) => suggestions(STORED, live, text).map(({ label }) => label);

test('while nothing is typed the busiest names come first', () => {
  assert.deepEqual(labels(''), ['memory', 'cpu']);
  assert.deepEqual(suggestions(STORED, [], '')[0].note, '12.3K');
});

test('what is typed is found in names, and in sources: those of a name that has several can be picked alone', () => {
  assert.deepEqual(labels('C'), ['cpu', 'cpu from gpu-1', 'cpu from gpu-2']);
  assert.deepEqual(labels('2 cpu'), ['cpu from gpu-2']);
  assert.deepEqual(labels('memory gpu-1'), ['memory']);
  assert.deepEqual(labels('none'), []);
});

test('what comes live can be picked before it is stored, and is there once', () => {
  const live = [
    { name: 'new', source: 'a', unit: 's' },
    { name: 'new', source: 'b', unit: 's' },
    { name: 'cpu', source: 'gpu-1', unit: '%' },
  ];
  assert.deepEqual(labels('', live), ['memory', 'cpu', 'new']);
  assert.deepEqual(labels('b new', live), ['new from b']);
  assert.equal(suggestions(STORED, live, '')[2].note, 's · live');
});

test('there are never more than can be looked through', () => {
  const many = Array.from({ length: 500 }, (_, i) => ({ ...STORED[0], name: `m${i}` }));
  assert.equal(suggestions(many, [], 'm').length, 40);
});
