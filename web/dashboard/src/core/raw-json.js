/** JSON as text, so that no number in it is rounded: JavaScript's own hold 53 bits, a metric's up to 64. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * `text`, which is valid JSON, with its members on lines of their own.
 * @param {string} text
 */
export function pretty(text) {
  const tokens = text.match(TOKEN) ?? [];
  let depth = 0;
  let out = '';
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    if (token === '{' || token === '[') {
      depth += 1;
      out += next === '}' || next === ']' ? token : token + line(depth);
    } else if (token === '}' || token === ']') {
      depth -= 1;
      out += tokens[index - 1] === '{' || tokens[index - 1] === '[' ? token : line(depth) + token;
    } else if (token === ',') out += token + line(depth);
    else out += token === ':' ? ': ' : token;
  });
  return out;
}

/** @param {number} depth */
const line = (depth) => `\n${'  '.repeat(depth)}`;

/**
 * The text of what the object in `text`, which is valid JSON, has under `key`; null where it has nothing.
 * @param {string} text
 * @param {string} key
 */
export function member(text, key) {
  let depth = 0;
  let from = -1;
  let found = null;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth += 1;
    const ends = depth === 1 && (token === ',' || token === '}');
    if (ends && from >= 0) {
      found = text.slice(from, index).trim();
      from = -1;
    }
    if (token === '}' || token === ']') depth -= 1;
    if (depth !== 1 || !token.startsWith('"') || from >= 0) continue;
    const colon = /^\s*:/.exec(text.slice(index + token.length, index + token.length + 64));
    if (colon && JSON.parse(token) === key) from = index + token.length + colon[0].length;
  }
  return found;
}

/**
 * The texts of the items of the array `text`, which is valid JSON.
 * @param {string} text
 */
export function items(text) {
  const found = [];
  let depth = 0;
  let from = 1;
  for (const { 0: token, index } of text.trim().matchAll(TOKEN)) {
    if (token === '}' || token === ']') depth -= 1;
    if ((depth === 1 && token === ',') || depth === 0) {
      const item = text.trim().slice(from, index).trim();
      if (item !== '') found.push(item);
      from = index + 1;
    }
    if (token === '{' || token === '[') depth += 1;
  }
  return found;
}

/**
 * The numbers in `text`, which is valid JSON, as they stand there.
 * @param {string} text
 */
export const numbers = (text) => (text.match(TOKEN) ?? []).filter((token) => /^-?\d/.test(token));
