// kcat (librdkafka): produce with every codec, consume, a group of two that rebalances, offsets by time, metadata.
// It has no calls for creating with partitions, or deleting: topics come from the broker's auto-creation.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { checkReceived, main, recordsFrom, until } from './scenario.mjs';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const SHARE = 400;

/** @param {string} address @param {(name: string) => void} step @param {string[]} log */
export async function run(address, step, log) {
  const topic = `kcat-${process.pid}-${Date.now()}`;
  const common = ['-b', address, '-X', 'client.id=varve-kcat'];
  const children = new Set();
  /** Starts kcat; what it says beyond its progress lines is kept. */
  const start = (/** @type {string[]} */ args) => {
    const child = spawn('kcat', [...common, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(child);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    const ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => {
        children.delete(child);
        for (const line of err.split('\n')) {
          if (/^%[0-5]|ERROR|WARN/i.test(line)) log.push(line.replace(/\|\d+\.\d+\|/, '|'));
        }
        resolve(status);
      });
    });
    return { child, ended, out: () => out, err: () => err };
  };
  const finish = async (/** @type {string[]} */ args, input = '') => {
    const { child, ended, out, err } = start(args);
    child.stdin.end(input);
    const status = await ended;
    assert.equal(status, 0, `kcat ${args.join(' ')}: ${err()}`);
    return out();
  };
  const parse = (/** @type {string} */ text) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [partition, offset, key, headers, value] = line.split('\t');
        return {
          partition: Number(partition),
          offset: Number(offset),
          key: key ?? '',
          value: value ?? '',
          headers: Object.fromEntries((headers ?? '').split(',').map((pair) => pair.split('='))),
        };
      });
  const FORMAT = ['-f', '%p\\t%o\\t%k\\t%h\\t%s\\n'];

  try {
    const sent = recordsFrom(0, CODECS.length * SHARE);
    const started = Date.now();
    for (const [i, codec] of CODECS.entries()) {
      // Headers are the same for all records of one call, so each call is one value of `n`.
      const records = sent.slice(i * SHARE, (i + 1) * SHARE);
      const text = records.map(({ key, value }) => `${key}\t${value}\n`).join('');
      await finish(
        [
          '-P',
          '-t',
          topic,
          '-K',
          '\t',
          '-z',
          codec,
          '-X',
          'enable.idempotence=true',
          '-H',
          `codec=${codec}`,
        ],
        text,
      );
    }
    const expected = sent.map((record, i) => ({
      ...record,
      headers: { codec: CODECS[Math.floor(i / SHARE)] ?? '' },
    }));
    step('produce with every codec, idempotent, auto-created topic');

    checkReceived(
      parse(await finish(['-C', '-t', topic, '-o', 'beginning', '-e', ...FORMAT])),
      expected,
    );
    const tail = parse(await finish(['-C', '-t', topic, '-p', '0', '-o', '-3', '-e', ...FORMAT]));
    assert.equal(tail.length, 3);
    step('consume');

    const metadata = JSON.parse(await finish(['-L', '-J', '-t', topic]));
    assert.equal(metadata.topics[0].topic, topic);
    const partitions = metadata.topics[0].partitions.length;
    for (const { leader, isrs } of metadata.topics[0].partitions) {
      assert.ok(metadata.brokers.some((/** @type {{ id: number }} */ { id }) => id === leader));
      assert.ok(isrs.length >= 1);
    }
    assert.match(await finish(['-Q', '-t', `${topic}:0:${started - 60_000}`]), /offset 0/);
    step('metadata, offsets by time');

    // -u and a reading pipe: what a member has read is seen at once.
    const member = () =>
      start([
        '-G',
        `${topic}-group`,
        topic,
        '-u',
        '-X',
        'auto.offset.reset=earliest',
        '-X',
        'session.timeout.ms=10000',
        '-X',
        'heartbeat.interval.ms=500',
        '-X',
        'auto.commit.interval.ms=100',
        '-X',
        'fetch.wait.max.ms=100',
        ...FORMAT,
      ]);
    const a = member();
    await until('all records in the group', () => parse(a.out()).length >= sent.length);
    checkReceived(parse(a.out()), expected);
    const b = member();
    await until(
      'a rebalance',
      () => /assigned/.test(b.err()) && (a.err().match(/rebalanced/g) ?? []).length >= 2,
    );
    const more = recordsFrom(sent.length, 50);
    const text = more.map(({ key, value }) => `${key}\t${value}\n`).join('');
    await finish(['-P', '-t', topic, '-K', '\t', '-H', 'codec=none'], text);
    const read = () => [...parse(a.out()), ...parse(b.out())];
    await until('records by the members', () => read().length >= sent.length + more.length);
    a.child.kill('SIGTERM');
    await a.ended;
    await until('the other has every partition', () => {
      const last =
        b
          .err()
          .split('\n')
          .filter((line) => line.includes('assigned'))
          .at(-1) ?? '';
      return (last.match(/\[\d+\]/g) ?? []).length >= partitions;
    });
    const again = recordsFrom(sent.length + more.length, 50);
    await finish(
      ['-P', '-t', topic, '-K', '\t', '-H', 'codec=none'],
      again.map(({ key, value }) => `${key}\t${value}\n`).join(''),
    );
    const total = sent.length + more.length + again.length;
    await until('records by the other', () => read().length >= total);
    b.child.kill('SIGTERM');
    await b.ended;
    checkReceived(read(), [
      ...expected,
      ...[...more, ...again].map((record) => ({ ...record, headers: { codec: 'none' } })),
    ]);
    step('a group of two');
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

if (import.meta.filename === process.argv[1]) await main('kcat', run);
