/** Whether a text is one query that only reads. */

/**
 * What is wrong with it, or undefined.
 *
 * InfluxDB carries out every statement of a text, DROP included, and `SELECT ... INTO` writes. Words inside of quotes are not told
 * apart: what a value needs is bound as a parameter.
 */
export function selectProblem(query: string): string | undefined {
  if (!/^\s*select\s/i.test(query)) return 'must begin with SELECT';
  if (query.includes(';')) return 'must be one statement, without `;`: bind a value that holds one with `parameters`';
  if (/\binto\b/i.test(query)) return 'must not hold the word INTO, which writes: bind a value that holds it with `parameters`';
  if (/--|\/\*/.test(query)) return 'must not hold comments';
  return undefined;
}
