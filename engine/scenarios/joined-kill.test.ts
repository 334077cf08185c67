import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';

const BUILT = pathToFileURL(resolve('dist/engine/index.js')).href;
const WRITERS = 24;

/** Appends until it is killed; says where each record was put once it is durable. */
const PROGRAM = `
import { writeSync } from 'node:fs';
import { PartitionLog } from ${JSON.stringify(BUILT)};
const [directory, life] = process.argv.slice(1);
const log = await PartitionLog.open({
  directory, config: { 'internal.segment.bytes': 60000, 'flush.messages': 700 },
});
writeSync(1, 'ready\\n');
let next = 0;
const writer = async () => {
  for (;;) {
    const value = life + ':' + next++;
    const padded = value.padEnd(20 + (next * 7) % 300, '.');
    const { baseOffset } = await log.appendDurable([{ value: padded }]);
    writeSync(1, baseOffset + ' ' + value + '\\n');
    if (next % 97 === 0) log.append([{ value: 'between' }]);
  }
};
await Promise.all(Array.from({ length: ${WRITERS} }, writer));
`;

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'varve-joined-')), 'events-0');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

/** Runs the program, kills it \`ms\` after its log is open, and returns what it said, by offset. */
function killedAfter(ms: number, life: number): Promise<Map<number, string>> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM, directory, String(life)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), ms);
    said += text;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (_, signal) => {
      if (signal !== 'SIGKILL') fail(new Error(`the writer ended by itself: ${said.slice(-500)}`));
      const lines = said.slice(0, said.lastIndexOf('\n')).split('\n').slice(1);
      done(new Map(lines.map((line) => [Number(line.split(' ')[0]), line.split(' ')[1]!])));
    });
  });
}

describe('kill -9', () => {
  it('of a process with many durable appends under way: those acknowledged are where they were put, once', {
    timeout: 60_000,
  }, async () => {
    const acknowledged = new Map<number, string>();
    for (let life = 0; life < 8; life += 1) {
      for (const [offset, value] of await killedAfter(20 + life * 17, life)) {
        expect(acknowledged.has(offset), `offset ${offset} was given twice`).toBe(false);
        acknowledged.set(offset, value);
      }
    }
    expect(acknowledged.size).toBeGreaterThan(1000);
    const log = await PartitionLog.open({ directory });
    const seen = new Set<string>();
    let expected = 0;
    for (const record of log.records()) {
      expect(record.offset).toBe(expected);
      expected += 1;
      const value = Buffer.from(record.value!).toString().replace(/\.*$/, '');
      const told = acknowledged.get(record.offset);
      if (told !== undefined) expect(value).toBe(told);
      if (value === 'between') continue;
      expect(seen.has(value), `${value} is there twice`).toBe(false);
      seen.add(value);
    }
    for (const value of acknowledged.values()) expect(seen.has(value)).toBe(true);
    await log.close();
  });
});
