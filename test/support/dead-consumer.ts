/**
 * Preloaded into a process under test: at SIGUSR2 the loop of the Kafka client dies of an error that the client never recovers
 * from, and two more loops after it.
 */
import { createRequire } from 'node:module';

interface Runner {
  fetch(nodeId: string): Promise<unknown>;
}

const { prototype } = createRequire(import.meta.url)('kafkajs/src/consumer/runner.js') as { prototype: Runner };
const { fetch } = prototype;

process.on('SIGUSR2', () => {
  let left = 3;
  prototype.fetch = function (nodeId) {
    return left-- > 0 ? Promise.reject(new TypeError('cannot read properties of null')) : fetch.call(this, nodeId);
  };
});
