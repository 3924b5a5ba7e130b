/**
 * What the page has of each transport: one interface, two adapters (websocket-adapter.js, realtime-adapter.js).
 *
 * An adapter makes one connection when it is told to, reports what happens to it as events, and decides
 * nothing: it does not try again, does not wait, and leaves silence to core/dashboard-core.js to judge.
 *
 * - `open(from)` begins a connection in place of any before it; `from` is the offset to send on from, where the
 *   transport can. Frames follow, the first of them a `hello`.
 * - `close()` ends it. Nothing is reported of it any more.
 * - `ask(first, last)` has the metrics of these offsets sent again, as frames; false where this transport
 *   cannot now.
 *
 * It emits `frame` for each frame, and `moved` at most once a connection: `closed` when it ended or could not
 * be made, `refused` when there is no use in trying again. `detail` is what the server said, for people.
 *
 * @typedef {{
 *   open: (from: number | null) => void,
 *   close: () => void,
 *   ask: (first: number, last: number) => boolean,
 * }} Adapter
 *
 * @typedef {(event: import('../core/link.js').LinkEvent) => void} Emit
 */

export {};
