import { setTimeout as delay } from 'node:timers/promises';
import { type GroupSample, judgeGroup } from '../../benchmarks/advise/watch.js';
import type { ConnectionFlags } from '../client/connection-flags.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { colors } from '../colors.js';
import { groupPartitions } from '../group/describe.js';
import { describeGroup, noGroup } from '../group/group-view.js';
import { printJson } from '../print-json.js';
import { interruptSignal } from '../run-program.js';

export interface WatchFlags extends ConnectionFlags {
  readonly topic?: string;
  readonly for: number;
  readonly every: number;
  readonly json?: true;
}

/** Looks at a group's lag for a while and says what would help. Nothing of the cluster is changed. */
export async function watchGroup(group: string, flags: WatchFlags): Promise<void> {
  const signal = interruptSignal();
  await withClient(flags, async (client) => {
    const samples: GroupSample[] = [];
    const startedMs = performance.now();
    const first = await look(client, group, flags.topic ?? null);
    const { topic } = first;
    samples.push(first.sample);
    if (!flags.json) {
      process.stderr.write(`looking at ${group} on ${topic} for ${flags.for} s\n`);
    }
    while (performance.now() - startedMs < flags.for * 1000) {
      await delay(flags.every * 1000, undefined, { signal }).catch(() => signal.throwIfAborted());
      samples.push((await look(client, group, topic)).sample);
    }
    const verdict = judgeGroup(samples);
    if (flags.json) {
      printJson({ group, topic, ...verdict });
      return;
    }
    process.stdout.write(`${colors.bold(verdict.text)}\n`);
    for (const line of verdict.evidence) process.stdout.write(`  ${line}\n`);
  });
}

async function look(
  client: KafkaClient,
  name: string,
  asked: string | null,
): Promise<{ readonly topic: string; readonly sample: GroupSample }> {
  const group = await describeGroup(client, name);
  const all = await groupPartitions(client, group);
  if (all.length === 0) throw noGroup(name);
  const topic = asked ?? mostLag(all);
  const sample: GroupSample = {
    atMs: performance.now(),
    members: group.members.map(({ memberId }) => memberId),
    partitions: all
      .filter((one) => one.topic === topic && one.endOffset !== null)
      .map(({ partition, endOffset, committedOffset, member }) => ({
        partition,
        endOffset: endOffset ?? 0,
        committedOffset,
        member: member?.memberId ?? null,
      })),
  };
  return { topic, sample };
}

function mostLag(
  partitions: readonly { readonly topic: string; readonly lag: number | null }[],
): string {
  const lags = new Map<string, number>();
  for (const { topic, lag } of partitions) lags.set(topic, (lags.get(topic) ?? 0) + (lag ?? 0));
  return [...lags].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}
