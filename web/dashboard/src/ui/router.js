/** Addresses within the page: `#/NAME?params`. They can be kept, shared and gone back to. */

/**
 * The view that an address names and its parameters; `name` is '' where it names none.
 * @param {string} hash as in location.hash
 */
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return { name: path, params: new URLSearchParams(query) };
}

/**
 * The address of a view. Parameters that are empty are left out.
 * @param {string} name
 * @param {Record<string, string> | URLSearchParams} [params] of the second kind where one may come more than once
 */
export function address(name, params = {}) {
  const pairs = params instanceof URLSearchParams ? [...params] : Object.entries(params);
  const query = new URLSearchParams(pairs.filter(([, value]) => value !== '')).toString();
  return `#/${name}${query ? `?${query}` : ''}`;
}
