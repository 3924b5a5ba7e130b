/**
 * Feature flags as a person reads and changes them; shapes are those of web/evaluations.py.
 *
 * @typedef {boolean | string | number} FlagValue
 * @typedef {{name: string, type: 'boolean' | 'string' | 'integer' | 'number', default: FlagValue,
 *   description: string, allowed?: string[], minimum?: number, maximum?: number}} Definition
 * @typedef {'DEFAULT' | 'STATIC' | 'SPLIT' | 'TARGETING_MATCH' | 'DISABLED' | 'ERROR'} Reason
 * @typedef {{value: FlagValue, rollout: number}} Setting
 * @typedef {{name: string, value: FlagValue, variant: string, reason: Reason, error_code?: string,
 *   error?: string, definition: Definition, setting: Setting | null,
 *   overrides: Record<string, FlagValue>, updated_at: number, by: string}} FlagReport
 * @typedef {{session: string, flags: FlagReport[]}} FlagList
 * @typedef {{value: FlagValue, reason: Reason, sessions: number}} Share
 * @typedef {{session: string, value: FlagValue, reason: Reason, at: number}} Sighting
 * @typedef {FlagReport & {shares: Share[], seen: Sighting[]}} FlagDetails
 *
 * @typedef {{value: string, rollout: string}} Draft what stands in the form
 * @typedef {{problem: string, field: 'value' | 'rollout'} | {change: Setting, same: boolean}} Checked `same`:
 *   it is what was decided already
 */

/** A value in words. @param {FlagValue} value */
export const words = (value) =>
  value === true ? 'on' : value === false ? 'off' : value === '' ? '(empty)' : String(value);

/** Percent as a person writes it. @param {number} rollout */
export const percent = (rollout) => `${Number(rollout.toFixed(3))} %`;

/**
 * Why a session gets what it gets, as the end of a sentence.
 * @param {{value: FlagValue, reason: Reason, error?: string}} given
 * @param {FlagReport} flag
 */
export function why({ value, reason, error }, { setting, definition }) {
  switch (reason) {
    case 'DEFAULT':
      return 'the default: nothing was decided';
    case 'STATIC':
      return 'all sessions get it';
    case 'SPLIT': {
      const rollout = setting ? `of ${percent(setting.rollout)} ` : '';
      return value === definition.default && value !== setting?.value
        ? `the default: outside the rollout ${rollout}`.trim()
        : `inside the rollout ${rollout}`.trim();
    }
    case 'TARGETING_MATCH':
      return 'an override for this session';
    case 'DISABLED':
      return 'the default: the rollout is 0 %';
    case 'ERROR':
      return `the default: ${error || 'what was decided does not fit the flag'}`;
  }
}

/** The same in a word or two. @param {Reason} reason @param {boolean} usual whether the value is the default */
export function whyBriefly(reason, usual) {
  switch (reason) {
    case 'DEFAULT':
      return 'default';
    case 'STATIC':
      return 'for all';
    case 'SPLIT':
      return usual ? 'outside the rollout' : 'inside the rollout';
    case 'TARGETING_MATCH':
      return 'its own value';
    case 'DISABLED':
      return 'rollout of 0 %';
    case 'ERROR':
      return 'default, by mistake';
  }
}

/**
 * What was decided for all sessions.
 * @param {Definition} definition
 * @param {Setting | null} setting
 */
export function decided(definition, setting) {
  const usual = words(definition.default);
  if (!setting) return `${usual} for all sessions, the default`;
  const { value, rollout } = setting;
  if (rollout >= 100 || value === definition.default) return `${words(value)} for all sessions`;
  if (rollout <= 0) return `${usual} for all sessions, the default: ${words(value)} is rolled out to none`;
  return `${words(value)} for ${percent(rollout)} of the sessions, ${usual} for all others`;
}

/**
 * What to choose from, as the form has it; null where anything can be written.
 * @param {Definition} definition
 * @returns {string[] | null}
 */
export function choices({ type, allowed }) {
  if (type === 'boolean') return ['true', 'false'];
  return allowed?.length ? allowed : null;
}

/**
 * The form as it stands for what was decided.
 * @param {FlagReport} flag
 * @returns {Draft}
 */
export const draftOf = ({ definition, setting }) => ({
  value: String(setting?.value ?? definition.default),
  rollout: String(Number((setting?.rollout ?? 100).toFixed(3))),
});

/**
 * The value that `text` is for the flag, or what is wrong with it.
 * @param {Definition} definition
 * @param {string} text
 * @returns {{value: FlagValue} | {problem: string}}
 */
export function parse({ type, minimum = -Infinity, maximum = Infinity }, text) {
  switch (type) {
    case 'boolean':
      return { value: text === 'true' };
    case 'string':
      return { value: text };
    default: {
      const value = Number(text);
      const kind = type === 'integer' ? 'a whole number' : 'a number';
      if (text.trim() === '' || !Number.isFinite(value) || (type === 'integer' && !Number.isInteger(value))) {
        return { problem: `Write ${kind}.` };
      }
      if (value < minimum) return { problem: `Write ${kind} that is at least ${minimum}.` };
      if (value > maximum) return { problem: `Write ${kind} that is at most ${maximum}.` };
      return { value };
    }
  }
}

/**
 * What a draft comes to.
 * @param {FlagReport} flag
 * @param {Draft} draft
 * @returns {Checked}
 */
export function check(flag, draft) {
  const { definition, setting } = flag;
  const parsed = parse(definition, draft.value);
  if ('problem' in parsed) return { ...parsed, field: 'value' };
  const rollout = Number(draft.rollout);
  if (draft.rollout.trim() === '' || !(rollout >= 0 && rollout <= 100)) {
    return { problem: 'Write a number from 0 to 100.', field: 'rollout' };
  }
  const usual = { value: definition.default, rollout: 100 };
  const before = setting ?? usual;
  return {
    change: { value: parsed.value, rollout },
    same: before.value === parsed.value && before.rollout === rollout,
  };
}

/**
 * How many of `sessions` a rollout takes in, about: which ones, their hash decides.
 * @param {number} rollout
 * @param {number} sessions
 */
export const about = (rollout, sessions) => Math.round((rollout * sessions) / 100);

/**
 * Who got what, by value: the largest first.
 * @param {readonly Share[]} shares
 * @returns {{value: FlagValue, sessions: number, fraction: number}[]}
 */
export function byValue(shares) {
  /** @type {Map<FlagValue, number>} */
  const counts = new Map();
  let all = 0;
  for (const { value, sessions } of shares) {
    counts.set(value, (counts.get(value) ?? 0) + sessions);
    all += sessions;
  }
  return [...counts]
    .map(([value, sessions]) => ({ value, sessions, fraction: sessions / all }))
    .sort((a, b) => b.sessions - a.sessions || String(a.value).localeCompare(String(b.value)));
}

/** How many sessions were given the flag lately. @param {readonly Share[]} shares */
export const seenLately = (shares) => shares.reduce((sum, { sessions }) => sum + sessions, 0);
