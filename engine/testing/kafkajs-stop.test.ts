import { expect, it } from 'vitest';
import { KafkaJsRunner, letKafkaJsStop } from './kafkajs-stop.js';

const MOST_ASKED = 1_000;
const nextTurn = () => new Promise((done) => setImmediate(done));

/**
 * Stops a consumer of two brokers while its fetchers are made anew for three. Resolves with how often they asked after
 * that; at `MOST_ASKED` they are made to fail, as nothing else would end them.
 */
async function stopWhileBrokersChange() {
  let hasThird = false;
  let hasSeenThird = false;
  let asked = 0;
  let hasLeft = false;
  let answer = (): void => undefined;
  const slow = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const quiet = () => undefined;
  const logger = {
    namespace: () => logger,
    info: quiet,
    warn: quiet,
    error: quiet,
    debug(text: string) {
      if (text !== 'consumer not running, exiting') return;
      asked += 1;
      if (asked >= MOST_ASKED) throw new Error('asked in vain');
    },
  };
  const runner = new KafkaJsRunner({
    logger,
    instrumentationEmitter: { emit: quiet },
    concurrency: 1,
    eachBatch: quiet,
    retry: { initialRetryTime: 1, retries: 0 },
    onCrash: quiet,
    consumerGroup: {
      connect: async () => undefined,
      joinAndSync: async () => undefined,
      heartbeat: async () => undefined,
      leave: async () => {
        hasLeft = true;
      },
      getNodeIds() {
        hasSeenThird = hasThird;
        return hasThird ? ['1', '2', '3'] : ['1', '2'];
      },
      async fetch(nodeId: string) {
        await (nodeId === '2' ? slow : nextTurn());
        return [];
      },
    },
  });
  await runner.start();
  hasThird = true;
  while (!hasSeenThird) await nextTurn();
  // The fetcher of the first broker has ended, and that of the second is waited for.
  await nextTurn();
  const stopped = runner.stop();
  answer();
  await stopped;
  return { asked, hasLeft, isConsuming: runner.consuming };
}

it('a KafkaJS consumer that is stopped while its brokers change stops', async () => {
  // By itself it does not: when it does, the help is not needed any more.
  expect((await stopWhileBrokersChange()).asked).toBeGreaterThanOrEqual(MOST_ASKED);

  letKafkaJsStop();
  expect(await stopWhileBrokersChange()).toEqual({
    asked: 3,
    hasLeft: true,
    isConsuming: false,
  });
});
