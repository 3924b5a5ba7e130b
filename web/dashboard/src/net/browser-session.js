/** The session of a browser: all its tabs have the same one, and it stays until the browser's storage is cleared. */

const KEY = 'session';

/**
 * The session, made where there is none: 128 random bits, as hexadecimal digits. Where the browser keeps
 * nothing, it lasts as long as the page.
 * @param {Pick<import('./settings.js').Settings, 'get' | 'set'>} settings
 */
export function browserSession(settings) {
  const kept = settings.get(KEY, '');
  if (/^[\da-f]{32}$/.test(kept)) return kept;
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is for secure contexts only
  settings.set(KEY, Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  return settings.get(KEY, '');
}
