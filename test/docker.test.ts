/** What can be said of the container files without a container: everything they name is there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

it('the Dockerfile copies files that exist, and starts the program that the package starts', () => {
  const lines = readFileSync('Dockerfile', 'utf8').split('\n');
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
    .flatMap((line) => line.split(' ').slice(1, -1));
  expect(copied.length).toBeGreaterThan(5);
  for (const path of copied) expect(existsSync(path), path).toBe(true);
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { tidecast: string } };
  expect(lines.find((line) => line.startsWith('ENTRYPOINT'))).toContain(bin.tidecast);
});

it('docker-compose.yml runs a pipeline that exists and keeps what it writes', () => {
  const { services, volumes } = parse(readFileSync('docker-compose.yml', 'utf8')) as {
    services: { tidecast: { command: string[]; volumes: string[] } };
    volumes: Record<string, unknown>;
  };
  const { command, volumes: mounted } = services.tidecast;
  expect(existsSync(command[1]!)).toBe(true);
  expect(mounted.map((each) => each.split(':')[0]).sort()).toEqual(Object.keys(volumes).sort());
});
