import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Broker } from '../engine/cluster/local-broker.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const main = join(root, 'dist/cli/main.js');
const bundle = join(root, 'dist/bin/program.js');

let broker: Broker;
let topic: string;
let topics = 0;

beforeAll(async () => {
  checkBuild();
  broker = await Broker.start({ config: { 'offsets.topic.num.partitions': 3 } });
});

afterAll(() => broker.close());

beforeEach(() => {
  topics += 1;
  topic = `topic-${topics}`;
});

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  // biome-ignore lint/suspicious/noExplicitAny: what is asserted on is its shape
  readonly json: any[];
}

interface RunOptions {
  readonly input?: string | Buffer;
  readonly bootstrap?: string;
  /** Once this has been printed, interrupt. */
  readonly interruptAt?: string;
}

/** The broker is in this process: nothing here may block it. */
function varve(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { input, bootstrap = broker.address, interruptAt } = options;
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, VARVE_BOOTSTRAP: bootstrap },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += String(data);
    if (interruptAt !== undefined && stdout.includes(interruptAt)) child.kill('SIGINT');
  });
  child.stderr.on('data', (data) => {
    stderr += String(data);
  });
  child.stdin.end(input ?? '');
  return new Promise((resolve) => {
    child.once('close', (status) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      resolve({ status, stdout, stderr, json: lines.map((line) => JSON.parse(line)) });
    });
  });
}

async function done(args: readonly string[], options?: RunOptions): Promise<Run> {
  const run = await varve(args, options);
  expect(run, run.stderr).toMatchObject({ status: 0 });
  return run;
}

const create = (...more: string[]) => done(['topic', 'create', topic, ...more]);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}\n`).join('');

describe('usage', () => {
  const commands = [
    ...['create', 'list', 'describe', 'alter', 'delete'].map((name) => ['topic', name]),
    ...['list', 'describe', 'reset', 'delete'].map((name) => ['group', name]),
    ...['produce', 'consume', 'broker', 'cluster'].map((name) => [name]),
  ];
  test.each(commands)('%s %s: --help has examples and exits with 0', async (...names) => {
    const { stdout } = await done([...names, '--help']);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain(`varve ${names.join(' ')}`);
  });

  test.each([
    [['produce'], 'missing required argument'],
    [['consume', 't', '--from', 'yesterday'], 'It is beginning, end, an offset'],
    [['consume', 't', '--until', 'beginning'], 'It is end, an offset, or a time'],
    [['consume', 't', '--group', 'g', '--from', '10'], 'varve group reset'],
    [['consume', 't', '--group', 'g', '--partition', '1'], '--partition does not go with --group'],
    [['topic', 'list', '--bootstrap', 'nowhere'], 'It is host:port'],
    [['topic', 'create', 't', '--partitions', '0'], 'It is a whole number from 1'],
    [['topic', 'create', 't', '--config', 'x'], 'It is name=value'],
    [['topic', 'alter', 't'], 'say what to alter'],
    [['group', 'describe'], '--all'],
    [['group', 'reset', 'g', '--to', 'end'], '--topic, or --all-topics'],
    [['group', 'reset', 'g', '--all-topics'], 'either --to or --by'],
    [['topic', 'list', '--sasl', 'PLAIN'], '--sasl and --user go together'],
    [['produce', 't', '--json', '-K', ':'], '--key-separator does not go with --json'],
    [['broker'], "required option '-d, --directory <dir>'"],
    [['cluster', '-d', 'x', '-p', '65535'], 'no room for 3 brokers'],
  ])('%j exits with 2 and says why', async (args, why) => {
    const run = await varve(args);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain(why);
    expect(run.stdout).toBe('');
  });

  test('no broker there: exit 1, one line that names the address', async () => {
    const run = await varve(['topic', 'list', '--timeout', '200'], { bootstrap: '127.0.0.1:1' });
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/^varve: .*127\.0\.0\.1:1.* \[NETWORK_EXCEPTION\]\n$/);
  });

  test.skipIf('zstdCompressSync' in zlib)('zstd on a Node without it: says so', async () => {
    await create();
    const run = await varve(['produce', topic, '-z', 'zstd'], { input: 'a\n' });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('Node.js 22.15');
  });
});

describe('topics', () => {
  test('create, list, describe, alter, delete', async () => {
    const made = await create('-p', '3', '-c', 'retention.ms=1000', '--json');
    expect(made.json).toMatchObject([
      { topic, created: true, partitions: 3, replicationFactor: 1 },
    ]);
    expect((await done(['topic', 'list', '--quiet'])).stdout.split('\n')).toContain(topic);

    await done(['topic', 'alter', topic, '-p', '5', '-c', 'cleanup.policy=compact']);
    await done(['topic', 'alter', topic, '--delete-config', 'retention.ms']);
    const [described] = (await done(['topic', 'describe', topic, '--json'])).json;
    expect(described.config).toEqual({ 'cleanup.policy': 'compact' });
    expect(described.topicId).toBe(made.json[0].topicId);
    expect(described.partitions).toHaveLength(5);
    expect(described.partitions[4]).toMatchObject({
      partition: 4,
      leader: 1,
      isr: [1],
      startOffset: 0,
      endOffset: 0,
    });
    const table = await done(['topic', 'describe', topic]);
    expect(table.stdout).toContain(`${topic}  5 partitions, replication factor 1`);
    expect((await done(['topic', 'describe', '--under-replicated'])).stdout).toBe('');

    expect((await done(['topic', 'delete', topic])).stdout).toBe(`${topic}: deleted\n`);
    const gone = await varve(['topic', 'describe', topic]);
    expect(gone.status).toBe(1);
    expect(gone.stderr).toContain('[UNKNOWN_TOPIC_OR_PARTITION]');
  });

  test('what is there already and what is not: an error unless told otherwise', async () => {
    await create();
    const again = await varve(['topic', 'create', topic, `${topic}-new`]);
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('[TOPIC_ALREADY_EXISTS]');
    // The other one is made all the same.
    expect(again.stdout).toContain(`${topic}-new: created`);
    expect((await create('--if-not-exists')).stdout).toContain('is there already');
    const missing = ['topic', 'delete', 'not-there', topic];
    expect((await varve(missing)).status).toBe(1);
    expect((await done(['topic', 'delete', 'not-there', '--if-exists'])).stdout).toContain(
      'is not there',
    );
  });

  test('a setting that is refused: exit 1 with what the broker says', async () => {
    await create();
    const run = await varve(['topic', 'alter', topic, '-c', 'retention.ms=soon']);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('[INVALID_CONFIG]');
    expect(run.stderr).toContain('retention.ms');
    const fewer = await varve(['topic', 'alter', topic, '-p', '1']);
    expect(fewer.stderr).toContain('[INVALID_PARTITIONS]');
  });
});

describe('records', () => {
  test('lines come back as they were sent, in order, whatever bytes they hold', async () => {
    await create();
    const input = Buffer.concat([Buffer.from('one\r\n\n'), Buffer.from([0xff, 0xfe, 0x0a])]);
    const sent = await done(['produce', topic], { input });
    expect(sent.stdout).toBe('');
    expect(sent.stderr).toContain('sent 3 records');
    const { json } = await done(['consume', topic, '-f', 'beginning', '-u', 'end', '--json']);
    expect(json.map(({ value }) => value)).toEqual(['one\r', '', { base64: '//4=' }]);
    expect(json.map(({ offset }) => offset)).toEqual([0, 1, 2]);
  });

  test('keys go where Kafka’s clients send them; headers and null values are kept', async () => {
    await create('-p', '3');
    const args = ['produce', topic, '-K', ':', '--null-value', 'NULL', '-H', 'h=1', '-H', 'i=2'];
    const { json: batches } = await done([...args, '--report'], { input: 'a:1\nb:2:3\na:NULL\n' });
    // murmur2: a is in partition 1 of three, b in 2.
    expect(batches.map(({ partition, records }) => [partition, records]).sort()).toEqual([
      [1, 2],
      [2, 1],
    ]);
    const all = ['consume', topic, '-f', 'beginning', '-u', 'end', '-p', '1'];
    expect((await done([...all, '-k', '-H', '-o', '--separator', '|'])).stdout).toBe(
      `${topic}-1:0|h=1,i=2|a|1\n${topic}-1:1|h=1,i=2|a|\n`,
    );
    expect((await done([...all, '--json'])).json[1]).toMatchObject({
      key: 'a',
      value: null,
      headers: [
        { key: 'h', value: '1' },
        { key: 'i', value: '2' },
      ],
    });
  });

  test('what --json prints can be sent again', async () => {
    await create();
    const record = { key: 'k', value: null, headers: [{ key: 'h', value: null }], timestamp: 1234 };
    const lines = [record, { value: { base64: 'AAE=' } }].map((one) => JSON.stringify(one));
    await done(['produce', topic, '--json'], { input: `${lines.join('\n')}\n\n` });
    const all = ['consume', topic, '-f', 'beginning', '-u', 'end', '--json'];
    const first = await done(all);
    expect(first.json[0]).toMatchObject(record);
    await done(['produce', topic, '--json'], { input: first.stdout });
    const { json } = await done(all);
    expect(json).toHaveLength(4);
    for (const [i, { offset, ...rest }] of json.slice(2).entries()) {
      expect({ ...rest, offset: offset - 2 }).toEqual(first.json[i]);
    }
  });

  test('a bad line: what came before it is sent, and it is named', async () => {
    await create();
    const run = await varve(['produce', topic, '--json'], { input: '{"value":"a"}\n[1]\n' });
    expect(run.status).toBe(1);
    expect(run.stderr).toBe(
      'varve: line 2 is not a JSON object; 1 records were sent before [INVALID_RECORD]\n',
    );
    const { stdout } = await done(['consume', topic, '-f', 'beginning', '-u', 'end']);
    expect(stdout).toBe('a\n');
  });

  test.each(['none', 'gzip', 'snappy', 'lz4'])(
    '%s, acks 0 and 1, in small batches',
    async (codec) => {
      await create('-p', '2');
      const input = numbers(2000);
      for (const acks of ['0', '1']) {
        await done(['produce', topic, '-z', codec, '--acks', acks, '--batch-bytes', '300'], {
          input,
        });
      }
      const { stdout } = await done(['consume', topic, '-f', 'beginning', '-u', 'end']);
      const twice = `${input}${input}`.split('\n').sort();
      expect(stdout.split('\n').sort()).toEqual([...twice, ''].sort().slice(1));
    },
  );

  test('places: offset, last, end, time; --count and --until', async () => {
    await create();
    const lines = Array.from({ length: 10 }, (_, i) =>
      JSON.stringify({ value: `${i}`, timestamp: 1_700_000_000_000 + i * 1000 }),
    );
    await done(['produce', topic, '--json'], { input: `${lines.join('\n')}\n` });
    const read = async (...args: string[]) =>
      (await done(['consume', topic, ...args])).stdout.replaceAll('\n', '');
    expect(await read('-f', '3', '-u', '6')).toBe('345');
    expect(await read('-f', '-2', '-u', 'end')).toBe('89');
    expect(await read('-f', 'end', '-u', 'end')).toBe('');
    expect(await read('-f', '@1700000004000', '-n', '2')).toBe('45');
    expect(await read('-f', '2023-11-14T22:13:25Z', '-u', '2023-11-14T22:13:27Z')).toBe('56');
    expect(await read('-f', '99', '-u', 'end')).toBe('');
    expect(await read('-f', '8', '-u', `@${Date.now() + 700}`)).toBe('89');
  });

  test('a topic or partition that is not there', async () => {
    for (const command of ['produce', 'consume']) {
      const run = await varve([command, 'not-there']);
      expect(run.status).toBe(1);
      expect(run.stderr).toContain('there is no topic not-there');
    }
    await create();
    expect((await varve(['consume', topic, '-p', '7'])).stderr).toContain('has 1 partition');
    expect((await varve(['produce', topic, '-p', '7'])).status).toBe(2);
  });

  test('Ctrl-C: exit 130, after what was printed', async () => {
    await create();
    await done(['produce', topic], { input: numbers(100) });
    const run = await varve(['consume', topic, '-f', 'beginning'], { interruptAt: '\n99\n' });
    expect(run.status).toBe(130);
    expect(run.stdout).toBe(numbers(100));
    expect(run.stderr).toBe('varve: interrupted by SIGINT [ABORTED]\n');
  });
});

describe('groups', () => {
  const consume = (group: string, ...args: string[]) =>
    done(['consume', topic, '-g', group, '-f', 'beginning', ...args]);

  test('a group goes on where it has committed, to the record', async () => {
    await create('-p', '2');
    await done(['produce', topic], { input: numbers(100) });
    const first = await consume('goes-on', '-n', '30');
    const second = await consume('goes-on', '-u', 'end');
    const got = `${first.stdout}${second.stdout}`.trim().split('\n').map(Number);
    expect(got.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect((await consume('goes-on', '-u', 'end')).stdout).toBe('');
    expect((await consume('looks', '-u', 'end', '--no-commit')).stdout.split('\n')).toHaveLength(
      101,
    );
    expect((await consume('looks', '-u', 'end')).stdout.split('\n')).toHaveLength(101);
  });

  test('two members share partitions; one that leaves gives its part back', async () => {
    await create('-p', '4');
    const keyed = (from: number) =>
      Array.from({ length: 200 }, (_, i) => `k${from + i}:${from + i}\n`).join('');
    const args = ['consume', topic, '-g', 'shared', '-f', 'beginning'];
    // The first has all, then half, then all again and with it the last record.
    const first = varve(args, { interruptAt: '\nlast\n' });
    await done(['produce', topic, '-K', ':'], { input: keyed(0) });
    const members = async () => {
      const run = await varve(['group', 'describe', 'shared', '--json']);
      const group = run.json[0];
      return group?.state === 'Stable' ? group.members : [];
    };
    await until(async () => (await members()).length === 1);
    const second = varve([...args, '-n', '1']);
    await until(async () => {
      const both = await members();
      return both.length === 2 && both.every((m: { assignment: object }) => m.assignment !== null);
    });
    await done(['produce', topic, '-K', ':'], { input: keyed(200) });
    const other = await second;
    expect(other.status).toBe(0);
    await until(async () => (await members()).length === 1);
    for (const partition of ['0', '1', '2', '3']) {
      await done(['produce', topic, '-p', partition], { input: `x\nlast\n` });
    }
    const { stdout } = await first;
    const got = `${stdout}${other.stdout}`.split('\n').filter((line) => /^\d+$/.test(line));
    expect(new Set(got).size).toBe(400);
  });

  test('describe: members and lag; reset: only when told to; delete', async () => {
    await create('-p', '2');
    await done(['produce', topic, '-p', '0'], { input: numbers(10) });
    await consume('moved', '-u', 'end');
    await done(['produce', topic, '-p', '0'], { input: numbers(5) });
    const describeIt = async () => (await done(['group', 'describe', 'moved', '--json'])).json[0];
    expect(await describeIt()).toMatchObject({
      group: 'moved',
      state: 'Empty',
      lag: 5,
      members: [],
      partitions: [
        { topic, partition: 0, committedOffset: 10, endOffset: 15, lag: 5 },
        { topic, partition: 1, lag: 0 },
      ],
    });
    expect((await done(['group', 'describe', 'moved'])).stdout).toContain('Empty, 0 members');
    expect((await done(['group', 'list', '--quiet'])).stdout.split('\n')).toContain('moved');

    const reset = (...args: string[]) => done(['group', 'reset', 'moved', '--json', ...args]);
    const dry = await reset('--all-topics', '--to', 'beginning');
    expect(dry.json[0]).toMatchObject({ partition: 0, from: 10, to: 0, executed: false });
    expect((await describeIt()).lag).toBe(5);
    await reset('--topic', `${topic}:0`, '--by', '-3', '--execute');
    expect((await describeIt()).lag).toBe(8);
    // Kafka keeps to the log.
    expect((await reset('--topic', `${topic}:0`, '--by', '-100')).json[0].to).toBe(0);
    await reset('--topic', topic, '--to', '4', '--execute');
    expect((await consume('moved', '-n', '1')).stdout).toBe('4\n');

    await done(['group', 'delete', 'moved', '--topic', topic]);
    expect((await done(['group', 'list', '--quiet'])).stdout.split('\n')).not.toContain('nobody');
    await consume('moved', '-u', 'end');
    expect((await done(['group', 'delete', 'moved'])).stdout).toBe('moved: deleted\n');
    const gone = await varve(['group', 'describe', 'moved']);
    expect(gone.status).toBe(1);
    expect(gone.stderr).toContain('[GROUP_ID_NOT_FOUND]');
  });

  test('a group with members is not reset', async () => {
    await create();
    await done(['produce', topic], { input: 'a\n' });
    const member = varve(['consume', topic, '-g', 'busy', '-f', 'beginning'], {
      interruptAt: 'b\n',
    });
    await until(async () =>
      (await varve(['group', 'list', '--state', 'stable'])).stdout.includes('busy'),
    );
    const run = await varve([
      'group',
      'reset',
      'busy',
      '--topic',
      topic,
      '--to',
      'end',
      '--execute',
    ]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('[NON_EMPTY_GROUP]');
    await done(['produce', topic], { input: 'b\n' });
    expect((await member).status).toBe(130);
    // What was printed before the interruption is committed.
    expect((await consume('busy', '-u', 'end')).stdout).toBe('');
  });
});

async function until(what: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error('it did not happen within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What runs is the build: it must be of these sources. */
function checkBuild(): void {
  const builtMs = fs.existsSync(bundle) ? fs.statSync(bundle).mtimeMs : 0;
  for (const name of fs.readdirSync(join(root, 'cli'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    if (fs.statSync(join(root, 'cli', name)).mtimeMs <= builtMs) continue;
    throw new Error(`dist/bin is older than cli/${name}: npm run build`);
  }
}
