/** Where the time of a run goes: the samples of V8's profiler by the part of the program that they fell into. */
import { Session, type Profiler } from 'node:inspector/promises';

/** Parts by the files that belong to them; the first that fits. */
const PARTS: readonly (readonly [part: string, files: RegExp])[] = [
  ['client', /node_modules\/kafkajs\/|connectors\/kafka(-source|\/)/],
  ['encode', /connectors\/(influx\/forecast-lines|influx\/write-queue|formats\/line-protocol|influx-sink)/],
  ['send', /connectors\/influx\/|internal\/deps\/undici/],
  ['decode', /connectors\/formats\/|connectors\/arrow-source/],
  ['line', /dist\/src\//],
];
/** Samples that no file of ours led to, by the name of their function. */
const ALONE = new Map([
  ['(garbage collector)', 'garbage collection'],
  ['(idle)', 'waiting'],
]);

/** Shares of the time of `work`, the largest first: `[['client', 0.5], ...]`. What a part calls in Node.js counts as its own. */
export async function split(work: () => Promise<unknown>): Promise<[part: string, share: number][]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  return shares(profile);
}

function shares({ nodes }: Profiler.Profile): [string, number][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const hits = new Map<string, number>();
  let all = 0;
  const add = (node: Profiler.ProfileNode, caller: string): void => {
    const { functionName, url } = node.callFrame;
    const part = ALONE.get(functionName) ?? PARTS.find(([, files]) => files.test(url))?.[0] ?? caller;
    const count = node.hitCount ?? 0;
    hits.set(part, (hits.get(part) ?? 0) + count);
    all += count;
    for (const child of node.children ?? []) add(byId.get(child)!, part);
  };
  add(nodes[0]!, 'Node.js');
  return [...hits].map(([part, count]): [string, number] => [part, count / all]).sort(([, a], [, b]) => b - a);
}
