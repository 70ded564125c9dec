/** Which commit a measured page or file was made on. */
import { execFileSync } from 'node:child_process';

/** Short hash of the commit checked out; a `+` follows where tracked files, but those in `except`, have changes that are not in it. */
export function commit(...except: string[]): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ...except.map((path) => `:!${path}`)) !== '';
  return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '');
}
