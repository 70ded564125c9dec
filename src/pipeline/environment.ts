/** `${NAME}` and `${NAME:-default}` in the values of a pipeline file. Keys and comments are left alone. */

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  readonly text: string;
  /** Names of the variables that the text now holds the values of. */
  readonly used: readonly string[];
  readonly problems: readonly string[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** Puts the values in; `$${` stands for `${`. A variable that is unset and has no default is a problem; the default also replaces an empty one. */
export function substitute(text: string, environment: Environment): Substituted {
  const used: string[] = [];
  const problems: string[] = [];
  const replaced = text.replace(REFERENCE, (whole, inner: string | undefined, end: string) => {
    if (inner === undefined) return '${';
    const [, name, standIn] = NAME.exec(inner) ?? [];
    if (!name || end === '') {
      problems.push(
        'a reference to the environment is written ${NAME} or ${NAME:-default}; for the two characters themselves write $${',
      );
      return whole;
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value === undefined && standIn === undefined) {
      problems.push(`the environment variable ${name} is not set; set it, or give a default: \${${name}:-default}`);
      return whole;
    }
    // a default from the file is no secret, but which of the two it was should not show either
    used.push(name);
    return value === undefined || (value === '' && standIn !== undefined) ? standIn! : value;
  });
  return { text: replaced, used, problems };
}
