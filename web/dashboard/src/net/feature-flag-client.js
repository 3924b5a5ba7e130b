/**
 * What this browser gets of each feature flag: the OpenFeature SDK with its OFREP provider, asked for the
 * browser's session at `ofrep/v1/evaluate/flags` of this server and nowhere else.
 *
 * The SDK is loaded by the first `refresh`, so that the page need not wait for it. What was answered last is
 * kept in the settings: it is there at once after a reload and while the server is away, and all tabs see it
 * change together. The server is asked again with each `refresh`, when the tab is looked at again, and once a
 * minute, in case no frame could say that a flag was changed.
 *
 * @typedef {boolean | string | number} FlagValue
 * @typedef {{
 *   flag: <T extends FlagValue>(name: string, usual: T) => T,
 *   watch: (name: string, changed: () => void) => () => void,
 *   refresh: () => Promise<void>,
 * }} FeatureFlags `flag`: `usual` until the server has said something of the same type. `watch`: call
 *   `changed` after each change of what `flag` returns; what it returns ends that. `refresh` asks the server
 *   and never fails: a server that is away changes nothing.
 */

const KEY = 'flags';
const POLL = 60_000;

/**
 * @param {{session: string, base: string, settings: Pick<import('./settings.js').Settings, 'get' | 'set' | 'watch'>,
 *   expired: () => void}} browser `base`: the server's address; `expired`: it wants a login
 * @returns {FeatureFlags}
 */
export function makeFeatureFlags({ session, base, settings, expired }) {
  /** What is returned where nothing is known; its type is the flag's. @type {Map<string, FlagValue>} */
  const usuals = new Map();
  /** @type {Promise<() => Promise<void>> | null} */
  let loading = null;
  let evaluate = () => {};

  const known = () => settings.get(KEY, /** @type {Record<string, FlagValue>} */ ({}));

  /** Ask for the first time; the value asks again. */
  const load = async () => {
    const [{ OpenFeature, ProviderEvents }, { OFREPWebProvider }] = await Promise.all([
      import('@openfeature/web-sdk'),
      import('@openfeature/ofrep-web-provider'),
    ]);
    const provider = new OFREPWebProvider({
      baseUrl: base.replace(/\/$/, ''),
      cacheMode: 'disabled', // `settings` is the cache: it can be read without waiting
      changeDetection: 'polling',
      pollInterval: POLL,
      fetchImplementation: async (request, options) => {
        const answer = await fetch(request, options);
        if (answer.status === 401) expired();
        return answer;
      },
    });
    const client = OpenFeature.getClient();
    const found = () => {
      if (Object.keys(provider.flagCache).length === 0) return; // the server has not answered yet
      const values = { ...known() };
      for (const [name, usual] of usuals) values[name] = resolve(client, name, usual);
      settings.set(KEY, values);
    };
    evaluate = found;
    for (const event of [
      ProviderEvents.Ready,
      ProviderEvents.ConfigurationChanged,
      ProviderEvents.ContextChanged,
    ]) {
      client.addHandler(event, found);
    }
    const context = { targetingKey: session };
    await OpenFeature.setProviderAndWait(provider, context).catch(() => {});
    // For a context that is set the SDK asks anew, also where it is the same.
    return () => OpenFeature.setContext(context);
  };

  return {
    flag(name, usual) {
      if (!usuals.has(name)) {
        usuals.set(name, usual);
        evaluate();
      }
      const value = known()[name];
      return typeof value === typeof usual ? /** @type {typeof usual} */ (value) : usual;
    },
    watch(name, changed) {
      let last = known()[name];
      return settings.watch(KEY, () => {
        const now = known()[name];
        if (now === last) return;
        last = now;
        changed();
      });
    },
    async refresh() {
      const again = loading;
      loading ??= load();
      try {
        const ask = await loading;
        if (again) await ask();
      } catch {
        loading = null; // the SDK itself could not be fetched
      }
    },
  };
}

/**
 * @param {import('@openfeature/web-sdk').Client} client
 * @param {string} name
 * @param {FlagValue} usual
 * @returns {FlagValue}
 */
function resolve(client, name, usual) {
  switch (typeof usual) {
    case 'boolean':
      return client.getBooleanValue(name, usual);
    case 'number':
      return client.getNumberValue(name, usual);
    default:
      return client.getStringValue(name, usual);
  }
}
