import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AssignorName } from '../groups/assignors/index.js';
import type { ConsumedRecord } from './fetch-state.js';
import type { GroupConsumer, GroupConsumerOptions } from './group-consumer.js';
import type { TopicPartition } from './partition-source.js';
import { Store } from './store.js';

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'varve-groups-'));
  store = await Store.open({ directory });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
});

const places = (consumer: { assignment: TopicPartition[] }) =>
  consumer.assignment.map(({ topic, partition }) => `${topic}-${partition}`).sort();

function consumer(options: Partial<GroupConsumerOptions> = {}): Promise<GroupConsumer> {
  return store.groupConsumer({
    group: 'billing',
    topics: ['orders'],
    heartbeatMs: 5,
    sessionTimeoutMs: 1000,
    ...options,
  });
}

async function fill(topic: string, partitions: number, records: number): Promise<void> {
  if (!store.hasTopic(topic)) await store.createTopic(topic, { partitions });
  for (let p = 0; p < partitions; p += 1) {
    for (let i = 0; i < records; i += 1) store.partition(topic, p).append([{ value: `${p}:${i}` }]);
  }
}

/** Polls all of them in turn until `done`. */
async function pollAll(
  members: readonly GroupConsumer[],
  done: () => boolean,
  into: ConsumedRecord[] = [],
): Promise<ConsumedRecord[]> {
  const deadline = Date.now() + 10_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`not done: ${members.map(places).join(' | ')}`);
    const batches = await Promise.all(members.map((member) => member.poll({ timeoutMs: 5 })));
    into.push(...batches.flat());
  }
  return into;
}

const text = ({ value }: ConsumedRecord) => Buffer.from(value ?? []).toString();
const values = (records: readonly ConsumedRecord[]) => records.map(text).sort();
const ASSIGNOR_NAMES: AssignorName[] = ['range', 'roundrobin', 'sticky', 'cooperative-sticky'];

describe('GroupConsumer', () => {
  it('reads every partition, commits, and the next member of the group goes on from there', async () => {
    await fill('orders', 3, 4);
    const first = await consumer();
    const read = await pollAll([first], () => false || places(first).length === 3);
    while (read.length < 12) read.push(...(await first.poll({ timeoutMs: 100 })));
    expect(new Set(values(read)).size).toBe(12);
    await first.commit();
    await first.close();
    store.partition('orders', 1).append([{ value: 'new' }]);
    const second = await consumer();
    const records: ConsumedRecord[] = [];
    await pollAll([second], () => records.length > 0, records);
    expect(values(records)).toEqual(['new']);
  });

  it('commits what earlier polls handed out by itself, and at close', async () => {
    await fill('orders', 1, 10);
    const first = await consumer({ autoCommitMs: 1, maxPollRecords: 4 });
    const records: ConsumedRecord[] = [];
    await pollAll([first], () => records.length >= 4, records);
    expect((await first.committed([{ topic: 'orders', partition: 0 }]))[0]?.offset ?? 0).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await first.poll({ timeoutMs: 100 });
    expect((await first.committed([{ topic: 'orders', partition: 0 }]))[0]?.offset).toBe(4);
    await first.close();
    const { partitions, totalLag, state } = await store.describeGroup('billing');
    expect(partitions).toMatchObject([{ partition: 0, committedOffset: 8, endOffset: 10, lag: 2 }]);
    expect({ totalLag, state }).toEqual({ totalLag: 2, state: 'Empty' });
  });

  it('without automatic commits, what was not committed comes again', async () => {
    await fill('orders', 1, 3);
    const first = await consumer({ autoCommitMs: false });
    await pollAll([first], () => first.positions()[0]?.offset === 3);
    await first.close();
    const second = await consumer({ autoCommitMs: false });
    const records: ConsumedRecord[] = [];
    await pollAll([second], () => records.length === 3, records);
    await second.commit([{ topic: 'orders', partition: 0, offset: 2, metadata: 'half' }], {
      durability: 'disk',
    });
    expect(await second.committed([{ topic: 'orders', partition: 0 }])).toEqual([
      { offset: 2, metadata: 'half' },
    ]);
  });

  it.each(ASSIGNOR_NAMES)(
    '%s: members come and go, each partition has one member',
    async (assignor) => {
      await fill('orders', 5, 1);
      const a = await consumer({ assignor });
      await pollAll([a], () => places(a).length === 5);
      const b = await consumer({ assignor });
      const c = await consumer({ assignor });
      const members = [a, b, c];
      const settled = (count: number, these: GroupConsumer[]) => () => {
        const all = these.flatMap(places);
        const sizes = these.map((member) => member.assignment.length);
        return (
          new Set(these.map(({ generation }) => generation)).size === 1 &&
          new Set(all).size === count &&
          all.length === count &&
          Math.min(...sizes) >= Math.floor(count / these.length)
        );
      };
      await pollAll(members, settled(5, members));
      await b.close();
      await pollAll([a, c], settled(5, [a, c]));
      await store.addPartitions('orders', 7);
      await pollAll([a, c], settled(7, [a, c]));
      const described = await store.describeGroup('billing');
      expect(described).toMatchObject({ state: 'Stable', assignor });
      expect(described.members).toHaveLength(2);
    },
  );

  it('members in surplus have nothing, and take over', async () => {
    await fill('orders', 1, 1);
    const [a, b] = [await consumer(), await consumer()];
    await pollAll(
      [a, b],
      () => places(a).length + places(b).length === 1 && a.generation === b.generation,
    );
    const [owner, idle] = a.assignment.length === 1 ? [a, b] : [b, a];
    await owner.close();
    await pollAll([idle], () => places(idle).length === 1);
  });

  it('a cooperative member keeps reading what stays its own while another joins', async () => {
    await fill('orders', 4, 1);
    const revoked: string[] = [];
    const a = await consumer({
      onRevoked: (partitions) => {
        revoked.push(...partitions.map(({ partition }) => String(partition)));
      },
    });
    await pollAll([a], () => places(a).length === 4);
    const b = await consumer();
    await pollAll([a, b], () => places(a).length === 2 && places(b).length === 2);
    expect(revoked).toHaveLength(2);
  });

  it('callbacks are told of partitions that come and go, and waited for', async () => {
    await fill('orders', 2, 1);
    const calls: string[] = [];
    const a = await consumer({
      assignor: 'range',
      onAssigned: async (partitions) => {
        await null;
        calls.push(`+${partitions.length}`);
      },
      onRevoked: async (partitions) => {
        await null;
        calls.push(`-${partitions.length}`);
      },
    });
    await pollAll([a], () => places(a).length === 2);
    const b = await consumer({ assignor: 'range' });
    await pollAll([a, b], () => places(a).length === 1 && places(b).length === 1);
    expect(calls).toEqual(['+2', '-2', '+1']);
  });

  it('a callback that fails ends the poll, and the next one goes on with the rebalance', async () => {
    await fill('orders', 2, 1);
    let failures = 0;
    const a = await consumer({
      onRevoked: () => {
        failures += 1;
        if (failures === 1) throw new Error('not now');
      },
    });
    await pollAll([a], () => places(a).length === 2);
    const b = await consumer();
    const giveUpMs = Date.now() + 3000;
    while (places(a).length !== 1 || places(b).length !== 1) {
      if (Date.now() > giveUpMs) throw new Error(`not done: ${places(a)} | ${places(b)}`);
      await Promise.all([a.poll({ timeoutMs: 5 }).catch(() => []), b.poll({ timeoutMs: 5 })]);
    }
    expect(failures).toBe(2);
  });

  it('a program that stops polling loses its partitions to the others, and gets some back', async () => {
    await fill('orders', 2, 1);
    const lost: number[] = [];
    const a = await consumer({
      maxPollIntervalMs: 30,
      onLost: (partitions) => {
        lost.push(partitions.length);
      },
    });
    await pollAll([a], () => places(a).length === 2);
    const b = await consumer({ maxPollIntervalMs: 1000 });
    await pollAll([b], () => places(b).length === 2);
    await expect(a.commit()).rejects.toMatchObject({
      code: expect.stringMatching(/UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION|REBALANCE_IN_PROGRESS/),
    });
    await pollAll([a, b], () => places(a).length === 1 && places(b).length === 1);
    expect(lost).toEqual([2]);
  });

  it('a static member comes back to its partitions; a second one of its name fences the first', async () => {
    await fill('orders', 2, 1);
    const a = await consumer({ instanceId: 'one', assignor: 'range' });
    await pollAll([a], () => places(a).length === 2);
    const { generation } = a;
    const again = await consumer({ instanceId: 'one', assignor: 'range' });
    await pollAll([again], () => places(again).length === 2);
    expect(again.generation).toBe(generation);
    const fenced = async () => {
      for (;;) await a.poll({ timeoutMs: 5 });
    };
    await expect(fenced()).rejects.toMatchObject({ code: 'FENCED_INSTANCE_ID' });
  });

  it('committed offsets survive a restart of the store, and an unclean stop', async () => {
    await fill('orders', 2, 5);
    const a = await consumer();
    await pollAll(
      [a],
      () => a.positions().every(({ offset }) => offset === 5) && places(a).length === 2,
    );
    await a.close();
    await store.close();
    store = await Store.open({ directory });
    expect(await store.listGroups()).toEqual(['billing']);
    expect((await store.describeGroup('billing')).totalLag).toBe(0);
  });

  it('deleting a topic forgets what was committed for it; deleting a group that has members is refused', async () => {
    await fill('orders', 1, 2);
    await fill('other', 1, 2);
    const a = await consumer({ topics: ['orders', 'other'] });
    await pollAll([a], () => a.positions().reduce((sum, { offset }) => sum + offset, 0) === 4);
    await a.commit();
    await expect(store.deleteGroup('billing')).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
    await a.close();
    await store.deleteTopic('other');
    const { partitions } = await store.describeGroup('billing');
    expect(partitions.map(({ topic }) => topic)).toEqual(['orders']);
    await store.deleteGroup('billing');
    await expect(store.describeGroup('billing')).rejects.toMatchObject({
      code: 'GROUP_ID_NOT_FOUND',
    });
    await expect(store.deleteTopic('__consumer_offsets')).rejects.toMatchObject({
      code: 'INVALID_TOPIC',
    });
  });

  it('poll ends by its time, its signal and close, also while it joins', async () => {
    await fill('orders', 1, 0);
    const a = await consumer();
    expect(await a.poll({ timeoutMs: 0 })).toEqual([]);
    const abort = new AbortController();
    const waiting = a.poll({ signal: abort.signal });
    setTimeout(() => abort.abort(), 5);
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    const ended = a.poll();
    setTimeout(() => void a.close(), 20);
    await expect(ended).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(a.poll()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it.each([
    ['an empty group', { group: '' }, 'INVALID_ARGUMENT'],
    ['no topics', { topics: [] }, 'INVALID_ARGUMENT'],
    ['an unknown assignor', { assignor: 'best' as 'range' }, 'INVALID_CONFIG'],
    ['a heartbeat of no time', { heartbeatMs: 0 }, 'INVALID_CONFIG'],
    ['an endless poll interval', { maxPollIntervalMs: Number.NaN }, 'INVALID_CONFIG'],
  ])('refuses %s', async (_, options, code) => {
    await fill('orders', 1, 0);
    await expect(consumer(options)).rejects.toMatchObject({ code });
  });

  it('refuses a session timeout outside the range, and members without a common assignor', async () => {
    await fill('orders', 1, 0);
    const short = await consumer({ sessionTimeoutMs: 1, group: 'short' });
    await expect(short.poll()).rejects.toMatchObject({ code: 'INVALID_SESSION_TIMEOUT' });
    const a = await consumer({ assignor: 'range' });
    await pollAll([a], () => places(a).length === 1);
    const b = await consumer({ assignor: 'sticky' });
    await expect(b.poll()).rejects.toMatchObject({ code: 'INCONSISTENT_GROUP_PROTOCOL' });
  });

  it('async iteration, paused partitions, seek', async () => {
    await fill('orders', 2, 2);
    const a = await consumer();
    await pollAll([a], () => places(a).length === 2);
    for (const place of a.assignment) a.seek(place, 'beginning');
    a.pause({ topic: 'orders', partition: 0 });
    const seen: string[] = [];
    for await (const record of a) {
      seen.push(text(record));
      if (seen.length === 2) a.resume({ topic: 'orders', partition: 0 });
      if (seen.length === 4) break;
    }
    expect(seen).toEqual(['1:0', '1:1', '0:0', '0:1']);
  });
});
