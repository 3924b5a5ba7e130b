/**
 * The frames of `/api/live`, field by field as in web/ports.py. Offsets and nanoseconds are JSON numbers.
 *
 * @typedef {{type: 'hello', journal_id: string, next_offset: number, flags: object, version: string}} Hello
 * @typedef {{offset: number, name: string, value: number, time: number,
 *   kind?: string, unit?: string, source?: string}} LiveMetric
 * @typedef {{type: 'metrics', first_offset: number, last_offset: number, metrics: LiveMetric[]}} Metrics
 * @typedef {{type: 'gap', first_offset: number, last_offset: number,
 *   reason: 'slow' | 'retired' | 'busy'}} Gap
 * @typedef {{type: 'status', status: StatusReport}} Status
 * @typedef {{type: 'goodbye', reason: string, reconnect_after: number}} Goodbye
 * @typedef {Hello | Metrics | Gap | Status | Goodbye} Frame
 *
 * @typedef {{id: string, first_offset: number, next_offset: number, segments: number, bytes: number,
 *   free_bytes: number, durability: 'fsync' | 'interval' | 'os',
 *   state: 'writable' | 'full' | 'failed'}} JournalStatus
 * @typedef {{name: string, cursor: number, lag: number, persisted: number,
 *   breaker: 'closed' | 'open' | 'half-open',
 *   state: 'starting' | 'following' | 'catching-up' | 'waiting' | 'blocked',
 *   last_error: string | null}} StoreStatus
 * @typedef {{name: string, path: string, kind: 'supervisor' | 'actor' | 'worker',
 *   state: 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped' | 'failed',
 *   mailbox: number, capacity: number, processed: number, dropped: number, restarts: number,
 *   last_error: string | null, children: ActorStatus[]}} ActorStatus
 * @typedef {{journal: JournalStatus, stores: StoreStatus[], dead_letters: {pending: number},
 *   actors: ActorStatus, accepted: number, persisted: number, dead_lettered: number, pending: number,
 *   lost: number, version: string, started_at: number}} StatusReport
 */

export {};
