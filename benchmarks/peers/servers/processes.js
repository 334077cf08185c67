// Server processes: started, asked for their use of the machine, and ended, whatever happens to this program.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeAllTempDirectories } from '../../../dist/benchmarks/temp-directory.js';
import { cpuSeconds } from '../../kafka/targets.mjs';

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * The program's own word about its version, or why it cannot run.
 * @param {string} program @param {string} debianPackage
 * @returns {{ version: string } | { reason: string }}
 */
export function versionOfProgram(program, debianPackage) {
  const { error, status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) {
    return {
      reason: `there is no ${program} on the PATH (${error.code}); Debian's package ${debianPackage} has it`,
    };
  }
  const version = /v=?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (status !== 0 || version === undefined) {
    return { reason: `${program} --version ended with ${status} and printed: ${stdout.trim()}` };
  }
  return { version };
}

/**
 * Starts a program and waits until it takes connections. What it prints is shown if it ends before that.
 * @param {string} program @param {string[]} args @param {number} port on 127.0.0.1
 */
export async function startServer(program, args, port) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (/** @type {Buffer} */ chunk) => {
    output = (output + chunk).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  /** @type {Error | null} */ let failure = null;
  child.on('error', (error) => {
    failure = error;
  });
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await takesConnections(port))) {
    if (failure !== null) throw failure;
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${program} takes no connections on port ${port}:\n${output}`);
    }
    await sleep(20);
  }
  return child;
}

function takesConnections(/** @type {number} */ port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** @param {import('node:child_process').ChildProcess[]} children */
export async function stopServers(children) {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(timer);
    }),
  );
}

/** Processor seconds of these processes so far. @param {number[]} pids */
export function cpuOf(pids) {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/**
 * Memory of these processes: the most they ever had resident, and what of the present memory is their own, without
 * pages of mapped files (which the kernel takes back when it needs them).
 * @param {number[]} pids
 */
export function memoryOf(pids) {
  const field = (/** @type {number} */ pid, /** @type {string} */ name) => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(
      readFileSync(`/proc/${pid}/status`, 'utf8'),
    );
    if (match === null) throw new Error(`/proc/${pid}/status has no ${name}`);
    return Number(match[1]) * 1024;
  };
  return {
    peakBytes: pids.reduce((sum, pid) => sum + field(pid, 'VmHWM'), 0),
    ownBytes: pids.reduce((sum, pid) => sum + field(pid, 'RssAnon'), 0),
  };
}

export function parentOf(/** @type {number} */ pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Everything that this process started and that still runs, grandchildren too. */
function descendants() {
  /** @type {Map<number, number[]>} */ const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = parentOf(Number(name));
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while this looked.
    }
  }
  const found = [];
  for (const queue = [process.pid]; queue.length > 0; ) {
    const own = children.get(/** @type {number} */ (queue.shift())) ?? [];
    found.push(...own);
    queue.push(...own);
  }
  return found;
}

function signalAll(/** @type {number[]} */ pids, /** @type {NodeJS.Signals} */ signal) {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended already.
    }
  }
}

const isRunning = (/** @type {number} */ pid) => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Ctrl-C and friends end the servers first, then remove their directories; a second one does not wait. */
export function cleanUpEverythingOnSignals() {
  let isEnding = false;
  for (const [signal, code] of Object.entries(SIGNAL_EXIT_CODES)) {
    process.on(signal, async () => {
      const pids = descendants();
      if (isEnding) process.exit(code);
      isEnding = true;
      signalAll(pids, 'SIGTERM');
      const deadline = Date.now() + STOP_LIMIT_MS;
      while (pids.some(isRunning) && Date.now() < deadline) await sleep(20);
      // Those whose parent has ended meanwhile are no descendants any more, but still in the list.
      signalAll(pids.filter(isRunning), 'SIGKILL');
      while (pids.some(isRunning)) await sleep(20);
      process.stderr.write(
        `\ninterrupted (${signal}): servers ended, temporary data removed, no result written\n`,
      );
      process.exit(code);
    });
  }
  process.once('exit', () => {
    signalAll(descendants(), 'SIGKILL');
    removeAllTempDirectories();
  });
}
