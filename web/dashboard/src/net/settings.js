/**
 * View settings: they survive a reload, and a change reaches the other tabs of the browser at once.
 *
 * @typedef {{
 *   get: <T>(key: string, usual: T) => T,
 *   set: (key: string, value: unknown) => void,
 *   watch: (key: string, changed: () => void) => () => void,
 * }} Settings values are what JSON can hold; `watch` tells of changes from this tab and others
 */

const PREFIX = 'forebay.';

/** @returns {Settings} */
export function makeSettings() {
  /** @type {Map<string, Set<() => void>>} */
  const watchers = new Map();
  /** Where the browser keeps nothing (storage is blocked), settings last as long as the page. @type {Map<string, string>} */
  const kept = new Map();
  const read = (/** @type {string} */ key) => {
    try {
      return localStorage.getItem(PREFIX + key);
    } catch {
      return kept.get(key) ?? null;
    }
  };
  addEventListener('storage', ({ key }) => {
    if (key?.startsWith(PREFIX)) watchers.get(key.slice(PREFIX.length))?.forEach((changed) => changed());
  });
  return {
    get(key, usual) {
      const text = read(key);
      if (text === null) return usual;
      try {
        return JSON.parse(text);
      } catch {
        return usual;
      }
    },
    set(key, value) {
      const text = JSON.stringify(value);
      if (text === read(key)) return;
      try {
        localStorage.setItem(PREFIX + key, text);
      } catch {
        kept.set(key, text);
      }
      watchers.get(key)?.forEach((changed) => changed());
    },
    watch(key, changed) {
      const all = watchers.get(key) ?? new Set();
      watchers.set(key, all.add(changed));
      return () => all.delete(changed);
    },
  };
}
