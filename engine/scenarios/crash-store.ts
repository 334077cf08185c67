import { join } from 'node:path';
import type { FileSystem } from '../io/port.js';
import { PartitionLog } from '../log/partition-log.js';
import { DataDirectory } from '../topics/data-directory.js';
import { type CrashPlan, TOPIC } from './crash-plan.js';

/** A log on its own or a data directory, as the plan has it. */
export interface Store {
  readonly wasClean: boolean;
  readonly logs: readonly PartitionLog[];
  checkpoint(): Promise<void>;
  close(): Promise<void>;
}

export async function openStore(
  plan: CrashPlan,
  directory: string,
  fs: FileSystem,
  options: { readonly create: boolean },
): Promise<Store> {
  if (plan.store === 'log') {
    const path = join(directory, `${TOPIC}-0`);
    const log = await PartitionLog.open({ directory: path, fs, config: plan.config });
    return {
      logs: [log],
      wasClean: log.recovery.wasClean,
      checkpoint: () => log.flush(),
      close: () => log.close(),
    };
  }
  const data = await DataDirectory.open({
    directory,
    fs,
    topicDefaults: plan.config,
    checkpointMs: 20,
    retentionCheckMs: Number.POSITIVE_INFINITY,
  });
  if (data.offline.length > 0) {
    throw new Error('a partition was set aside', { cause: data.offline[0]?.cause });
  }
  const { partitions } = plan;
  if (options.create && !data.hasTopic(TOPIC)) {
    await data.createTopic(TOPIC, { partitions, config: plan.config });
  }
  const count = data.hasTopic(TOPIC) ? partitions : 0;
  return {
    logs: Array.from({ length: count }, (_, p) => data.partition(TOPIC, p)),
    wasClean: data.wasClean,
    checkpoint: () => data.checkpoint(),
    close: () => data.close(),
  };
}
