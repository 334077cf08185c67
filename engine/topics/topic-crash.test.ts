import { describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { DataDirectory } from './data-directory.js';

/*
 * The machine loses power before every single step of an operation, in turn; then the directory opens again. Each
 * row's operation starts from topic `t` with 2 partitions, 3 records in each, flushed.
 */
const DIRECTORY = '/data';
const SEEDS = [1, 2, 3];
const OTHER_ID = 'AAECAwQFBgcICQoLDA0ODw';

async function prepared(fs: SimulatedFileSystem): Promise<DataDirectory> {
  const data = await DataDirectory.open({ directory: DIRECTORY, fs });
  await data.createTopic('t', { partitions: 2 });
  for (let p = 0; p < 2; p += 1) {
    const log = data.partition('t', p);
    log.append([{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
    await log.flush();
  }
  return data;
}

interface Row {
  readonly name: string;
  readonly run: (
    data: DataDirectory,
    fs: SimulatedFileSystem,
    acknowledge: () => void,
  ) => Promise<unknown>;
  /** What must hold after any crash; `isDone`: the operation had resolved, or `acknowledge` was called. */
  readonly check: (data: DataDirectory, isDone: boolean) => void;
}

const ends = (data: DataDirectory, topic: string) =>
  data.describeTopic(topic).partitions.map(({ logEndOffset }) => logEndOffset);

const ROWS: Row[] = [
  {
    name: 'createTopic: no topic, or a whole one',
    run: (data) => data.createTopic('new', { partitions: 3, config: { retentionMs: 5 } }),
    check: (data, isDone) => {
      expect(ends(data, 't')).toEqual([3, 3]);
      if (!data.hasTopic('new')) return expect(isDone).toBe(false);
      expect(ends(data, 'new')).toEqual([0, 0, 0]);
      expect(data.describeTopic('new').overrides).toEqual({ 'retention.ms': '5' });
    },
  },
  {
    name: 'deleteTopic: the whole topic, or none of it',
    run: (data) => data.deleteTopic('t'),
    check: (data, isDone) => {
      if (!data.hasTopic('t')) return;
      expect(isDone).toBe(false);
      expect(ends(data, 't')).toEqual([3, 3]);
    },
  },
  {
    name: 'deleteTopic, then the same name again: never a mixture',
    run: async (data) => {
      await data.deleteTopic('t');
      await data.createTopic('t', { partitions: 3 });
    },
    check: (data, isDone) => {
      if (!data.hasTopic('t')) return expect(isDone).toBe(false);
      const found = ends(data, 't');
      if (isDone || found.length === 3) expect(found).toEqual([0, 0, 0]);
      else expect(found).toEqual([3, 3]);
    },
  },
  {
    name: 'addPartitions: the old number, or the new one',
    run: (data) => data.addPartitions('t', 4),
    check: (data, isDone) => {
      const found = ends(data, 't');
      if (isDone || found.length === 4) expect(found).toEqual([3, 3, 0, 0]);
      else expect(found).toEqual([3, 3]);
    },
  },
  {
    name: 'alterConfig: the old settings, or the new ones',
    run: (data) => data.alterConfig('t', { 'retention.ms': 1234 }),
    check: (data, isDone) => {
      const { overrides } = data.describeTopic('t');
      if (isDone || 'retention.ms' in overrides) {
        expect(overrides).toEqual({ 'retention.ms': '1234' });
      }
      expect(ends(data, 't')).toEqual([3, 3]);
    },
  },
  {
    name: 'hostPartitions: what is asked for, and what was there is untouched',
    run: (data) => {
      const id = data.describeTopic('t').id;
      const config = { 'retention.ms': '1234' };
      return data.hostPartitions([
        { topic: 't', topicId: id, partitions: [5], config },
        { topic: 'new', topicId: OTHER_ID, partitions: [7], config },
      ]);
    },
    check: (data, isDone) => {
      const found = ends(data, 't');
      expect(found).toEqual(found.length === 2 ? [3, 3] : [3, 3, 0]);
      const isNewThere = data.hasTopic('new');
      expect(isNewThere).toBe(found.length === 3);
      if (isDone) expect(isNewThere).toBe(true);
      if (isNewThere) expect(data.describeTopic('new').id).toBe(OTHER_ID);
    },
  },
  {
    name: 'hostPartitions under another topic id: never the old records under the new id',
    run: (data) =>
      data.hostPartitions([{ topic: 't', topicId: OTHER_ID, partitions: [0], config: {} }]),
    check: (data, isDone) => {
      if (isDone) expect(data.describeTopic('t').id).toBe(OTHER_ID);
      if (data.hasTopic('t') && data.describeTopic('t').id === OTHER_ID) {
        expect(ends(data, 't')).toEqual([0]);
      }
    },
  },
  {
    name: 'dropPartitions: the others keep their records',
    run: (data) => data.dropPartitions([{ topic: 't', partitions: [0] }]),
    check: (data, isDone) => {
      expect(data.partition('t', 1).logEndOffset).toBe(3);
      if (isDone) expect(ends(data, 't')).toEqual([3]);
      else expect([[3, 3], [0, 3], [3]]).toContainEqual(ends(data, 't'));
    },
  },
  {
    name: 'deleteRecordsBefore: acknowledged, they stay deleted',
    run: (data) => data.partition('t', 0).deleteRecordsBefore(2),
    check: (data, isDone) => {
      const start = data.partition('t', 0).logStartOffset;
      if (isDone || start !== 0) expect(start).toBe(2);
      expect(ends(data, 't')).toEqual([3, 3]);
    },
  },
  {
    name: 'a partition opened alone, then the directory: what was acknowledged alone holds',
    run: async (data, fs, acknowledge) => {
      await data.close();
      const alone = await PartitionLog.open({ directory: `${DIRECTORY}/t-0`, fs });
      await alone.deleteRecordsBefore(2);
      acknowledge();
      await alone.close();
      const again = await DataDirectory.open({ directory: DIRECTORY, fs });
      await again.close();
    },
    check: (data, isDone) => {
      const start = data.partition('t', 0).logStartOffset;
      if (isDone || start !== 0) expect(start).toBe(2);
      expect(ends(data, 't')).toEqual([3, 3]);
    },
  },
  {
    name: 'close: as any crash',
    run: (data) => data.close(),
    check: (data, isDone) => {
      expect(ends(data, 't')).toEqual([3, 3]);
      if (isDone) expect(data.wasClean).toBe(true);
    },
  },
];

describe('power failure before every step of', () => {
  it.each(ROWS)('$name', { timeout: 120_000 }, async ({ run, check }) => {
    for (const seed of SEEDS) {
      const trial = new SimulatedFileSystem({ seed });
      const first = await prepared(trial);
      const before = trial.steps;
      await run(first, trial, () => undefined);
      const steps = trial.steps - before;
      expect(steps).toBeGreaterThan(0);
      await first.close();
      for (let step = 1; step <= steps + 1; step += 1) {
        const fs = new SimulatedFileSystem({ seed, faults: { crashAtStep: before + step } });
        const data = await prepared(fs);
        let isDone = false;
        const done = () => {
          isDone = true;
        };
        await run(data, fs, done).then(done, () => undefined);
        const reboot = fs.powerFail();
        const again = await DataDirectory.open({ directory: DIRECTORY, fs: reboot });
        expect(again.offline, `seed ${seed}, step ${step}`).toEqual([]);
        check(again, isDone);
        await again.close();
        const third = await DataDirectory.open({ directory: DIRECTORY, fs: reboot });
        expect(third.wasClean, `seed ${seed}, step ${step}`).toBe(true);
        check(third, isDone);
        await third.close();
      }
    }
  });
});

describe('kill before every step, then a power failure once the next process has flushed, of', () => {
  it.each(ROWS)('$name', { timeout: 120_000 }, async ({ run, check }) => {
    const seed = 5;
    const trial = new SimulatedFileSystem({ seed });
    const first = await prepared(trial);
    const before = trial.steps;
    await run(first, trial, () => undefined);
    const steps = trial.steps - before;
    await first.close();
    for (let step = 1; step <= steps + 1; step += 1) {
      const fs = new SimulatedFileSystem({ seed, faults: { crashAtStep: before + step } });
      const data = await prepared(fs);
      let isDone = false;
      const done = () => {
        isDone = true;
      };
      await run(data, fs, done).then(done, () => undefined);
      const killed = fs.kill();
      const next = await DataDirectory.open({ directory: DIRECTORY, fs: killed });
      check(next, isDone);
      const flushed = new Map<string, (number | null)[]>();
      for (const topic of next.listTopics()) {
        for (const { partition: p } of next.describeTopic(topic).partitions) {
          next.partition(topic, p).append([{ value: 'after the kill' }]);
          await next.partition(topic, p).flush();
        }
        flushed.set(topic, ends(next, topic));
      }
      const reboot = killed.powerFail({ outcome: 'nothing' });
      const again = await DataDirectory.open({ directory: DIRECTORY, fs: reboot });
      expect(again.listTopics(), `step ${step}`).toEqual([...flushed.keys()]);
      for (const [topic, expected] of flushed) {
        expect(ends(again, topic), `step ${step}`).toEqual(expected);
      }
      await again.close();
    }
  });
});
