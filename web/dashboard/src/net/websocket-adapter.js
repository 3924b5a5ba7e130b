/** The WebSocket at `/api/live` (web/live.py), as adapter.js describes it. */

/** The flag dashboard.websocket is off for this browser (web/live.py). */
const RETIRED = 4410;
/** There was no connection, or it broke without a word. */
const ABNORMAL = 1006;

/**
 * @param {{emit: import('./adapter.js').Emit, session: () => string, expired: () => void}} browser `expired`:
 *   the server wants a login
 * @returns {import('./adapter.js').Adapter}
 */
export function makeWebsocketAdapter({ emit, session, expired }) {
  /** @type {WebSocket | null} */
  let socket = null;

  /** A handshake that was refused looks like a server that is gone; only a request tells them apart. */
  const askWhy = async () => {
    const answer = await fetch('api/status').catch(() => null);
    if (answer?.status === 401) expired();
  };

  const close = () => {
    const closing = socket;
    socket = null;
    closing?.close();
  };

  return {
    open(from) {
      close();
      const url = new URL('api/live', document.baseURI.replace(/^http/, 'ws'));
      url.searchParams.set('session', session());
      if (from !== null) url.searchParams.set('from', String(from));
      const opened = new WebSocket(url);
      socket = opened;
      let heard = false;
      opened.onmessage = ({ data }) => {
        if (socket !== opened) return;
        heard = true;
        emit({ type: 'frame', transport: 'websocket', frame: JSON.parse(data), at: Date.now() });
      };
      opened.onclose = ({ code, reason }) => {
        if (socket !== opened) return;
        socket = null;
        if (!heard) askWhy();
        emit({
          type: 'moved',
          transport: 'websocket',
          phase: code === RETIRED ? 'refused' : 'closed',
          at: Date.now(),
          detail: reason || (code === ABNORMAL ? (heard ? 'it broke off' : 'no connection') : `code ${code}`),
        });
      };
    },
    close,
    ask(first, last) {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify({ type: 'backfill', first_offset: first, last_offset: last }));
      return true;
    },
  };
}
