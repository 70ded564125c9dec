/** A learning file becomes a checked spec, or every fault in it with its line. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { problemsOf } from '../pipeline/check.ts';
import type { ReadDocument } from '../pipeline/document.ts';
import { FieldSchemas } from '../pipeline/field-schemas.ts';
import { part, type Described } from '../pipeline/part.ts';
import { explain, FileError, type Problem } from '../pipeline/problem.ts';
import { describedSchema } from '../pipeline/spec.ts';
import { baselinesOf } from './learn-pairs.ts';
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

  const counted = [...(learn.n_gram ? [`${learn.n_gram}-gram`] : []), ...baselinesOf(learn)];
  const names = [...learn.networks.map(({ name }) => name), ...counted];
  for (const [field, problem] of decoderProblems(learn)) say(['learn', ...field], `learn.${field.join('.')} ${problem}`);
  const ahead = learn.symbols && learn.classes && learn.ahead === 1 && learn.target === learn.inputs[0];
  for (const field of ['n_gram', 'sample'] as const) {
    if (learn[field] !== undefined && !ahead)
      say(['learn', field], `learn.${field} goes with symbols that are their own target, one ahead`);
  }
  learn.networks.forEach(({ name, cell, reset, variant, embedding, window }, i) => {
    const at = ['learn', 'networks', i];
    if (names.indexOf(name) !== i) say(at, `learn.networks[${i}]: the name ${name} is taken`);
    if (reset !== undefined && cell !== 'gru') say(at, `learn.networks[${i}].reset goes with cell: gru`);
    if (variant !== undefined && cell !== 'lstm') say(at, `learn.networks[${i}].variant goes with cell: lstm`);
    const numbered = learn.symbols || (learn.decoder && learn.classes);
    if (embedding !== undefined && !numbered) say(at, `learn.networks[${i}].embedding goes with learn.symbols: true`);
    if (learn.decoder && cell === 'none')
      say(at, `learn.networks[${i}].cell: none has no state from which a decoder could begin`);
    if (learn.decoder && window > 1) say(at, `learn.networks[${i}].window does not go with learn.decoder`);
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
    claims.forEach(({ network, measure, at_least, at_most, below }, c) => {
      const at = ['prove', i, 'claims', c];
      const where = `prove[${i}].claims[${c}]`;
      if (!names.includes(network)) say(at, `${where}.network names none of ${names.join(', ')}`);
      if (below !== undefined && !names.includes(below)) say(at, `${where}.below names none of ${names.join(', ')}`);
      if (at_least === undefined && at_most === undefined && below === undefined)
        say(at, `${where} needs at_least, at_most or below`);
      if (measure === 'epochs') {
        if (learn.decoder?.reach === undefined) say(at, `${where}.measure: epochs goes with learn.decoder.reach`);
      } else if ((measure === 'error') === learn.classes)
        say(at, `${where}.measure: error is for numbers, the others for classes`);
    });
    return { name, source: whole.success ? whole.data : rest.source, claims };
  });
  if (problems.length > 0) throw new FileError('SPEC_INVALID', problems);
  return { ...rest, learn, prove: proofs, folder: dirname(path) };
}

/** Fields that do not go together with a decoder, or with each other in it: where, and why. */
function decoderProblems({ decoder, ahead, n_gram, sample, classes }: LearningSpec['learn']): [string[], string][] {
  if (!decoder) return [];
  const problems: [boolean, string[], string][] = [
    [ahead > 0, ['ahead'], 'does not go with learn.decoder: what it answers comes after what it reads'],
    [n_gram !== undefined, ['n_gram'], 'does not go with learn.decoder'],
    [sample !== undefined, ['sample'], 'does not go with learn.decoder'],
    [decoder.beam > 1 && !classes, ['decoder', 'beam'], 'goes with learn.classes: true'],
    [decoder.season.length > 0 && classes, ['decoder', 'season'], 'goes with learn.classes: false'],
    [decoder.every !== undefined && !decoder.read, ['decoder', 'every'], 'goes with learn.decoder.read'],
    [decoder.train !== undefined && !decoder.read, ['decoder', 'train'], 'goes with learn.decoder.read'],
    [decoder.season.length > 0 && !decoder.read, ['decoder', 'season'], 'goes with learn.decoder.read'],
  ];
  return problems.flatMap(([wrong, field, problem]) => (wrong ? [[field, problem] as [string[], string]] : []));
}

/** The JSON Schema of a learning file, for editors. */
export function learningSchema(sources: readonly Described[]): Record<string, unknown> {
  return describedSchema('A tidecast learning file', learningSections(sources), { source: sources });
}
