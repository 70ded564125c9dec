/** `tidecast check`: is the file right, and what line does it make? */
import { resolve } from 'node:path';
import { EXIT } from '../core/errors.ts';
import { loadPipeline } from '../pipeline/load.ts';
import { COMPONENTS } from './components.ts';
import { drawing, stations } from './topology.ts';
import type { Verb } from './verbs.ts';

export const check: Verb = async ({ arguments: words, options }, terminal) => {
  const spec = loadPipeline(resolve(terminal.folder, words[0]!), { ...COMPONENTS, env: terminal.env, from: terminal.folder });
  if (options['json'])
    terminal.out(JSON.stringify({ ok: true, pipeline: spec.name, file: spec.file, stations: stations(spec) }, null, 2));
  else terminal.out(drawing(spec, terminal.paint));
  return EXIT.ok;
};
