import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PartitionLog } from '../engine/log/partition-log.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/cli/main.js');
const bundle = join(root, 'dist/bin/program.js');
const kafka = join(root, 'engine/scenarios/fixtures/kafka');
let work: string;

beforeAll(() => {
  // What runs is the build: it must be of these sources.
  const builtMs = fs.existsSync(bundle) ? fs.statSync(bundle).mtimeMs : 0;
  for (const name of fs.readdirSync(join(root, 'cli'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    if (fs.statSync(join(root, 'cli', name)).mtimeMs <= builtMs) continue;
    throw new Error(`dist/bin is older than cli/${name}: npm run build`);
  }
});

beforeEach(() => {
  work = fs.mkdtempSync(join(tmpdir(), 'varve-cli-'));
});

afterEach(() => fs.rmSync(work, { recursive: true, force: true }));

function varve(args: readonly string[], input?: Buffer | string) {
  const run = spawnSync(process.execPath, [main, ...args], {
    cwd: work,
    ...(input !== undefined && { input }),
    maxBuffer: 64 * 1024 * 1024,
    timeout: 30_000,
  });
  return {
    status: run.status,
    bytes: run.stdout,
    stdout: run.stdout.toString(),
    stderr: run.stderr.toString(),
    // biome-ignore lint/suspicious/noExplicitAny: what is asserted on is its shape
    json: (): any[] =>
      run.stdout
        .toString()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { cwd: work });
}

async function exitOf(child: ChildProcess): Promise<{ status: number | null; stderr: string }> {
  let stderr = '';
  child.stderr!.on('data', (data) => {
    stderr += String(data);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stderr };
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries += 1) {
    if (tries > 500) throw new Error('it did not happen within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const COMMANDS = ['append', 'cat', 'dump', 'verify', 'repair', 'stats', 'find'];

describe('usage', () => {
  test.each(COMMANDS)('%s --help has a description and examples, and exits with 0', (command) => {
    const { status, stdout, stderr } = varve(['log', command, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: varve log ${command}`);
    expect(stdout).toContain('Examples:\n  varve log');
    expect(stdout).toMatch(/Exit codes?|exit code/);
    expect(stderr).toBe('');
  });

  test('--help and --version of the program', () => {
    expect(varve(['--help']).stdout).toContain('Exit codes:');
    expect(varve(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    ['an unknown command', ['log', 'frobnicate']],
    ['an unknown option', ['log', 'cat', 'x', '--frob']],
    ['no directory', ['log', 'cat']],
    ['no --from', ['log', 'append', 'x-0']],
    ['an offset that is none', ['log', 'cat', 'x', '--from-offset', '-1']],
    ['a size that is none', ['log', 'append', 'x', '--from', '-', '--batch-bytes', '1 potato']],
    ['an unknown codec', ['log', 'append', 'x', '--from', '-', '--compression', 'rar']],
    ['a time that is none', ['log', 'find', 'x', '--timestamp', 'noon']],
    ['nothing to find', ['log', 'find', 'x']],
    ['two things to find', ['log', 'find', 'x', '--offset', '1', '--key', 'k']],
    ['a key that is not hexadecimal', ['log', 'find', 'x', '--key-hex', 'abc']],
  ])('%s: exit 2, with the reason on stderr', (_, args) => {
    const { status, stdout, stderr } = varve(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
    expect(fs.readdirSync(work)).toEqual([]);
  });

  test.each(COMMANDS.filter((command) => command !== 'append'))(
    '%s of a path that is not there: exit 1, one line with the code, nothing made',
    (command) => {
      const what = command === 'find' ? ['--offset', '0'] : [];
      const { status, stdout, stderr } = varve(['log', command, 'nowhere', ...what]);
      expect(status).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^varve: .*nowhere.*\[NOT_FOUND\]\n$/);
      expect(fs.readdirSync(work)).toEqual([]);
    },
  );

  test('a directory with nothing of a log in it', () => {
    fs.mkdirSync(join(work, 'photos'));
    fs.writeFileSync(join(work, 'photos', 'cat.jpg'), 'x');
    for (const command of ['dump', 'verify', 'stats', 'repair']) {
      const { status, stderr } = varve(['log', command, 'photos']);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^varve: photos: neither .*\[NOT_FOUND\]\n$/);
    }
  });
});

describe('append and cat', () => {
  const lines = Buffer.concat([
    Buffer.from('first\r\n\n\n  spaces  \n'),
    Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]),
    Buffer.from('ünïcode \u{1f600}\nlast\n'),
  ]);

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'gives back every byte, codec %s',
    (codec) => {
      // Enough of it that compression pays: a batch that would grow is stored as it is.
      const text = Buffer.concat(Array.from({ length: 50 }, () => lines));
      fs.writeFileSync(join(work, 'in'), text);
      const appended = varve([
        'log',
        'append',
        'e-0',
        '--from',
        'in',
        '--compression',
        codec,
        '--json',
      ]);
      expect(appended.status).toBe(0);
      expect(appended.json()[0]).toMatchObject({
        firstOffset: 0,
        records: 350,
        bytes: text.length - 350,
      });
      expect(varve(['log', 'cat', 'e-0']).bytes.equals(text)).toBe(true);
      expect(varve(['log', 'stats', 'e-0', '--json']).json()[0].codecs).toHaveProperty(codec);
    },
  );

  test('stdin that pauses: what came so far is in the log, as one batch, while append waits for more', async () => {
    const child = start(['log', 'append', 'tail-0', '--from', '-', '--durable']);
    const log = join(work, 'tail-0', '00000000000000000000.log');
    child.stdin!.write('one\ntwo\nthr');
    await until(() => fs.existsSync(log) && fs.readFileSync(log).includes('two'));
    expect(varve(['log', 'cat', 'tail-0']).stdout).toBe('one\ntwo\n');
    child.stdin!.end('ee\n');
    expect((await exitOf(child)).status).toBe(0);
    expect(varve(['log', 'cat', 'tail-0']).stdout).toBe('one\ntwo\nthree\n');
    expect(varve(['log', 'stats', 'tail-0', '--json']).json()[0]).toMatchObject({ batches: 2 });
  });

  test('stdin without a newline at the end: the last line counts, and gets one', () => {
    expect(varve(['log', 'append', 'e-0', '--from', '-'], 'a\nb').status).toBe(0);
    expect(varve(['log', 'cat', 'e-0']).stdout).toBe('a\nb\n');
  });

  test('nothing to append makes an empty log', () => {
    expect(varve(['log', 'append', 'e-0', '--from', '-', '--json'], '').json()[0].records).toBe(0);
    const { status, stdout } = varve(['log', 'cat', 'e-0']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  test('a file of many chunks and batches, appended to twice, durable', () => {
    const text = Array.from({ length: 60_000 }, (_, i) => `line ${i} ${'x'.repeat(i % 97)}\n`).join(
      '',
    );
    fs.writeFileSync(join(work, 'in'), text);
    const flags = ['--batch-bytes', '16KiB'];
    expect(varve(['log', 'append', 'e-0', '--from', 'in', ...flags]).status).toBe(0);
    const again = varve(['log', 'append', 'e-0', '--from', 'in', ...flags, '--durable', '--json']);
    expect(again.json()[0]).toMatchObject({ firstOffset: 60_000, records: 60_000 });
    expect(varve(['log', 'cat', 'e-0']).stdout === text + text).toBe(true);
    expect(varve(['log', 'cat', 'e-0', '--from-offset', '119998']).stdout).toBe(
      text.split('\n').slice(59_998, 60_000).join('\n').concat('\n'),
    );
    expect(varve(['log', 'cat', 'e-0', '--from-offset', '5', '--to-offset', '7']).stdout).toBe(
      text.split('\n').slice(5, 7).join('\n').concat('\n'),
    );
  });

  test('a 3 MB line is refused by its number, and the lines before it are kept', () => {
    const input = `one\ntwo\n${'x'.repeat(3_000_000)}\nfour\n`;
    const { status, stderr } = varve(['log', 'append', 'e-0', '--from', '-'], input);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^varve: line 3 has .*1048491.*2 records.*\[MESSAGE_TOO_LARGE\]\n$/);
    expect(varve(['log', 'cat', 'e-0']).stdout).toBe('one\ntwo\n');
    const flags = ['--max-message-bytes', '4MiB'];
    expect(varve(['log', 'append', 'f-0', '--from', '-', ...flags], input).status).toBe(0);
    expect(varve(['log', 'cat', 'f-0']).stdout === input).toBe(true);
  });

  test('--json: one object a record, bytes that are not UTF-8 in base64', () => {
    varve(['log', 'append', 'e-0', '--from', '-'], lines);
    const records = varve(['log', 'cat', 'e-0', '--json']).json();
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(records[4].value).toEqual({
      base64: Buffer.from([0xff, 0xfe, 0, 0x80]).toString('base64'),
    });
    expect(records[0].value).toBe('first\r');
  });

  test.each([
    ['that is not there', 'missing'],
    ['that is a directory', '.'],
  ])('--from a file %s: one line, no log made', (_, from) => {
    const { status, stderr } = varve(['log', 'append', 'e-0', '--from', from]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^varve: cannot read .*\[(NOT_FOUND|INVALID_ARGUMENT)\]\n$/);
    expect(fs.readdirSync(work)).toEqual([]);
  });

  test('a log in use: cat reads it, append is told who has it', async () => {
    const directory = join(work, 'e-0');
    const log = await PartitionLog.open({ directory });
    for (let i = 0; i < 5000; i += 1) log.append([{ value: `live ${i}` }]);
    expect(varve(['log', 'cat', 'e-0']).stdout.split('\n')).toHaveLength(5001);
    expect(varve(['log', 'verify', 'e-0']).status).toBe(0);
    const { status, stderr } = varve(['log', 'append', 'e-0', '--from', '-'], 'x\n');
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^varve: .*${process.pid}.*\\[DIRECTORY_LOCKED\\]\n$`));
    expect(varve(['log', 'repair', 'e-0']).stderr).toMatch(/\[DIRECTORY_LOCKED\]\n$/);
    await log.close();
  });

  test('a reader that goes away (head) is no error', () => {
    varve(['log', 'append', 'e-0', '--from', '-'], 'some line of a log\n'.repeat(200_000));
    const command = `"${process.execPath}" "${main}" log cat e-0 | head -n 2`;
    const run = spawnSync('bash', ['-o', 'pipefail', '-c', command], { cwd: work });
    expect(run.stdout.toString()).toBe('some line of a log\n'.repeat(2));
    expect(run.stderr.toString()).toBe('');
    expect(run.status).toBe(0);
  });

  test('Ctrl-C while appending: exit 130, what was appended is there, the log is closed cleanly', async () => {
    const child = start(['log', 'append', 'e-0', '--from', '-', '--batch-bytes', '1k']);
    const exit = exitOf(child);
    child.stdin!.write('a line that came before the interruption\n'.repeat(1000));
    const log = join(work, 'e-0', `${'0'.repeat(20)}.log`);
    await until(() => fs.existsSync(log) && fs.readFileSync(log).includes('interruption'));
    child.kill('SIGINT');
    const { status, stderr } = await exit;
    expect(status).toBe(130);
    expect(stderr).toMatch(/^varve: interrupted.*\[ABORTED\]\n$/);
    expect(fs.existsSync(join(work, 'e-0', '.kafka_cleanshutdown'))).toBe(true);
    expect(varve(['log', 'verify', 'e-0']).status).toBe(0);
    expect(varve(['log', 'cat', 'e-0']).stdout).toMatch(
      /^(a line that came before the interruption\n)+$/,
    );
  });

  test('Ctrl-C while reading: exit 130', async () => {
    varve(['log', 'append', 'e-0', '--from', '-'], 'some line of a log\n'.repeat(500_000));
    const child = start(['log', 'cat', 'e-0']);
    const exit = exitOf(child);
    await new Promise((resolve) => child.stdout!.once('readable', resolve));
    child.kill('SIGINT');
    setTimeout(() => child.stdout!.resume(), 50);
    expect(await exit).toMatchObject({ status: 130 });
  });
});

describe('damage', () => {
  const log = () => join(work, 'e-0', `${'0'.repeat(20)}.log`);

  beforeEach(() => {
    const text = Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join('');
    varve(['log', 'append', 'e-0', '--from', '-', '--batch-bytes', '1k'], text);
  });

  function flip(at: number): void {
    const bytes = fs.readFileSync(log());
    bytes[at] = bytes[at]! ^ 1;
    fs.writeFileSync(log(), bytes);
  }

  test('verify, dry run, repair, verify: exit codes and what is said', () => {
    expect(varve(['log', 'verify', 'e-0']).status).toBe(0);
    flip(2500);
    const before = fs.readFileSync(log());
    const found = varve(['log', 'verify', 'e-0']);
    expect(found.status).toBe(1);
    expect(found.stderr).toBe('');
    expect(found.stdout).toMatch(/damage {2}0{20}\.log, position \d+, offset \d+: .*checksum/);
    expect(found.stdout).toContain('repair cuts the segment at');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what must not be there
    expect(found.stdout).not.toMatch(/\u001b/);

    const plan = varve(['log', 'repair', 'e-0', '--dry-run']);
    expect(plan.status).toBe(1);
    expect(plan.stdout).toContain('would cut');
    expect(fs.readFileSync(log()).equals(before)).toBe(true);

    const done = varve(['log', 'repair', 'e-0']);
    expect(done.status).toBe(0);
    expect(done.stdout).toContain('verified, no damage left');
    expect(fs.readdirSync(join(work, 'e-0')).some((name) => name.endsWith('.set-aside'))).toBe(
      true,
    );
    expect(varve(['log', 'verify', 'e-0']).status).toBe(0);
    const kept = varve(['log', 'cat', 'e-0']).stdout.split('\n');
    expect(kept.length).toBeGreaterThan(50);
    expect(kept.slice(0, 3)).toEqual(['line 0', 'line 1', 'line 2']);
    expect(varve(['log', 'repair', 'e-0']).stdout).toContain('nothing to repair');
  });

  test('every line of --json is an object', () => {
    flip(2500);
    const found = varve(['log', 'verify', 'e-0', '--json']);
    expect(found.status).toBe(1);
    expect(found.json().map(({ type }) => type)).toEqual(['finding', 'partition', 'summary']);
    expect(found.json()[0]).toMatchObject({ severity: 'damage', code: 'bad-batch' });
    const done = varve(['log', 'repair', 'e-0', '--json']);
    expect(done.json().at(-1)).toMatchObject({ type: 'repair', remaining: [] });
    expect(done.json()[0]).toMatchObject({ type: 'action', action: 'copy-tail' });
  });

  test('cat prints what comes before damage, and says where it stopped', () => {
    flip(2500);
    const { status, stdout, stderr } = varve(['log', 'cat', 'e-0']);
    expect(status).toBe(1);
    expect(stdout.startsWith('line 0\nline 1\n')).toBe(true);
    expect(stderr).toMatch(
      /^varve: .*\.log: damage at position \d+: checksum.*\[CORRUPT_MESSAGE\]\n$/,
    );
  });

  test('dump marks the batch, goes on behind it, and exits with 1', () => {
    const sound = varve(['log', 'dump', 'e-0', '--json']).json();
    flip(2500);
    const { status, json } = varve(['log', 'dump', 'e-0', '--json']);
    expect(status).toBe(1);
    const batches = json().filter(({ type }) => type === 'batch');
    expect(batches).toHaveLength(sound.filter(({ type }) => type === 'batch').length);
    expect(batches.filter(({ isValid }) => !isValid)).toHaveLength(1);
  });

  test('single files: each kind by its name, others refused', () => {
    const directory = join(work, 'e-0');
    for (const name of fs.readdirSync(directory)) {
      if (name.startsWith('.')) continue;
      const { status, stderr } = varve(['log', 'dump', join('e-0', name)]);
      expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: '' });
      expect(varve(['log', 'verify', join('e-0', name)]).status).toBe(0);
    }
    fs.writeFileSync(join(work, 'notes.txt'), 'hello');
    expect(varve(['log', 'dump', 'notes.txt']).stderr).toMatch(/\[UNSUPPORTED_FORMAT\]\n$/);
    flip(30);
    expect(varve(['log', 'verify', log()]).status).toBe(1);
  });
});

interface Expected {
  readonly topic: string;
  // biome-ignore lint/suspicious/noExplicitAny: a fixture, compared as it is
  readonly [key: string]: any;
}

function fixtures(): (readonly [string, string, Expected])[] {
  return fs.readdirSync(kafka).flatMap((name) => {
    const file = join(kafka, name, 'expected.json');
    if (!fs.existsSync(file)) return [];
    const expected = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (expected.topics !== undefined) {
      return Object.entries(expected.topics).map(([topic, one]) => {
        const directory = join(kafka, name, 'data', `${topic}-0`);
        return [`${name}/${topic}`, directory, { ...(one as object), topic } as Expected] as const;
      });
    }
    return [[name, join(kafka, name, `${expected.topic}-0`), expected] as const];
  });
}

function bytesOf(value: string | null | { base64: string }): Buffer | null {
  if (value === null) return null;
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.base64, 'base64');
}

/** As the fixtures name it: base64, null, or a long one by its hash. */
function named(value: string | null | { base64: string }): unknown {
  const bytes = bytesOf(value);
  if (bytes === null || bytes.length <= 600) return bytes?.toString('base64') ?? null;
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

describe.each(fixtures())('a directory of Kafka: %s', (_, directory, expected) => {
  test('dump says what DumpLogSegments says', () => {
    const { status, json } = varve(['log', 'dump', directory, '--json']);
    expect(status).toBe(0);
    const lines = json();
    const of = (type: string, base: number) => {
      const name = `${String(base).padStart(20, '0')}.${type === 'batch' ? 'log' : type}`;
      return lines
        .filter((line) => line.type === type && line.file.endsWith(`/${name}`))
        .map(
          ({
            type: _type,
            file: _file,
            isValid: _valid,
            problem: _problem,
            compressionRatio: _ratio,
            ...rest
          }) => rest,
        );
    };
    for (const segment of expected.segments) {
      const base = segment.baseOffset;
      expect(of('batch', base)).toEqual(segment.batches);
      expect(of('index', base)).toEqual(segment.offsetIndex);
      expect(of('timeindex', base)).toEqual(segment.timeIndex);
      expect(of('txnindex', base)).toEqual(segment.abortedTransactions ?? []);
    }
    for (const snapshot of expected.snapshots) {
      expect(of('snapshot', snapshot.offset)).toEqual(snapshot.producers);
    }
    expect(lines.filter(({ type }) => type === 'batch').every(({ isValid }) => isValid)).toBe(true);
  });

  test('verify finds no damage', () => {
    const { status, json } = varve(['log', 'verify', directory, '--json']);
    expect(json().filter(({ severity }) => severity === 'damage')).toEqual([]);
    expect(status).toBe(0);
    const partition = json().find(({ type }) => type === 'partition');
    expect(partition.logEndOffset).toBe(expected.endOffset);
  });

  test('cat gives the records the Java consumer got', () => {
    const { status, json } = varve([
      'log',
      'cat',
      directory,
      '--json',
      '--from-offset',
      String(expected.beginningOffset),
    ]);
    expect(status).toBe(0);
    const records = json().map((record) => ({
      offset: record.offset,
      timestamp: record.timestamp,
      key: named(record.key),
      value: named(record.value),
      headers: (record.headers ?? []).map((header: { key: string; value: string | null }) => ({
        key: header.key,
        value: bytesOf(header.value)?.toString('base64') ?? null,
      })),
    }));
    expect(records).toEqual(expected.records);
  });

  test('stats and find agree with it', () => {
    const stats = varve(['log', 'stats', directory, '--json']).json()[0];
    const batches = expected.segments.flatMap((segment: { batches: unknown[] }) => segment.batches);
    expect(stats.batches).toBe(batches.length);
    const record = expected.records.at(-1);
    if (record === undefined) return;
    const byOffset = varve(['log', 'find', directory, '--offset', String(record.offset), '--json']);
    expect(byOffset.json()[0].record).toMatchObject({
      offset: record.offset,
      timestamp: record.timestamp,
    });
    const inTime = expected.records.find(
      (one: { timestamp: number }) => one.timestamp >= record.timestamp,
    );
    const byTime = varve([
      'log',
      'find',
      directory,
      '--timestamp',
      String(record.timestamp),
      '--json',
    ]);
    expect(byTime.json()[0].record.offset).toBe(inTime.offset);
  });
});

test('verify and stats of a whole data directory of Kafka', () => {
  const directory = join(kafka, 'data-directory/data');
  const { status, stdout } = varve(['log', 'verify', directory]);
  expect(status).toBe(0);
  for (const name of [
    'orders-0',
    'payments.eu-1-0',
    '__consumer_offsets-0',
    '__cluster_metadata-0',
  ]) {
    expect(stdout).toContain(name);
  }
  expect(varve(['log', 'stats', directory, '--json']).json()).toHaveLength(5);
  expect(varve(['log', 'dump', directory]).status).toBe(0);
});
