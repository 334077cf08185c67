import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../environment.js';
import { Latencies } from '../latency.js';
import type { LoadPlan, LoadResult } from '../load/plan.js';
import { BenchError } from '../model/bench-error.js';
import { cellOf } from '../model/knobs.js';
import { crossAxes } from '../model/matrix.js';
import type { OpenTarget, PreparedTopic, Target } from '../targets/target.js';
import type { RunEvent } from './events.js';
import type { LoadHandle, StartLoad } from './load-group.js';
import { Journal, readPartial, readResult, resultJsonSchema, writeResult } from './result-file.js';
import { runSession, type SessionParts, type SessionRequest } from './session.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-session-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A target that counts what is done to it. */
class FakeTarget implements Target {
  readonly name = 'cluster';
  readonly warmUpSeconds = 0;
  opened = 0;
  closed = 0;
  prepared: string[] = [];
  removed: string[] = [];
  isUsable = true;
  broken: PreparedTopic['broken'] = null;
  onPrepare: (topic: string) => void = () => {};

  normal = (cell: Parameters<Target['normal']>[0]) => cell;
  openKey = () => 'one';

  refusal({ replicationFactor, brokers }: Parameters<Target['refusal']>[0]): string | null {
    return replicationFactor > brokers
      ? `replicationFactor ${replicationFactor} is above brokers ${brokers}`
      : null;
  }

  async open(): Promise<OpenTarget> {
    this.opened += 1;
    return {
      info: { name: 'cluster', software: 'fake', brokers: 3, settings: {} },
      prepare: async (_cell, topic) => {
        this.onPrepare(topic);
        this.prepared.push(topic);
        return {
          topic,
          connection: { kind: 'brokers', bootstrap: ['127.0.0.1:1'], tls: null, sasl: null },
          startUsage: async () => ({
            stop: async () => ({ processes: [], machine: null, syncs: null }),
          }),
          disturb: null,
          broken: this.broken,
          remove: async () => {
            this.removed.push(topic);
          },
        };
      },
      isUsable: async () => this.isUsable,
      close: async () => {
        this.closed += 1;
      },
    };
  }
}

/** Load that is over when its window is: a thousand records a partition. */
function fakeLoad(plans: LoadPlan[] = [], onStart: (plan: LoadPlan) => void = () => {}): StartLoad {
  return (plan) => {
    plans.push(plan);
    let finish: (result: LoadResult) => void = () => {};
    let fail: (error: Error) => void = () => {};
    const done = new Promise<LoadResult>((resolve, reject) => {
      finish = resolve;
      fail = reject;
    });
    done.catch(() => {});
    const handle: LoadHandle = {
      ready: Promise.resolve(),
      done,
      onProgress: () => {},
      start({ measureFromNs, measureToNs }) {
        try {
          onStart(plan);
        } catch (error) {
          fail(error as Error);
          return;
        }
        const leftMs = (measureToNs - Number(process.hrtime.bigint())) / 1e6;
        setTimeout(() => finish(resultOf(plan, (measureToNs - measureFromNs) / 1e9)), leftMs);
      },
      count: async () => [],
      stop: () => {},
      kill: async () => fail(new Error('killed')),
    };
    return handle;
  };
}

function resultOf({ role, index, group, cell }: LoadPlan, seconds: number): LoadResult {
  const records = 1000 * cell.partitions;
  const latencies = new Latencies();
  for (let i = 0; i < 100; i++) latencies.recordMs(1 + i / 100);
  return {
    role,
    index,
    group,
    pid: 1,
    records,
    bytes: records * cell.recordBytes,
    wireBytes: records * (cell.recordBytes + 10),
    batches: records / 10,
    requests: records / 10,
    errors: 0,
    seconds,
    userSeconds: seconds / 4,
    systemSeconds: 0,
    peakRssBytes: 1e8,
    network: null,
    meanInFlight: 1,
    dueRecords: null,
    behindMs: 0,
    corrected: latencies.encoded(),
    service: role === 'producer' ? latencies.encoded() : null,
    ticks: [],
    readBack: null,
    byPartition: [],
  };
}

const request = (over: Partial<SessionRequest> = {}): SessionRequest => ({
  name: 'test',
  suite: 'test',
  cells: crossAxes({ partitions: [1, 4], replicationFactor: [1, 3] }),
  repeats: 2,
  warmupSeconds: 0,
  measureSeconds: 0.05,
  seed: 1,
  budgetSeconds: null,
  payload: { file: null, seed: 1, spread: 'exact', compressibility: null },
  directory,
  command: ['bench', 'run'],
  calibrationEffort: 0,
  previous: null,
  ...over,
});

const parts = (target: Target, over: Partial<SessionParts> = {}): SessionParts => ({
  findTarget: () => target,
  startLoad: fakeLoad(),
  measureLimit: null,
  journal: null,
  onEvent: () => {},
  signal: new AbortController().signal,
  ...over,
});

describe('a session', () => {
  test('every cell has its runs; the target was opened once; every topic was removed; nothing is left', async () => {
    const target = new FakeTarget();
    const events: RunEvent[] = [];
    const result = await runSession(request(), parts(target, { onEvent: (e) => events.push(e) }));
    expect(result.status).toBe('complete');
    expect(result.cells.map(({ runs }) => runs.length)).toEqual([2, 2, 2, 2]);
    expect(result.cells.map(({ summary }) => summary?.producedRecordsPerSecond.count)).toEqual([
      2, 2, 2, 2,
    ]);
    expect([target.opened, target.closed]).toEqual([1, 1]);
    expect(target.prepared).toHaveLength(8);
    expect(target.removed).toEqual(target.prepared);
    expect(new Set(target.prepared).size).toBe(8);
    expect(readdirSync(directory)).toEqual([]);
    expect(events[0]).toMatchObject({ type: 'begun', runs: 8 });
    expect(events.filter(({ type }) => type === 'measured')).toHaveLength(8);
  });

  test('its document passes its own schema, and comes back as it was', async () => {
    const result = await runSession(request(), parts(new FakeTarget()));
    const path = join(directory, 'r.json');
    writeResult(result, path);
    expect(readResult(path)).toEqual(JSON.parse(JSON.stringify(result)));
  });

  test('consumers and producers get their plans: groups, indexes, the rate', async () => {
    const plans: LoadPlan[] = [];
    const cell = cellOf({ producers: 2, consumers: 2, groups: 2, rate: 1e6 });
    await runSession(
      request({ cells: [cell], repeats: 1 }),
      parts(new FakeTarget(), { startLoad: fakeLoad(plans) }),
    );
    expect(plans.map(({ role, group, index, of }) => [role, group, index, of])).toEqual([
      ['consumer', 0, 0, 2],
      ['consumer', 0, 1, 2],
      ['consumer', 1, 0, 2],
      ['consumer', 1, 1, 2],
      ['producer', 0, 0, 2],
      ['producer', 0, 1, 2],
    ]);
    expect(plans.every(({ rateBytesPerSecond }) => rateBytesPerSecond === 1e6)).toBe(true);
  });

  test('a share of the highest rate is resolved by the cell that measures it, which is added', async () => {
    const plans: LoadPlan[] = [];
    const result = await runSession(
      request({ cells: [cellOf({ rate: '50%', consumers: 0 })], repeats: 1 }),
      parts(new FakeTarget(), { startLoad: fakeLoad(plans) }),
    );
    expect(result.cells.map(({ cell }) => cell.rate)).toEqual(['50%', 'max']);
    expect(plans.map(({ rateBytesPerSecond }) => rateBytesPerSecond)).toEqual([
      null,
      (1000 * 1024) / 0.05 / 2,
    ]);
  });

  test('nonsense is refused before anything starts, all of it at once', async () => {
    const target = new FakeTarget();
    const cells = [
      cellOf({ replicationFactor: 5, brokers: 3 }),
      cellOf({ recordBytes: 100_000 }),
      cellOf({}),
    ];
    const run = runSession(request({ cells }), parts(target));
    await expect(run).rejects.toMatchObject({
      code: 'INVALID_KNOB',
      message: expect.stringMatching(/replicationFactor 5 .*\n.*recordBytes 100000/),
    });
    expect(target.opened).toBe(0);
  });

  test('a cell that fails is a failure in the document; the others are measured', async () => {
    const target = new FakeTarget();
    const startLoad = fakeLoad([], ({ cell }) => {
      if (cell.partitions === 4) throw new BenchError('LOAD_FAILED', 'no luck');
    });
    const result = await runSession(request({ repeats: 3 }), parts(target, { startLoad }));
    expect(result.status).toBe('partial');
    expect(result.statusReason).toBe('2 of 4 cells failed');
    const failed = result.cells.filter(({ failure }) => failure !== null);
    expect(failed.map(({ cell }) => cell.partitions)).toEqual([4, 4]);
    expect(failed[0]?.failure).toEqual({ code: 'LOAD_FAILED', message: 'no luck' });
    expect(target.removed).toEqual(target.prepared);
    // Two attempts of each, not three.
    expect(target.prepared).toHaveLength(2 * 3 + 2 * 2);
  });

  test('a target that broke is closed and opened anew', async () => {
    const target = new FakeTarget();
    let loads = 0;
    const startLoad = fakeLoad([], () => {
      loads += 1;
      target.isUsable = loads !== 3;
      if (loads === 3) throw new Error('broker died');
    });
    const cells = [cellOf({ consumers: 0 })];
    const result = await runSession(request({ cells, repeats: 5 }), parts(target, { startLoad }));
    expect(result.cells[0]?.runs).toHaveLength(4);
    expect([target.opened, target.closed]).toEqual([2, 2]);
  });

  test('what breaks beside the load ends the run at once, though the load goes on', async () => {
    const target = new FakeTarget();
    target.broken = Promise.resolve(new BenchError('TARGET_FAILED', 'broker 1 ended by SIGKILL'));
    const cells = [cellOf({ consumers: 0 })];
    const startedMs = performance.now();
    const result = await runSession(
      request({ cells, repeats: 1, measureSeconds: 30 }),
      parts(target),
    );
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    expect(result.status).toBe('failed');
    expect(result.cells[0]?.failure).toEqual({
      code: 'TARGET_FAILED',
      message: 'broker 1 ended by SIGKILL',
    });
    expect(target.removed).toEqual(target.prepared);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a target that is not there ends the run at once', async () => {
    const target = new FakeTarget();
    target.onPrepare = () => {
      throw new BenchError('TARGET_UNREACHABLE', 'nobody listens on 127.0.0.1:1');
    };
    await expect(runSession(request(), parts(target))).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
    });
    expect([target.opened, target.closed]).toEqual([1, 1]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('interrupted: what was measured comes back marked partial, and a resumed run measures only the rest', async () => {
    const target = new FakeTarget();
    const controller = new AbortController();
    let measured = 0;
    const partial = await runSession(
      request(),
      parts(target, {
        signal: controller.signal,
        onEvent: ({ type }) => {
          if (type !== 'measured') return;
          measured += 1;
          if (measured === 3) controller.abort(new Error('Ctrl-C'));
        },
      }),
    );
    expect([partial.status, partial.statusReason]).toEqual(['partial', 'interrupted']);
    expect(partial.cells.flatMap(({ runs }) => runs)).toHaveLength(3);
    expect(target.closed).toBe(target.opened);
    expect(readdirSync(directory)).toEqual([]);

    const plans: LoadPlan[] = [];
    const whole = await runSession(
      request({ previous: partial, cells: partial.cells.map(({ cell }) => cell) }),
      parts(target, { startLoad: fakeLoad(plans) }),
    );
    expect(whole.status).toBe('complete');
    expect(whole.startedAt).toBe(partial.startedAt);
    expect(plans.filter(({ role }) => role === 'producer')).toHaveLength(5);
    for (const { runs } of whole.cells) expect(runs.map(({ repeat }) => repeat)).toEqual([0, 1]);
  });

  test('the journal of a run that was killed holds all but the line that was cut', async () => {
    const path = join(directory, 'out.json');
    const journal = new Journal(path);
    await runSession(request(), parts(new FakeTarget(), { journal }));
    expect(existsSync(journal.path)).toBe(true);
    const text = readFileSync(journal.path, 'utf8');
    writeFileSync(journal.path, text.slice(0, -100));
    const partial = readPartial(journal.path);
    expect(partial.status).toBe('partial');
    expect(partial.cells.flatMap(({ runs }) => runs)).toHaveLength(7);
    const lines = text.split('\n');
    writeFileSync(journal.path, [lines[0], '{"half":', ...lines.slice(1)].join('\n'));
    expect(() => readPartial(journal.path)).toThrow(/line 2 is not a run/);
  });
});

test('results/schema.json is what the sources say: `varve bench schema > results/schema.json`', () => {
  const text = readFileSync(join(packageRoot(), 'results', 'schema.json'), 'utf8');
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(resultJsonSchema())));
});
