import { expect, it } from 'vitest';
import type { LogFile } from '../io/port.js';
import { SimulatedCrash } from './faults.js';
import { Random } from './random.js';
import { SimulatedFileSystem } from './simulated-file-system.js';

const PATH = '/d/a.log';
const RUBBISH = 0xff;

/** What must and what may be in the log file after a crash, kept by the dumbest possible model. */
class Model {
  /** Bytes committed, in order; what a kill must keep. */
  committed: number[] = [];
  /** Below this a power failure must keep them. */
  durableSize = 0;
  /** What the append under way has written into the buffer. */
  inBuffer = RUBBISH;
  /** A truncation that has not resolved: the file may end at any of these, or hold its old bytes. */
  truncating: { readonly before: readonly number[]; readonly durableSize: number } | null = null;

  explains(bytes: Uint8Array, afterKill: boolean): string | null {
    const cut = this.truncating;
    const mustKeep = afterKill ? this.committed.length : this.durableSize;
    for (let at = 0; at < mustKeep; at++) {
      if (bytes[at] !== this.committed[at]) return `byte ${at} of ${mustKeep} kept ones is wrong`;
    }
    if (afterKill) return null;
    for (let at = mustKeep; at < bytes.length; at++) {
      const isKnown =
        bytes[at] === 0 || bytes[at] === this.committed[at] || this.#isUncommitted(bytes, at);
      if (!isKnown && bytes[at] !== cut?.before[at]) return `byte ${at} was never committed there`;
    }
    return null;
  }

  #isUncommitted(bytes: Uint8Array, at: number): boolean {
    return at >= this.committed.length && (bytes[at] === this.inBuffer || bytes[at] === RUBBISH);
  }
}

async function live(file: LogFile, model: Model, random: Random, steps: number): Promise<void> {
  const flushes: Promise<void>[] = [];
  let generation = 0;
  for (let step = 0; step < steps; step++) {
    const dice = random.float();
    if (dice < 0.6) {
      const length = random.chance(0.1) ? random.between(1, 9000) : random.between(1, 600);
      file.reserve(length);
      file.buffer.fill(RUBBISH, file.at, file.at + length);
      if (random.chance(0.05)) continue;
      const value = random.between(1, 250);
      file.buffer.fill(value, file.at, file.at + length);
      model.inBuffer = value;
      file.commit(length);
      for (let i = 0; i < length; i++) model.committed.push(value);
    } else if (dice < 0.85) {
      const covered = model.committed.length;
      const begun = generation;
      const flush = file.flush().then(() => {
        if (begun === generation) model.durableSize = Math.max(model.durableSize, covered);
      });
      if (random.chance(0.5)) await flush;
      else flushes.push(flush.catch(() => undefined));
    } else if (dice < 0.92) {
      const size = random.below(model.committed.length + 1);
      generation++;
      model.truncating = { before: model.committed, durableSize: model.durableSize };
      model.durableSize = Math.min(model.durableSize, size);
      model.committed = model.committed.slice(0, size);
      await file.truncate(size);
      model.truncating = null;
    } else {
      expect([...file.bytes(0, model.committed.length)]).toEqual(model.committed);
    }
  }
  await Promise.all(flushes);
}

it('keeps its promises in 3,000 lives of a log file that end at a random step', async () => {
  let [lost, kept] = [0, 0];
  for (let seed = 1; seed <= 3000; seed++) {
    const random = new Random(seed);
    const crashAtStep = random.between(4, 90);
    const fs = new SimulatedFileSystem({ seed, faults: { crashAtStep } });
    fs.install('/d/x', Buffer.alloc(1));
    const model = new Model();
    const file = fs.openLog(PATH, { create: true, size: 0, maxBytes: 64 * 1024 });
    await fs.syncDirectory('/d').catch(() => undefined);
    if (fs.down !== null) continue;
    await live(file, model, random, 60).catch((error) => {
      if (!(error instanceof SimulatedCrash)) throw new Error(`seed ${seed}`, { cause: error });
    });
    for (let outcome = 0; outcome < 3; outcome++) {
      const bytes = fs.powerFail().snapshot().get(PATH);
      expect(bytes, `seed ${seed}`).toBeDefined();
      expect(model.explains(bytes!, false), `seed ${seed}, outcome ${outcome}`).toBeNull();
      const end = Buffer.from(model.committed);
      if (bytes!.subarray(0, end.length).equals(end)) kept++;
      else lost++;
    }
    const killed = fs.kill().snapshot().get(PATH)!;
    expect(model.explains(killed, true), `seed ${seed}, killed`).toBeNull();
  }
  // The simulation is worth nothing if crashes lose nothing, or all.
  expect(lost).toBeGreaterThan(1500);
  expect(kept).toBeGreaterThan(1500);
});
