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
import { baselinesOf } from './learn-pairs.ts';
import { learningSections, type LearningSpec, type LearnSpec } from './spec.ts';

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

  const controls = learn.decoder ? baselinesOf(learn) : controlNames(learn);
  const names = [...learn.networks.map(({ name }) => name), ...controls];
  for (const [field, problem] of decoderProblems(learn)) say(['learn', ...field], `learn.${field.join('.')} ${problem}`);
  const ahead = learn.symbols && learn.classes && learn.ahead === 1 && learn.target === learn.inputs[0];
  for (const field of ['n_gram', 'sample'] as const) {
    if (learn[field] !== undefined && !ahead)
      say(['learn', field], `learn.${field} goes with symbols that are their own target, one ahead`);
  }
  if (learn.bag_of_words && !(learn.symbols && learn.classes && learn.asked === 'last'))
    say(['learn', 'bag_of_words'], 'learn.bag_of_words goes with symbols, and classes that are asked: last');
  if (learn.skill && !(learn.classes && learn.ahead > 0 && !learn.decoder))
    say(['learn', 'skill'], 'learn.skill goes with classes that are ahead');
  if (learn.asked === 'last' && learn.ahead > 0) say(['learn', 'asked'], 'learn.asked: last does not go with learn.ahead');
  for (const problem of gapsProblems(learn)) say(['learn', 'gaps'], `learn.gaps ${problem}`);
  learn.networks.forEach(({ name, cell, reset, variant, bidirectional, embedding, window, mean }, i) => {
    const at = ['learn', 'networks', i];
    if (names.indexOf(name) !== i || controls.includes(name)) say(at, `learn.networks[${i}]: the name ${name} is taken`);
    if (reset !== undefined && cell !== 'gru') say(at, `learn.networks[${i}].reset goes with cell: gru`);
    if (variant !== undefined && cell !== 'lstm') say(at, `learn.networks[${i}].variant goes with cell: lstm`);
    if (bidirectional && cell === 'none') say(at, `learn.networks[${i}].bidirectional goes with a recurrent cell`);
    if (bidirectional && embedding !== undefined) say(at, `learn.networks[${i}].bidirectional does not go with embedding`);
    if (bidirectional && learn.ahead > 0)
      say(at, `learn.networks[${i}].bidirectional does not go with learn.ahead: it has read what it would be asked for`);
    if (mean && learn.symbols) say(at, `learn.networks[${i}].mean does not go with learn.symbols`);
    const numbered = learn.symbols || (learn.decoder && learn.classes);
    if (embedding !== undefined && !numbered) say(at, `learn.networks[${i}].embedding goes with learn.symbols: true`);
    if (learn.decoder && cell === 'none')
      say(at, `learn.networks[${i}].cell: none has no state from which a decoder could begin`);
    for (const [field, set] of Object.entries({ bidirectional, mean }))
      if (learn.decoder && set) say(at, `learn.networks[${i}].${field} does not go with learn.decoder`);
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

/** What does not go together with gaps, or with each other in them. */
function gapsProblems({ gaps, inputs, target, classes, symbols, ahead, asked }: LearnSpec): string[] {
  if (!gaps) return [];
  const { rows, train, shortest, longest } = gaps;
  return [
    ...(inputs.length === 1 && inputs[0] === target ? [] : ['goes with one input that is its own target']),
    ...(classes || symbols ? ['goes with classes: false and symbols: false'] : []),
    ...(ahead > 0 || asked === 'last' ? ['does not go with learn.ahead and learn.asked: last'] : []),
    ...(shortest > longest ? ['shortest is above longest'] : []),
    ...(2 * longest + 2 > rows ? ['rows must be more than twice longest, so that a gap fits'] : []),
    ...(rows > train ? ['rows must be at most train'] : []),
  ];
}

/** Fields that do not go together with a decoder, or with each other in it: where, and why. */
function decoderProblems({
  decoder,
  ahead,
  asked,
  n_gram,
  bag_of_words,
  gaps,
  sample,
  classes,
}: LearningSpec['learn']): [string[], string][] {
  if (!decoder) return [];
  const problems: [boolean, string[], string][] = [
    [ahead > 0, ['ahead'], 'does not go with learn.decoder: what it answers comes after what it reads'],
    [asked === 'last', ['asked'], 'does not go with learn.decoder'],
    [n_gram !== undefined, ['n_gram'], 'does not go with learn.decoder'],
    [bag_of_words, ['bag_of_words'], 'does not go with learn.decoder'],
    [gaps !== undefined, ['gaps'], 'does not go with learn.decoder'],
    [sample !== undefined, ['sample'], 'does not go with learn.decoder'],
    [decoder.beam > 1 && !classes, ['decoder', 'beam'], 'goes with learn.classes: true'],
    [decoder.search !== 'beam' && !classes, ['decoder', 'search'], 'goes with learn.classes: true'],
    [decoder.search !== 'beam' && decoder.beam > 1, ['decoder', 'beam'], 'above 1 goes with learn.decoder.search: beam'],
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
