// Where Kafka's jars and the small Java programs beside them are, and how to start a JVM with them.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const conformance = fileURLToPath(new URL('..', import.meta.url));

/** What a check that could not run exits with, after saying why: the Automake and Meson convention. */
export const SKIPPED = 77;

/** Short-lived JVMs on few cores: compiling less and one collector thread is faster than the defaults. */
const JVM_OPTIONS = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/**
 * @typedef {object} Kafka
 * @property {string} version of Apache Kafka
 * @property {string} classpath its jars, and this folder's compiled Java
 */

/**
 * Fetches and compiles what is missing. Ends the process with code 77 and a reason where that cannot be done.
 * @returns {Kafka}
 */
export function kafka() {
  const jars = spawnSync(path.join(conformance, 'kafka-jars'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (jars.status === SKIPPED) process.exit(SKIPPED);
  if (jars.status !== 0)
    throw new Error(`kafka-jars failed with status ${jars.status ?? jars.signal ?? jars.error}`);
  return kafkaIn(jars.stdout.trim());
}

/**
 * Kafka of a directory of jars, as `kafka-jars` printed it, with what it compiles beside them.
 * @returns {Kafka}
 */
export function kafkaIn(/** @type {string} */ libs) {
  const version = readdirSync(libs)
    .find((name) => name.startsWith('kafka-clients-'))
    ?.slice(14, -4);
  if (version === undefined) throw new Error(`${libs} holds no kafka-clients jar`);
  return { version, classpath: `${compiled(libs)}:${libs}/*` };
}

/** Compiles java/*.java once per version of the sources, beside the jars. */
function compiled(/** @type {string} */ libs) {
  const sources = readdirSync(path.join(conformance, 'java'))
    .filter((name) => name.endsWith('.java'))
    .sort()
    .map((name) => path.join(conformance, 'java', name));
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(source));
  const classes = path.join(path.dirname(libs), `classes-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(classes)) return classes;
  const fresh = `${classes}.${process.pid}`;
  mkdirSync(fresh);
  const javac = spawnSync('javac', ['-nowarn', '-d', fresh, '-cp', `${libs}/*`, ...sources], {
    encoding: 'utf8',
  });
  if (javac.status !== 0) {
    rmSync(fresh, { recursive: true });
    throw new Error(`javac failed:\n${javac.stderr}`);
  }
  try {
    renameSync(fresh, classes);
  } catch (error) {
    // Another run compiled the same sources first; its result is as good.
    rmSync(fresh, { recursive: true });
    if (!existsSync(classes)) throw error;
  }
  return classes;
}

/**
 * The arguments that run `main` with Kafka's classes; log lines at `level` or above go to standard error.
 * @param {Kafka} kafka @param {string} main @param {string[]} args
 */
export function javaArguments(kafka, main, args, level = 'warn') {
  return [
    ...JVM_OPTIONS,
    `-Dorg.slf4j.simpleLogger.defaultLogLevel=${level}`,
    '-cp',
    kafka.classpath,
    main,
    ...args,
  ];
}

/**
 * Runs a Java program to its end and returns what it printed.
 * @param {Kafka} kafka @param {string} main @param {string[]} args
 * @returns {Promise<{ status: number | null, stdout: string, stderr: string }>}
 */
export function runJava(kafka, main, args) {
  return new Promise((resolve, reject) => {
    const child = spawn('java', javaArguments(kafka, main, args), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    /** @type {Buffer[]} */ const out = [];
    /** @type {Buffer[]} */ const err = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (status) =>
      resolve({
        status,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }),
    );
  });
}
