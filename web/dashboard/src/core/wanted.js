/**
 * Which transport a tab is to use, and who says so. The address of the tab stands above what was chosen by hand
 * in this browser, that above the flag `dashboard.transport`. Where the flag `dashboard.websocket` is off there
 * is no WebSocket to choose: the server ends and refuses it for this browser's session.
 *
 * @typedef {'websocket' | 'realtime' | 'dual'} Mode
 * @typedef {{transport: Mode, by: 'flag' | 'url' | 'hand'}} Wanted
 */

/** @type {readonly Mode[]} */
export const MODES = ['websocket', 'realtime', 'dual'];

/** What a browser gets of the two flags that decide, where nothing is known of them. @type {{transport: Mode, websocket: boolean}} */
export const USUAL = { transport: 'websocket', websocket: true };

/** @param {unknown} text @returns {Mode | null} */
const mode = (text) => MODES.find((each) => each === text) ?? null;

/**
 * @param {{url: string | null, hand: string | null, flag: string, websocket: boolean}} said `url`: the parameter
 *   `transport` of the address; whatever is no mode is as if it were not said
 * @returns {Wanted}
 */
export function wanted({ url, hand, flag, websocket }) {
  if (!websocket) return { transport: 'realtime', by: 'flag' };
  const inUrl = mode(url);
  if (inUrl) return { transport: inUrl, by: 'url' };
  const byHand = mode(hand);
  if (byHand) return { transport: byHand, by: 'hand' };
  return { transport: mode(flag) ?? USUAL.transport, by: 'flag' };
}
