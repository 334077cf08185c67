import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endingOf } from './breakage.js';
import type { KafkaJars } from './kafka-jars.js';
import type { LastWords } from './last-words.js';
import { BenchError } from './target.js';

export type KafkaSettings = Readonly<Record<string, string | number | boolean>>;

/** What `kafka-server-start.sh` and `kafka-run-class.sh` give a JVM. */
export const SERVER_JVM = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
];
/** A controller of a few thousand partitions. */
export const CONTROLLER_JVM = ['-Xmx512M', '-Xms256M', ...SERVER_JVM.slice(2)];

/** Any id of Kafka's form; nodes of one cluster have the same. */
const CLUSTER_ID = 'dmFydmUtYmVuY2htYXJrcw';
const STOP_LIMIT_MS = 30_000;
const run = promisify(execFile);

export interface KafkaNodeOptions {
  readonly jars: KafkaJars;
  readonly id: number;
  /** Its own: settings and data. */
  readonly home: string;
  readonly jvm: readonly string[];
  readonly settings: KafkaSettings;
  readonly words: LastWords;
  /** Its process has ended, and neither `kill` nor `stop` was called. */
  readonly onEndedByItself: (pid: number | undefined, how: string) => void;
}

/** Makes the data directories of nodes that have none yet. @throws BenchError TARGET_FAILED with what Kafka says */
export async function formatNodes(
  jars: KafkaJars,
  nodes: readonly KafkaNode[],
  signal: AbortSignal,
): Promise<void> {
  const files = nodes.map((node) => node.writeSettings());
  const tool = ['-XX:TieredStopAtLevel=1', '-cp', jars.classpath, 'KafkaFormat', CLUSTER_ID];
  try {
    await run('java', [...tool, ...files], { signal });
  } catch (cause) {
    if (signal.aborted) throw new BenchError('INTERRUPTED', 'the run was interrupted', { cause });
    const { stdout = '', stderr = '', message } = cause as Error & Partial<Said>;
    const said = `${stdout}${stderr}`.trim() || message;
    throw new BenchError('TARGET_FAILED', `Kafka's nodes could not be formatted: ${said}`, {
      cause,
    });
  }
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

/** One JVM of a Kafka cluster, over the lives of its process. It ends with this process, whatever that ends by. */
export class KafkaNode {
  readonly id: number;
  readonly dataDirectory: string;
  readonly #options: KafkaNodeOptions;
  readonly #file: string;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #isAsked = false;

  constructor(options: KafkaNodeOptions) {
    this.id = options.id;
    this.#options = options;
    this.dataDirectory = join(options.home, 'data');
    this.#file = join(options.home, 'server.properties');
  }

  /** Null: it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Writes its file of settings, whose path it returns. */
  writeSettings(): string {
    const { home, id, settings } = this.#options;
    mkdirSync(home, { recursive: true });
    const lines = { 'node.id': id, 'log.dirs': this.dataDirectory, ...settings };
    const text = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(this.#file, text.join(''));
    return this.#file;
  }

  /** Starts the process; whether it serves is for a client to find out. */
  start(): void {
    if (this.#child !== null) return;
    const { jars, jvm, words } = this.#options;
    const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    const child = spawn(
      'java',
      [...jvm, logging, '-cp', jars.classpath, 'KafkaBroker', this.#file],
      {
        // KafkaBroker ends when its standard input does; Ctrl-C, which reaches all of a terminal, is for its parent.
        stdio: ['pipe', 'ignore', 'pipe'],
        detached: true,
      },
    );
    words.listenTo(child.stderr);
    this.#child = child;
    this.#isAsked = false;
    this.#exited = new Promise((resolve) => {
      const over = (how: string): void => {
        this.#child = null;
        if (!this.#isAsked) this.#options.onEndedByItself(child.pid, how);
        resolve();
      };
      child.once('exit', (code, signal) => over(endingOf(code, signal)));
      child.once('error', ({ message }) => over(`with ${message}`));
    });
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#isAsked = true;
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, as its users stop it; SIGKILL when that takes too long. Resolves when the process is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#isAsked = true;
    child?.kill('SIGTERM');
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
