/**
 * Requests to Forebay. A refusal becomes an ApiError with the server's own sentence (RFC 9457); a login that
 * has expired leads to the login page.
 *
 * @typedef {{signal?: AbortSignal, params?: Record<string, string | number | readonly string[] | null | undefined>}} Options
 *   parameters that are null, undefined or '' are left out; an array is given once for each of its values
 * @typedef {{
 *   get: <T>(path: string, options?: Options) => Promise<T>,
 *   send: <T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, options?: Options) => Promise<T>,
 *   text: (method: 'GET' | 'POST', path: string, body?: string, options?: Options) => Promise<string>,
 * }} Api `path` is relative to the page, as in `api/status`. The first two resolve to the decoded JSON, null for
 *   204. `text` takes and gives JSON as it travels, for numbers that JavaScript would round.
 */

/** A request was refused, or could not be made (`status` 0). The message is a sentence for people. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {Record<string, unknown>} [problem] the whole problem+json
   */
  constructor(message, status, problem = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
  }
}

/** Go to the login, and come back to the view that is open. */
export const logIn = () => location.assign(`login${location.hash}`);

const UNREACHABLE = 'Forebay does not answer. Is it running?';

/** @returns {Api} */
export function makeApi() {
  /** @param {string} method @param {string} path @param {string | undefined} body @param {Options} options */
  const request = async (method, path, body, { params = {}, signal } = {}) => {
    const url = new URL(path, document.baseURI);
    for (const [name, value] of Object.entries(params)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== null && one !== undefined && one !== '') url.searchParams.append(name, String(one));
      }
    }
    const answer = await fetch(url, {
      method,
      signal,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body,
    }).catch((/** @type {Error} */ error) => {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(UNREACHABLE, 0);
    });
    if (answer.status === 401) logIn();
    if (!answer.ok) throw await refusal(answer);
    return answer;
  };
  /** @param {Response} answer */
  const decoded = (answer) => (answer.status === 204 ? null : answer.json());
  return {
    get: async (path, options) => decoded(await request('GET', path, undefined, options)),
    send: async (method, path, body, options) =>
      decoded(await request(method, path, JSON.stringify(body), options)),
    text: async (method, path, body, options) => (await request(method, path, body, options)).text(),
  };
}

/** @param {Response} answer */
async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  const sentence = problem.detail ?? problem.title ?? `Forebay answered ${answer.status}.`;
  return new ApiError(sentence, answer.status, problem);
}
