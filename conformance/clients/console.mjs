// Kafka's console tools, one process a command as their scripts start them: topics, produce, consume, groups, configs.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { kafka as findKafka, javaArguments } from '../lib/kafka.mjs';
import { main } from './scenario.mjs';

const kafka = findKafka();

/** @param {string} address @param {(name: string) => void} step @param {string[]} log */
export async function run(address, step, log) {
  const tool = async (/** @type {string} */ name, /** @type {string[]} */ args, input = '') => {
    const child = spawn(
      'java',
      javaArguments(kafka, name, ['--bootstrap-server', address, ...args]),
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.stdin.end(input);
    const status = await new Promise((resolve) => child.on('close', resolve));
    for (const line of err.split('\n')) if (/ERROR|WARN/.test(line)) log.push(line);
    assert.equal(status, 0, `${name} ${args.join(' ')} ended with ${status}:\n${out}${err}`);
    return out;
  };
  const topics = 'org.apache.kafka.tools.TopicCommand';
  const groups = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';
  const topic = `console-${process.pid}-${Date.now()}`;
  const group = `${topic}-group`;

  await tool(topics, [
    '--create',
    '--topic',
    topic,
    '--partitions',
    '3',
    '--config',
    'retention.ms=86400000',
  ]);
  const described = await tool(topics, ['--describe', '--topic', topic]);
  assert.match(described, /PartitionCount: 3\s+ReplicationFactor: [13]/);
  assert.match(described, /retention\.ms=86400000/);
  assert.ok((await tool(topics, ['--list'])).split('\n').includes(topic));
  step('topics');

  const values = Array.from({ length: 500 }, (_, i) => `key-${i % 20}\tvalue ${i}`);
  await tool(
    'org.apache.kafka.tools.ConsoleProducer',
    ['--topic', topic, '--reader-property', 'parse.key=true', '--compression-codec', 'zstd'],
    `${values.join('\n')}\n`,
  );
  const read = await tool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    '--topic',
    topic,
    '--from-beginning',
    '--group',
    group,
    '--max-messages',
    '500',
    '--timeout-ms',
    '30000',
    '--formatter-property',
    'print.key=true',
  ]);
  assert.deepEqual(read.trim().split('\n').sort(), [...values].sort());
  step('console producer and consumer');

  const ends = await tool('org.apache.kafka.tools.GetOffsetShell', ['--topic', topic]);
  const total = ends
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line.split(':')[2]), 0);
  assert.equal(total, 500);
  const lag = await tool(groups, ['--describe', '--group', group]);
  const rows = lag
    .split('\n')
    .filter((line) => line.includes(topic))
    .map((line) => line.trim().split(/\s+/));
  assert.equal(rows.length, 3);
  for (const row of rows) assert.equal(row[5], '0', `lag in: ${row.join(' ')}`);
  await tool(groups, [
    '--reset-offsets',
    '--group',
    group,
    '--topic',
    topic,
    '--to-earliest',
    '--execute',
  ]);
  const again = await tool(groups, ['--describe', '--group', group]);
  const lags = again
    .split('\n')
    .filter((line) => line.includes(topic))
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[5]), 0);
  assert.equal(lags, 500);
  step('groups and offsets');

  await tool('kafka.admin.ConfigCommand', [
    '--alter',
    '--topic',
    topic,
    '--add-config',
    'max.message.bytes=65536',
  ]);
  assert.match(
    await tool('kafka.admin.ConfigCommand', ['--describe', '--topic', topic]),
    /max\.message\.bytes=65536/,
  );
  await tool('org.apache.kafka.tools.BrokerApiVersionsCommand', []);
  await tool(groups, ['--delete', '--group', group]);
  await tool(topics, ['--delete', '--topic', topic]);
  step('configs, delete');
}

if (import.meta.filename === process.argv[1]) await main('console', run);
