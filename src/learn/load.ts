/** A learning file becomes a checked spec, or every fault in it with its line. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { problemsOf } from '../pipeline/check.ts';
import type { ReadDocument } from '../pipeline/document.ts';
import { FieldSchemas } from '../pipeline/field-schemas.ts';
import { part, type Described } from '../pipeline/part.ts';
import { explain, FileError, type Problem } from '../pipeline/problem.ts';
import { describedSchema } from '../pipeline/spec.ts';
import { controlNames } from './controls.ts';
import { learningSections, type LearningSpec } from './spec.ts';

/** Whether a file that was read is a learning file. */
export function isLearning({ value }: ReadDocument): boolean {
  return typeof value === 'object' && value !== null && 'learn' in value;
}

/** Checks a learning file that was read; throws a {@link FileError} with every problem (SPEC_INVALID). */
export function checkLearning(file: string, read: ReadDocument, sources: readonly Described[]): LearningSpec {
  const path = resolve(file);
  const origin = { file: path, fromEnvironment: read.fromEnvironment, locate: read.locate };
  const fields = new FieldSchemas(() => learningSchema(sources));
  const problems: Problem[] = [...read.problems];
  const parsed = z.strictObject(learningSections(sources)).safeParse(read.value, { error: explain });
  if (!parsed.success)
    throw new FileError('SPEC_INVALID', [...problems, ...problemsOf(parsed.error, read.value, origin, fields)]);
  const { learn, prove, ...rest } = parsed.data;
  const say = (path: PropertyKey[], message: string): void => void problems.push({ ...read.locate(path), message });

  const names = [...learn.networks.map(({ name }) => name), ...controlNames(learn)];
  const ahead = learn.symbols && learn.classes && learn.ahead === 1 && learn.target === learn.inputs[0];
  for (const field of ['n_gram', 'sample'] as const) {
    if (learn[field] !== undefined && !ahead)
      say(['learn', field], `learn.${field} goes with symbols that are their own target, one ahead`);
  }
  if (learn.bag_of_words && !(learn.symbols && learn.classes && learn.asked === 'last'))
    say(['learn', 'bag_of_words'], 'learn.bag_of_words goes with symbols, and classes that are asked: last');
  if (learn.skill && !(learn.classes && learn.ahead > 0)) say(['learn', 'skill'], 'learn.skill goes with classes that are ahead');
  if (learn.asked === 'last' && learn.ahead > 0) say(['learn', 'asked'], 'learn.asked: last does not go with learn.ahead');
  learn.networks.forEach(({ name, cell, reset, variant, embedding, window, mean }, i) => {
    const at = ['learn', 'networks', i];
    if (names.indexOf(name) !== i || controlNames(learn).includes(name))
      say(at, `learn.networks[${i}]: the name ${name} is taken`);
    if (reset !== undefined && cell !== 'gru') say(at, `learn.networks[${i}].reset goes with cell: gru`);
    if (variant !== undefined && cell !== 'lstm') say(at, `learn.networks[${i}].variant goes with cell: lstm`);
    if (embedding !== undefined && !learn.symbols) say(at, `learn.networks[${i}].embedding goes with learn.symbols: true`);
    if (mean && learn.symbols) say(at, `learn.networks[${i}].mean does not go with learn.symbols`);
    if (window > 1 && learn.symbols) say(at, `learn.networks[${i}].window above 1 does not go with learn.symbols`);
  });
  if (learn.symbols && learn.inputs.length > 1) say(['learn', 'inputs'], 'learn.inputs: with symbols there is one input');
  const given = (read.value as { source: Record<string, unknown> }).source;
  const proofs = prove.map(({ name, source, claims }, i) => {
    const whole = part('source', sources).safeParse({ ...given, ...source }, { error: explain });
    if (!whole.success) {
      const prefix = ['prove', i, 'source'];
      problems.push(...problemsOf(whole.error, read.value, origin, fields, prefix));
    }
    claims.forEach(({ network, measure, at_least, at_most, below, above }, c) => {
      const at = ['prove', i, 'claims', c];
      const where = `prove[${i}].claims[${c}]`;
      if (!names.includes(network)) say(at, `${where}.network names none of ${names.join(', ')}`);
      for (const [field, other] of Object.entries({ below, above })) {
        if (other !== undefined && !names.includes(other)) say(at, `${where}.${field} names none of ${names.join(', ')}`);
      }
      if (below !== undefined && above !== undefined) say(at, `${where}: below or above, not both`);
      if ([at_least, at_most, below, above].every((bound) => bound === undefined))
        say(at, `${where} needs at_least, at_most, below or above`);
      if (measure === 'skill' && !(learn.skill && learn.networks.some(({ name }) => name === network)))
        say(at, `${where}.measure: skill is for networks, with learn.skill`);
      if ((measure === 'error') === learn.classes) say(at, `${where}.measure: error is for numbers, the others for classes`);
    });
    return { name, source: whole.success ? whole.data : rest.source, claims };
  });
  if (problems.length > 0) throw new FileError('SPEC_INVALID', problems);
  return { ...rest, learn, prove: proofs, folder: dirname(path) };
}

/** The JSON Schema of a learning file, for editors. */
export function learningSchema(sources: readonly Described[]): Record<string, unknown> {
  return describedSchema('A tidecast learning file', learningSections(sources), { source: sources });
}
