/**
 * The frames of `/api/live` and of the Realtime channel, field by field as in web/ports.py, web/report.py and
 * web/evaluations.py. Offsets and nanoseconds are JSON numbers; points in time are nanoseconds, 0 where there
 * is none.
 *
 * @typedef {{type: 'hello', journal_id: string, next_offset: number,
 *   flags: Record<string, boolean | string | number>, version: string}} Hello
 * @typedef {{offset: number, name: string, value: number, time: number, kind?: string, unit?: string,
 *   source?: string, session?: string,
 *   attributes?: Record<string, string | number | boolean>}} LiveMetric
 * @typedef {{type: 'metrics', first_offset: number, last_offset: number, metrics: LiveMetric[],
 *   at?: number}} Metrics `at`: when the server made the frame; none where it is history
 * @typedef {{type: 'gap', first_offset: number, last_offset: number,
 *   reason: 'slow' | 'retired' | 'busy' | 'damaged' | 'early'}} Gap `early` is the page's own word: the server has not come to
 *   these offsets yet
 * @typedef {{type: 'status', status: StatusReport}} Status
 * @typedef {{type: 'flag', name: string, value: boolean | string | number, variant: string, reason: string,
 *   session: string}} Flag `session` is '' where it is nobody's in particular: ask for your own
 * @typedef {{type: 'goodbye', reason: string, reconnect_after: number, code?: 'stopping' | 'retired'}} Goodbye
 * @typedef {Hello | Metrics | Gap | Status | Flag | Goodbye} Frame
 *
 * @typedef {{id: string, first_offset: number, next_offset: number, segments: number, bytes: number,
 *   free_bytes: number, durability: 'fsync' | 'interval' | 'os', state: 'writable' | 'full' | 'failed',
 *   full_in?: number | null}} JournalStatus
 * @typedef {{name: string, cursor: number, lag: number, persisted: number,
 *   breaker: 'closed' | 'open' | 'half-open' | 'off',
 *   state: 'starting' | 'following' | 'catching-up' | 'waiting' | 'blocked' | 'off',
 *   last_error: string | null, lag_seconds?: number, dead_lettered?: number, breaker_since?: number,
 *   next_probe_at?: number, attempts?: number, error_kind?: string | null, failing_since?: number,
 *   missing?: number, lost?: number, breaker_by?: '' | 'hand'}} StoreStatus
 * @typedef {{pending: number, limit: number, oldest_at: number, redriving: number, redriven: number,
 *   discarded: number, expired: number, enabled: boolean, expires_at?: number}} DeadLetterStatus
 * @typedef {{name: string, path: string, kind: 'supervisor' | 'actor' | 'worker',
 *   state: 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped' | 'failed',
 *   mailbox: number, capacity: number, processed: number, dropped: number, restarts: number,
 *   last_error: string | null, children: ActorStatus[]}} ActorStatus
 * @typedef {{state: 'off' | 'idle' | 'connecting' | 'publishing' | 'failing',
 *   breaker: 'closed' | 'open' | 'half-open' | 'off', messages_per_second: number, bytes_per_second: number,
 *   published: number, dropped: number, last_error: string | null}} RealtimeStatus
 * @typedef {{journal: JournalStatus, stores: StoreStatus[], dead_letters: DeadLetterStatus,
 *   actors: ActorStatus, accepted: number, persisted: number, dead_lettered: number, pending: number,
 *   lost: number, version: string, started_at: number,
 *   health?: {level: 'good' | 'busy' | 'bad', sentence: string,
 *     about?: '' | 'journal' | 'stores' | 'actors' | 'dead-letters'} | null,
 *   realtime: RealtimeStatus}} StatusReport
 */

export {};
