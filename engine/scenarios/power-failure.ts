import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isVarveError } from '../errors.js';
import { sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import { PartitionLog } from '../log/partition-log.js';
import { Random } from '../testing/random.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { SimulatedFileSystem } from '../testing/simulated-file-system.js';
import { COMPRESSION_TYPES } from '../types.js';

/** What one simulated life of a log saw, for the report. */
export interface PowerFailureVerdict {
  readonly seed: number;
  readonly crashes: number;
  readonly appended: number;
  readonly durable: number;
}

const DIRECTORY = '/data/events-0';

/**
 * Writes to a log on a simulated disk, crashes it at a random step, restarts, and checks the survivors against a
 * model, several times over. Power failures lose, tear and mix what was not synced; kills keep the page cache.
 *
 * Promises checked: what a resolved flush covered is there, in order, once; after a kill everything appended is;
 * nothing appears that was never appended, or that was truncated; the log opens. What one opening showed is what the
 * next goes on from: also a truncation that a kill cut short is not undone by a power failure once the log was opened.
 */
export async function simulatePowerFailures(seed: number): Promise<PowerFailureVerdict> {
  const life = new Life(seed);
  await life.run();
  return { seed, crashes: life.crashes, appended: life.appended, durable: life.durableEnd };
}

class Life {
  readonly seed: number;
  readonly #random: Random;
  readonly #clock = new SimulatedClock({ nowMs: 1_700_000_000_000 });
  /** Value of the record at each offset, as last appended. */
  #values: string[] = [];
  #batchStarts: number[] = [];
  /** Every offset below it was covered by a flush that resolved. */
  durableEnd = 0;
  /** The log start may be anywhere from the first (acknowledged) to the second (asked for). */
  #startAcknowledged = 0;
  #startAsked = 0;
  /** Counts truncations: a flush that resolves after one says nothing about what it removed. */
  #generation = 0;
  #next = 0;
  /** End of what `append` returned for: survives a kill. */
  #appendedEnd = 0;
  crashes = 0;
  appended = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = new Random(seed);
  }

  async run(): Promise<void> {
    const random = this.#random;
    let fs = new SimulatedFileSystem({
      seed: this.seed,
      clock: this.#clock,
      faults: { crashAtStep: random.between(1, 150) },
    });
    const config = {
      'internal.segment.bytes': random.between(1800, 4000),
      'index.interval.bytes': random.between(50, 500),
      'segment.index.bytes': random.between(200, 1000),
      'flush.messages': random.chance(0.3) ? random.between(1, 10) : 1_000_000,
    };
    const lives = random.between(2, 4);
    for (let life = 0; life < lives; life += 1) {
      try {
        const log = await PartitionLog.open({ directory: DIRECTORY, fs, config });
        this.#check(log, 'after opening');
        await this.#work(log, random.between(5, 60));
        if (random.chance(0.2)) await this.#close(log);
      } catch (error) {
        if (fs.down === null) throw this.#failed(error);
      }
      this.crashes += 1;
      await settle();
      const isPowerFailure = random.chance(0.75);
      const faults = { crashAtStep: random.between(1, 200) };
      if (isPowerFailure) fs = fs.powerFail({ faults });
      else fs = fs.kill({ faults });
      this.#afterCrash(isPowerFailure);
    }
    fs = fs.powerFail({ faults: {} });
    this.#afterCrash(true);
    const log = await PartitionLog.open({ directory: DIRECTORY, fs, config }).catch(
      (error: unknown) => {
        throw this.#failed(error);
      },
    );
    this.#check(log, 'at the end');
    await log.close();
    if (fs.usage().openFiles !== 0)
      throw this.#failed(new Error(`${fs.usage().openFiles} files left open`));
  }

  async #work(log: PartitionLog, steps: number): Promise<void> {
    const random = this.#random;
    for (let step = 0; step < steps; step += 1) {
      const dice = random.float();
      if (dice < 0.42) this.#append(log);
      else if (dice < 0.55) this.#appendDurable(log);
      else if (dice < 0.7) await this.#flush(log);
      else if (dice < 0.8) void this.#flush(log).catch(() => undefined);
      else if (dice < 0.84) log.roll();
      else if (dice < 0.88) await this.#truncate(log);
      else if (dice < 0.93) await this.#deleteBefore(log);
      else if (dice < 0.96) log.setLeaderEpoch(log.leaderEpoch + 1);
      else this.#clock.advance(random.between(1, 1000));
      if (random.chance(0.1)) await settle();
    }
  }

  #append(log: PartitionLog): void {
    const random = this.#random;
    const values = Array.from({ length: random.between(1, 5) }, () => {
      this.#next += 1;
      return `${this.seed}:${this.#next}:`.padEnd(random.between(12, 300), 'x');
    });
    const compression = random.chance(0.2) ? COMPRESSION_TYPES[random.below(4)]! : 'none';
    const before = log.logEndOffset;
    // Known before the call: a crash inside it may or may not leave the batch behind.
    this.#values.length = before;
    this.#batchStarts = [...this.#batchStarts.filter((at) => at < before), before];
    this.#values.push(...values);
    log.append(
      values.map((value) => ({ value })),
      { compression },
    );
    this.appended += values.length;
    this.#appendedEnd = log.logEndOffset;
  }

  /** Some callers in one turn, each with its own records; now and then one whose records share nothing. */
  #appendDurable(log: PartitionLog): void {
    const random = this.#random;
    const first = log.logEndOffset;
    this.#values.length = first;
    this.#batchStarts = [...this.#batchStarts.filter((at) => at < first), first];
    const generation = this.#generation;
    for (let caller = random.between(1, 6); caller > 0; caller -= 1) {
      const values = Array.from({ length: random.between(1, 3) }, () => {
        this.#next += 1;
        return `${this.seed}:${this.#next}:`.padEnd(random.chance(0.1) ? 500 : 30, 'x');
      });
      const expected = this.#values.length;
      const end = expected + values.length;
      this.#values.push(...values);
      this.appended += values.length;
      log.appendDurable(values.map((value) => ({ value }))).then(
        ({ baseOffset, lastOffset }) => {
          if (baseOffset !== expected || lastOffset !== end - 1) this.#misplaced ??= expected;
          if (generation === this.#generation && end > this.durableEnd) this.durableEnd = end;
        },
        () => undefined,
      );
    }
  }
  /** Where a durable append should have been put that was put elsewhere. */
  #misplaced: number | null = null;

  async #flush(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    const generation = this.#generation;
    await log.flush();
    if (generation === this.#generation && end > this.durableEnd) this.durableEnd = end;
  }

  async #truncate(log: PartitionLog): Promise<void> {
    if (log.logEndOffset === log.logStartOffset) return;
    // Only at batch boundaries: elsewhere the whole batch goes and leaves a gap, which the model does not know.
    const starts = this.#batchStarts.filter(
      (at) => at >= log.logStartOffset && at < log.logEndOffset,
    );
    const offset = starts[this.#random.below(Math.max(1, starts.length))] ?? log.logEndOffset;
    this.#generation += 1;
    this.durableEnd = Math.min(this.durableEnd, offset);
    this.#appendedEnd = Math.min(this.#appendedEnd, offset);
    await log.truncateTo(offset);
    this.#values.length = offset;
    this.durableEnd = offset;
  }

  async #deleteBefore(log: PartitionLog): Promise<void> {
    const offset = this.#random.between(log.logStartOffset, log.logEndOffset);
    this.#startAsked = Math.max(this.#startAsked, offset);
    await log.deleteRecordsBefore(offset);
    this.#startAcknowledged = Math.max(this.#startAcknowledged, offset);
  }

  async #close(log: PartitionLog): Promise<void> {
    const end = log.logEndOffset;
    await log.close();
    this.durableEnd = end;
  }

  #afterCrash(isPowerFailure: boolean): void {
    if (isPowerFailure) this.#appendedEnd = this.durableEnd;
    this.#survivorsEnd = this.#appendedEnd;
    this.#generation += 1;
  }
  /** What the next opening must find: all that was appended after a kill, all that was flushed after a power failure. */
  #survivorsEnd = 0;

  #check(log: PartitionLog, when: string): void {
    const { logStartOffset, logEndOffset } = log;
    if (this.#misplaced !== null) {
      throw this.#failed(
        new Error(`${when}: a durable append was not put at ${this.#misplaced}, the log's end`),
      );
    }
    if (logEndOffset < this.#survivorsEnd) {
      throw this.#failed(
        new Error(
          `${when}: the log ends at ${logEndOffset}, but ${this.#survivorsEnd} was acknowledged`,
        ),
      );
    }
    if (logEndOffset > Math.max(this.#values.length, this.#startAsked)) {
      throw this.#failed(
        new Error(
          `${when}: the log ends at ${logEndOffset}, but only ${this.#values.length} records were ever appended`,
        ),
      );
    }
    if (logStartOffset < this.#startAcknowledged || logStartOffset > this.#startAsked) {
      throw this.#failed(
        new Error(
          `${when}: the log starts at ${logStartOffset}, not in [${this.#startAcknowledged}, ${this.#startAsked}]`,
        ),
      );
    }
    let expected = logStartOffset;
    for (let offset = logStartOffset; offset < logEndOffset; ) {
      const { bytes, nextOffset } = log.read(offset);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
        for (const record of readRecords(bytes, at)) {
          if (record.offset < logStartOffset) continue;
          const value = Buffer.from(record.value!).toString();
          if (record.offset !== expected || value !== this.#values[record.offset]) {
            throw this.#failed(
              new Error(
                `${when}: offset ${record.offset} (expected ${expected}) holds ${value.slice(0, 20)}, not ${this.#values[expected]?.slice(0, 20)}`,
              ),
            );
          }
          expected += 1;
        }
      }
      offset = nextOffset;
    }
    if (expected !== logEndOffset) {
      throw this.#failed(
        new Error(`${when}: records end at ${expected}, the log at ${logEndOffset}`),
      );
    }
    // The model goes on from what survived.
    this.#values.length = logEndOffset;
    this.durableEnd = Math.max(this.durableEnd, Math.min(log.recoveryPoint, logEndOffset));
    this.#appendedEnd = logEndOffset;
  }

  #failed(cause: unknown): Error {
    const reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    const code = isVarveError(cause) ? ` [${cause.code}]` : '';
    return new Error(`seed ${this.seed}, crash ${this.crashes}${code}: ${reason}`, { cause });
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** `node dist/engine/scenarios/power-failure.js --count 10000 --seed 1` */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const first = Number(values.seed);
  const totals = { lives: 0, crashes: 0, appended: 0, failures: 0 };
  for (let seed = first; seed < first + Number(values.count); seed += 1) {
    try {
      const verdict = await simulatePowerFailures(seed);
      totals.crashes += verdict.crashes;
      totals.appended += verdict.appended;
    } catch (error) {
      totals.failures += 1;
      console.error(error instanceof Error ? error.message : error);
    }
    totals.lives += 1;
    if (process.stderr.isTTY && totals.lives % 100 === 0)
      process.stderr.write(`\r${totals.lives} lives`);
  }
  console.log(JSON.stringify({ firstSeed: first, ...totals }));
  return totals.failures === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
