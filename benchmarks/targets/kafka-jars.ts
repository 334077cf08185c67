import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../environment.js';
import { LastWords } from './last-words.js';
import { BenchError } from './target.js';

/** Apache Kafka from its Maven jars, and the small Java programs of `conformance/` beside them. */
export interface KafkaJars {
  /** `4.2.0` */
  readonly version: string;
  readonly classpath: string;
}

/** What `conformance/kafka-jars` exits with when it cannot be done here. */
const SKIPPED = 77;

interface ConformanceKafka {
  kafkaIn(libs: string): KafkaJars;
}

/**
 * Fetches and compiles what is missing, which takes a minute the first time.
 * @throws BenchError TARGET_UNREACHABLE with the reason where that cannot be done: no Java, no Maven, no network.
 */
export async function findKafkaJars(onEvent: (text: string) => void): Promise<KafkaJars> {
  const conformance = join(packageRoot(), 'conformance');
  const script = join(conformance, 'kafka-jars');
  if (!existsSync(script)) {
    throw unreachable(`${script} is not there. Run from a checkout of varve's repository`);
  }
  const libs = await outputOf(script, onEvent);
  const module = join(conformance, 'lib', 'kafka.mjs');
  const { kafkaIn } = (await import(pathToFileURL(module).href)) as ConformanceKafka;
  return kafkaIn(libs);
}

function outputOf(script: string, onEvent: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(script, [], { stdio: ['ignore', 'pipe', 'pipe'] });
    const out = new LastWords();
    const problems = new LastWords();
    out.listenTo(child.stdout);
    problems.listenTo(child.stderr);
    child.stderr.on('data', (text: string) => onEvent(text.trim()));
    child.on('error', (cause) => reject(unreachable(`${script}: ${cause.message}`)));
    child.on('close', (status) => {
      if (status === 0) resolve(out.text);
      else if (status === SKIPPED) reject(unreachable(problems.text.replace(/^SKIPPED: /, '')));
      else reject(unreachable(`${script} ended with ${status}: ${problems.text}`));
    });
  });
}

function unreachable(why: string): BenchError {
  return new BenchError('TARGET_UNREACHABLE', `a local Kafka cannot be started: ${why}`);
}
