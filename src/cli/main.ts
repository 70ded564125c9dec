#!/usr/bin/env node
/** `tidecast`: the process. What it does is in program.ts, and in one file a verb. */
import { main } from './program.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await main(process.argv.slice(2), processTerminal());
