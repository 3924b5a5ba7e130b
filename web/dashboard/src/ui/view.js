/**
 * What a view is and what it is given: the contract between src/main.js and src/views.
 *
 * A view is made once, when it is first looked at, and then only brought up to date. `main.js` imports the
 * module of a view (`views/NAME.js`, which exports `makeView`) when its address `#/NAME?params` is opened.
 *
 * @typedef {{
 *   state: import('../core/state.js').State,
 *   link: import('../core/link.js').Link,
 *   connection: import('../core/connection.js').Connection,
 *   now: number,
 * }} Model all that the page knows now; `now` is milliseconds since the epoch
 *
 * @typedef {{
 *   element: HTMLElement,
 *   show: (model: Model) => void,
 *   enter?: (params: URLSearchParams) => void,
 *   leave?: () => void,
 * }} View `element` is shown below the sentence of health. `enter` comes with each change of the address
 *   while the view is open, `leave` when another one is opened: whatever asks the server again and again must
 *   end there. `show` comes at most once an animation frame, and only between `enter` and `leave`.
 *
 * @typedef {{
 *   api: import('../net/api.js').Api,
 *   settings: import('../net/settings.js').Settings,
 *   session: string,
 *   sharing: () => import('../net/cross-session-state.js').Sharing,
 *   flags: import('../net/feature-flag-client.js').FeatureFlags,
 *   history: import('../net/supabase-client.js').History,
 *   model: () => Model,
 *   changed: () => void,
 *   announce: (text: string) => void,
 *   go: (name: string, params?: Record<string, string>) => void,
 *   onMetrics: (listener: (metrics: readonly import('../core/frames.js').LiveMetric[]) => void) => () => void,
 *   onFlag: (listener: () => void) => () => void,
 * }} Page `changed`: show again, in the next animation frame. `announce`: what a screen reader should say now.
 *   `go` opens an address; with the name of the open view it only changes its parameters. `onMetrics`: each
 *   metric once, as it comes, whether the view is open or not; call what it returns to hear no more. `onFlag`,
 *   used likewise: a flag may have been changed, by whomever. `session`: the browser's, for which flags are
 *   evaluated. `sharing`: how this tab shares the connection with the browser's others.
 *
 * @typedef {(page: Page) => View} MakeView
 */

export {};
