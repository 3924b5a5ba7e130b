/** Dead letters with their metrics as a file, one a line, as `forebay dlq export` writes them. */

/** Letters asked for at once. */
const AT_ONCE = 6;

/**
 * Let the browser keep the letters `ids`; returns how many there were still. No digit is changed on the way.
 * @param {import('../../net/api.js').Api} api
 * @param {readonly number[]} ids
 * @param {(done: number) => void} progress
 * @param {AbortSignal} signal
 */
export async function download(api, ids, progress, signal) {
  /** @type {string[]} */
  const lines = [];
  let next = 0;
  let done = 0;
  const fetchSome = async () => {
    while (next < ids.length) {
      const at = next++;
      const text = await api
        .text('GET', `api/dead-letters/${ids[at]}`, undefined, { signal })
        .catch((error) => {
          if (error.status === 404) return '';
          throw error;
        });
      lines[at] = text;
      done += 1;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
  const there = lines.filter(Boolean);
  const address = URL.createObjectURL(
    new Blob(
      there.map((line) => `${line}\n`),
      { type: 'application/x-ndjson' },
    ),
  );
  const link = document.createElement('a');
  link.href = address;
  link.download = `dead-letters-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}.ndjson`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return there.length;
}
