// Puts partition directories in the place of those that a stopped broker made for topics of the same names.
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** All but partition.metadata: it carries the topic id, and the broker deletes a partition whose id it does not know. */
export function swap(/** @type {string} */ target, /** @type {string} */ source) {
  if (!existsSync(path.join(target, 'partition.metadata')))
    throw new Error(`the broker made no ${target}`);
  for (const name of readdirSync(target))
    if (name !== 'partition.metadata') rmSync(path.join(target, name));
  for (const name of readdirSync(source))
    if (name !== 'partition.metadata') cpSync(path.join(source, name), path.join(target, name));
}

/** The checkpoints still speak of the empty logs the broker made: only a log start above the first segment is kept. */
export function settle(
  /** @type {string} */ data,
  /** @type {{ topic: string, partition: number, beginningOffset: number }[]} */ some = [],
) {
  const starts = some
    .filter((one) => one.beginningOffset > 0)
    .map((one) => [one.topic, one.partition, one.beginningOffset].join(' '));
  for (const name of ['recovery-point', 'replication', 'log-start', 'cleaner'].map(
    (kind) => `${kind}-offset-checkpoint`,
  )) {
    const lines = name.startsWith('log-start') ? starts : [];
    writeFileSync(
      path.join(data, name),
      ['0', lines.length, ...lines].map((line) => `${line}\n`).join(''),
    );
  }
}
