import { createRequire } from 'node:module';

/** What of KafkaJS's `src/consumer/runner.js` is used here; its types do not tell of it. */
export interface KafkaJsRunner {
  readonly running: boolean;
  readonly consuming: boolean;
  readonly fetchManager: { stop(): Promise<void> };
  start(): Promise<void>;
  stop(): Promise<void>;
  fetch(nodeId: string): Promise<unknown[]>;
}

export const KafkaJsRunner = createRequire(import.meta.url)(
  'kafkajs/src/consumer/runner.js',
) as new (
  options: object,
) => KafkaJsRunner;

/**
 * A KafkaJS consumer can be stopped whatever happens to its brokers. To be called once in a process.
 *
 * KafkaJS 2.2.4 has a fetcher for each broker, and makes them anew when it knows of a broker more or less: the metadata
 * says so, or a connection broke, for then it forgets the broker until it asks again. Before that it waits for requests
 * that are on their way. A consumer that is stopped while it waits stops the old fetchers only. The new ones ask a runner
 * that does not run, are given nothing at once, and ask again: for ever, and without ever leaving the microtasks, so that
 * nothing else in the process goes on, no timer and no signal. Whose brokers they are is all the same. Here the new ones
 * are stopped as they ask, and `stop` comes to its end, as it does when nothing changed meanwhile.
 */
export function letKafkaJsStop(): void {
  const { fetch } = KafkaJsRunner.prototype;
  if (typeof fetch !== 'function') throw new Error('this KafkaJS has no Runner.prototype.fetch');
  KafkaJsRunner.prototype.fetch = function fetchWhileRunning(this: KafkaJsRunner, nodeId: string) {
    // Not waited for: it waits for the one that asks.
    if (!this.running) void this.fetchManager.stop();
    return fetch.call(this, nodeId);
  };
}
