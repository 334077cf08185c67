import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSystem } from '../io/index.js';
import type { MetadataRecord } from '../metadata/records.js';
import { systemTimers } from '../timers.js';
import { Controller } from './controller.js';
import { PartitionMetadataLog } from './metadata-log.js';

const fs = openFileSystem();
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-metadata-log-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = () => PartitionMetadataLog.open({ directory, fs });
const ids = (next: number): MetadataRecord => ({ type: 'producer-ids', next });
const segmentPath = () => {
  const inside = join(directory, '__cluster_metadata-0');
  return join(inside, readdirSync(inside).find((name) => name.endsWith('.log'))!);
};

async function openController(): Promise<Controller> {
  return Controller.open({
    log: await open(),
    clock: fs.clock,
    timers: systemTimers,
    random: Math.random,
    validateConfig: () => null,
  });
}

async function startBroker(controller: Controller, brokerId: number): Promise<void> {
  const { brokerEpoch } = await controller.registerBroker({
    brokerId,
    host: '127.0.0.1',
    port: 9092,
    rack: null,
    wasCleanStop: true,
  });
  const { version } = controller.image;
  await controller.heartbeat({ brokerId, brokerEpoch, version, wantsShutdown: false, offline: [] });
}

const topicOf = (name: string, partitions: number) => ({
  name,
  partitions,
  replicationFactor: 1,
  assignments: null,
  config: {},
});

describe('PartitionMetadataLog', () => {
  it('gives back decision by decision what was appended', async () => {
    const log = await open();
    await log.append([{ type: 'cluster', clusterId: 'x' }, ids(1)]).durable;
    await Promise.all([log.append([ids(2)]).durable, log.append([ids(3)]).durable]);
    await log.close();
    const again = await open();
    expect(await again.load()).toEqual([
      { records: [{ type: 'cluster', clusterId: 'x' }, ids(1)], version: 2 },
      { records: [ids(2)], version: 3 },
      { records: [ids(3)], version: 4 },
    ]);
    await again.close();
  });

  it('a decision that was torn by a crash is gone as a whole', async () => {
    const log = await open();
    await log.append([ids(1), ids(2)]).durable;
    const { size } = fs.stat(segmentPath())!;
    await log.close();
    const whole = readFileSync(segmentPath());
    expect(size).toBeGreaterThanOrEqual(whole.length);
    const torn = await open();
    await torn.append([ids(3), ids(4)]).durable;
    await torn.close();
    truncateSync(segmentPath(), readFileSync(segmentPath()).length - 5);
    rmSync(join(directory, '__cluster_metadata-0', '.kafka_cleanshutdown'));
    const again = await open();
    expect(await again.load()).toEqual([{ records: [ids(1), ids(2)], version: 2 }]);
    await again.close();
  });

  it('refuses damage in what was durable', async () => {
    const log = await open();
    await log.append([ids(1)]).durable;
    await log.append([ids(2)]).durable;
    await log.close();
    const bytes = readFileSync(segmentPath());
    bytes[70]! ^= 0xff;
    writeFileSync(segmentPath(), bytes);
    const again = await open();
    await expect(again.load()).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
    await again.close();
  });

  it('what lies before a snapshot is deleted', async () => {
    const log = await open();
    for (let i = 1; i <= 20; i += 1) await log.append([ids(i)]).durable;
    await log.appendSnapshot([{ type: 'snapshot' }, ids(20)]).durable;
    await log.append([ids(21)]).durable;
    await log.close();
    const again = await open();
    expect(await again.load()).toEqual([
      { records: [{ type: 'snapshot' }, ids(20)], version: 22 },
      { records: [ids(21)], version: 23 },
    ]);
    await again.close();
  });

  it('belongs to one controller at a time', async () => {
    const log = await open();
    await expect(open()).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await log.close();
  });

  it('a controller finds its cluster again after a stop without goodbye', async () => {
    const controller = await openController();
    await startBroker(controller, 1);
    await controller.createTopics({ topics: [topicOf('a', 12)], validateOnly: false });
    const { image } = controller;
    // As a crash leaves it: without the mark of a clean stop.
    await controller.close();
    rmSync(join(directory, '__cluster_metadata-0', '.kafka_cleanshutdown'));
    const again = await openController();
    expect(again.image).toEqual(image);
    await again.close();
  });

  it('a decision about ten thousand partitions is one batch', async () => {
    const controller = await openController();
    await startBroker(controller, 1);
    await controller.createTopics({ topics: [topicOf('a', 10_000)], validateOnly: false });
    await controller.brokerFailed(1);
    expect(controller.image.partition('a', 9_999)).toMatchObject({ leader: -1 });
    await controller.close();
    const again = await openController();
    expect(again.image).toEqual(controller.image);
    await again.close();
  });
});
