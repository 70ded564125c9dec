#!/usr/bin/env node
/** `tidecast`: the process. What it does is in program.ts, and in one file a verb. */
import { main } from './program.ts';
import { processTerminal } from './terminal.ts';

const code = await main(process.argv.slice(2), processTerminal());
// what was said goes out first; then the process ends, whatever a socket that hangs still keeps open
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((written) => stream.write('', written))));
process.exit(code);
