/** Frames as the server sends them, for the tests of the page's cores. */

export const hello = (next_offset, journal_id = 'a') => ({
  type: 'hello',
  journal_id,
  next_offset,
  flags: {},
  version: '0',
});

export const metric = (offset, extra = {}) => ({
  offset,
  name: 'load',
  value: offset,
  time: offset * 1e9,
  ...extra,
});

export const metrics = (first_offset, last_offset, extra = () => ({})) => ({
  type: 'metrics',
  first_offset,
  last_offset,
  metrics: Array.from({ length: last_offset - first_offset + 1 }, (_, i) =>
    metric(first_offset + i, extra(first_offset + i)),
  ),
});

export const gap = (first_offset, last_offset, reason = 'slow') => ({
  type: 'gap',
  first_offset,
  last_offset,
  reason,
});

export const actor = (name, extra = {}) => ({
  name,
  path: `/${name}`,
  kind: 'actor',
  state: 'running',
  mailbox: 0,
  capacity: 10,
  processed: 0,
  dropped: 0,
  restarts: 0,
  last_error: null,
  children: [],
  ...extra,
});

export const store = (extra = {}) => ({
  name: 'sqlite',
  cursor: 0,
  lag: 0,
  persisted: 0,
  breaker: 'closed',
  state: 'following',
  last_error: null,
  ...extra,
});

export const status = (extra = {}) => ({
  type: 'status',
  status: {
    journal: {
      id: 'a',
      first_offset: 0,
      next_offset: 0,
      segments: 1,
      bytes: 0,
      free_bytes: 1,
      durability: 'fsync',
      state: 'writable',
    },
    stores: [store()],
    dead_letters: { pending: 0 },
    actors: actor('root'),
    accepted: 0,
    persisted: 0,
    dead_lettered: 0,
    pending: 0,
    version: '0',
    started_at: 0,
    ...extra,
  },
});
