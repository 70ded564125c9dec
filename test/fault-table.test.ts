/** The fault table of the tests: complete, and made as it should be. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAULTS, faultTable, rowsIn, titlesIn } from './support/fault-table.ts';

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
const titles = files.flatMap((name) => titlesIn(readFileSync(join(import.meta.dirname, name), 'utf8')));

describe('the fault table', () => {
  it.each(Object.entries(FAULTS))('names a test of fault %s, %s', (row) => {
    expect(titles.filter((title) => rowsIn(title).includes(Number(row)))).not.toEqual([]);
  });
});

describe('rows', () => {
  it.each([
    ['row 2: between good ones', [2]],
    ['rows 47, 48: that are bombs', [47, 48]],
    ['rows 34 and 35: files', [34, 35]],
    ['row 1, 19, 31: killed', [1, 19, 31]],
    ['are read back (row 37)', [37]],
    ['waits until row 38', []],
    ['row 1,200: x', []],
  ])('of `%s`', (title, rows) => {
    expect(rowsIn(title)).toEqual(rows);
  });
  it('are looked for in titles only', () => {
    const source = `
      // row 1: a comment
      const x = 'row 2: a text';
      it('row 3: a', () => { expect(f('row 4: b')); });
      it.skipIf(y).each([1])(\`row 5: \${x}\`, () => {});
      describe('row 6: c', () => { test('d', g); });`;
    expect(titlesIn(source).flatMap(rowsIn)).toEqual([3, 5, 6]);
  });
});

describe('the page', () => {
  const result = (title: string, status: string, figure?: string) => ({
    ancestorTitles: ['row 3: a | suite'],
    title,
    status,
    ...(figure === undefined ? {} : { meta: { figure } }),
  });
  const report = (...assertionResults: ReturnType<typeof result>[]) => ({
    success: true,
    testResults: [{ name: '/here/test/x.test.ts', assertionResults }],
  });

  it('says row, fault, test, result, figure and commit', () => {
    const { text } = faultTable([report(result('row 5: goes', 'passed', '3 s'))], '/here', 'abc1234');
    expect(text).toContain(
      '| 5 | Error in a stage of the stream | `test/x.test.ts`: a \\| suite > goes | passed | 3 s | abc1234 |',
    );
    expect(text).toContain('| 3 | Consumer dead for good | `test/x.test.ts`');
    expect(text).toContain('| 4 | Offset committed before the output is stored | none | missing |  | abc1234 |');
  });
  it('knows which rows are not held: no test, only skipped ones, or one that failed', () => {
    const all = Object.keys(FAULTS).map(Number);
    const lacking = (...results: ReturnType<typeof result>[]) => faultTable([report(...results)], '/here', 'x').lacking;
    expect(lacking()).toEqual(all);
    expect(lacking(result('row 5: a', 'passed'))).not.toContain(3);
    expect(lacking(result('row 5: a', 'passed'), result('row 5: b', 'failed'))).toContain(5);
    expect(lacking(result('row 5: a', 'skipped'))).toContain(5);
    expect(lacking(result('row 5: a', 'passed'), result('row 5: b', 'skipped'))).not.toContain(5);
  });
});
