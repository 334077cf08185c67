import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { ControllerPort } from '../metadata/controller-port.js';
import { Brokers } from '../testing/broker-harness.js';

let brokers: Brokers;
afterEach(() => brokers.close());

/** What each life of the broker has said of the one before. */
async function livesOf(between: readonly (() => Promise<unknown>)[]): Promise<boolean[]> {
  const said: boolean[] = [];
  const controller = (port: ControllerPort): ControllerPort =>
    new Proxy(port, {
      get(target, name: keyof ControllerPort) {
        return (request: never) => {
          if (name === 'registerBroker')
            said.push((request as { wasCleanStop: boolean }).wasCleanStop);
          return target[name](request);
        };
      },
    });
  brokers = await Brokers.start({ controller });
  await brokers.call('CreateTopics', 7, {
    topics: [{ name: 't', numPartitions: 2, replicationFactor: 1 }],
  });
  for (const happens of between) {
    await brokers.node().close();
    await happens();
    await brokers.open(1);
    await brokers.join(1);
  }
  return said;
}

const lose = (...path: string[]) =>
  rm(join(brokers.directory, 'broker-1', ...path), { recursive: true });

// One that is taken for whole may lead from the ISR of before: the others would cut their logs to its end.
it('a broker whose data is gone does not say that it stopped cleanly', async () => {
  const nothing = async () => undefined;
  expect(await livesOf([nothing, () => lose()])).toEqual([false, true, false]);
});

it('a broker of whose partitions one is gone does not say that it stopped cleanly', async () => {
  expect(await livesOf([() => lose('t-1')])).toEqual([false, false]);
});

/** The broker starts and stops cleanly, and the controller never hears of it. */
async function startAndStop(): Promise<void> {
  await brokers.open(1);
  await brokers.node().close();
}

it('a life of which the controller never heard does not hide that data is gone', async () => {
  const isGone = async () => {
    await lose('t-1');
    await startAndStop();
    await startAndStop();
  };
  expect(await livesOf([isGone])).toEqual([false, false]);
});

it('nor that the life before it was killed', async () => {
  const wasKilled = async () => {
    await lose('.kafka_cleanshutdown');
    await startAndStop();
  };
  expect(await livesOf([wasKilled])).toEqual([false, false]);
});

it('what is whole stays so over a life of which the controller never heard', async () => {
  expect(await livesOf([startAndStop])).toEqual([false, true]);
});
