// What Kafka's DumpLogSegments makes of the offsets topic: every record decoded, and the state that they add up to.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { runJava } from './kafka.mjs';

/**
 * @typedef {{ offset: number, metadata: string }} Committed
 * @typedef {{ generation: number, protocolType: string, members: { memberId: string, subscription: unknown, assignment: unknown }[] }} Group
 *
 * @typedef {object} OffsetsState
 * @property {Map<string, Map<string, Committed>>} commits by group and "topic-partition"
 * @property {Map<string, Group>} groups
 * @property {number} records @property {number} tombstones
 * @property {number} gaps offsets that no record has any more
 * @property {string[]} problems
 */

const RECORD = /^\| offset: (\d+) .*? key: (\{.*?\}\}|.*?) payload: (.*)$/;

/**
 * @param {import('./kafka.mjs').Kafka} kafka
 * @param {string} dataDirectory with __consumer_offsets-N
 * @returns {Promise<OffsetsState>}
 */
export async function dumpOffsets(kafka, dataDirectory) {
  /** @type {OffsetsState} */
  const state = {
    commits: new Map(),
    groups: new Map(),
    records: 0,
    tombstones: 0,
    gaps: 0,
    problems: [],
  };
  const logs = readdirSync(dataDirectory)
    .filter((name) => /^__consumer_offsets-\d+$/.test(name))
    .flatMap((name) =>
      readdirSync(path.join(dataDirectory, name))
        .filter((file) => file.endsWith('.log'))
        .sort()
        .map((file) => path.join(dataDirectory, name, file)),
    );
  const { status, stdout, stderr } = await runJava(kafka, 'kafka.tools.DumpLogSegments', [
    '--deep-iteration',
    '--offsets-decoder',
    '--files',
    logs.join(','),
  ]);
  if (status !== 0) state.problems.push(`DumpLogSegments ended with ${status}: ${stderr}`);
  let directory = '';
  let next = 0;
  for (const line of stdout.split('\n')) {
    if (line.startsWith('Dumping ')) {
      if (path.dirname(line.slice(8)) === directory) continue;
      directory = path.dirname(line.slice(8));
      next = 0;
    }
    if (!line.startsWith('| offset: ')) continue;
    const [, offset, key, payload] = RECORD.exec(line) ?? [];
    if (key === undefined || payload === undefined) {
      state.problems.push(`not decoded: ${line}`);
      continue;
    }
    state.gaps += Number(offset) - next;
    next = Number(offset) + 1;
    fold(state, key, payload, line);
  }
  return state;
}

/** @param {OffsetsState} state @param {string} key @param {string} payload @param {string} line */
function fold(state, key, payload, line) {
  let name;
  let value;
  try {
    name = JSON.parse(key);
    value = payload === '<DELETE>' ? null : JSON.parse(payload);
  } catch {
    state.problems.push(`not decoded: ${line}`);
    return;
  }
  state.records += 1;
  if (value === null) state.tombstones += 1;
  const { group, topic, partition } = name.data;
  if (name.type === '1') {
    const commits = state.commits.get(group) ?? new Map();
    const its = `${topic}-${partition}`;
    if (value === null) commits.delete(its);
    else commits.set(its, { offset: value.data.offset, metadata: value.data.metadata });
    if (commits.size === 0) state.commits.delete(group);
    else state.commits.set(group, commits);
  } else if (name.type === '2') {
    if (value === null) state.groups.delete(group);
    else state.groups.set(group, value.data);
  } else state.problems.push(`a key of type ${name.type}: ${line}`);
}
