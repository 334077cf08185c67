import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameBuffers } from './frame-buffers.js';
import { type Frame, FrameReader } from './frame-reader.js';
import { MemoryBudget } from './memory-budget.js';

function frameOf(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
}

interface Setup {
  readonly reader: FrameReader;
  readonly frames: Frame[];
  readonly budget: MemoryBudget;
  readonly buffers: FrameBuffers;
  readonly failures: unknown[];
  resumes: number;
}

function setup(
  options: { limitBytes?: number; maxFrameBytes?: number; budget?: MemoryBudget } = {},
): Setup {
  const { limitBytes = 1 << 30, maxFrameBytes = 1 << 24 } = options;
  const budget = options.budget ?? new MemoryBudget(limitBytes);
  const buffers = new FrameBuffers(1 << 24);
  const frames: Frame[] = [];
  const failures: unknown[] = [];
  const made: Setup = {
    frames,
    budget,
    buffers,
    failures,
    resumes: 0,
    reader: new FrameReader({
      maxFrameBytes,
      budget,
      buffers,
      deliver: (frame) => frames.push(frame),
      resumed: () => {
        made.resumes++;
      },
      failed: (error) => failures.push(error),
    }),
  };
  return made;
}

describe('frames', () => {
  test('however the bytes are cut, and whoever owns them, the same frames come out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 60_000, size: 'max' }), { maxLength: 8 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 40_000 }), fc.boolean()), { minLength: 1 }),
        fc.boolean(),
        (bodies, cuts, intoSpace) => {
          const { reader, frames, budget } = setup();
          const stream = Buffer.concat(bodies.map(frameOf));
          const shared = Buffer.alloc(40_000);
          for (let at = 0, i = 0; at < stream.length; i++) {
            const [size, isKept] = cuts[i % cuts.length]!;
            const space = intoSpace ? reader.space() : null;
            const count = Math.min(size, stream.length - at, space?.length ?? size);
            const chunk = stream.subarray(at, at + count);
            if (space !== null) {
              chunk.copy(space);
              reader.received(count);
            } else if (isKept) {
              reader.push(Buffer.from(chunk), true);
            } else {
              chunk.copy(shared);
              reader.push(shared.subarray(0, count), false);
              shared.fill(0xee);
            }
            at += count;
          }
          expect(frames.map(({ bytes }) => bytes.toString('hex'))).toEqual(
            bodies.map((body) => Buffer.from(body).toString('hex')),
          );
          expect(reader.isPartial).toBe(false);
          for (const frame of frames) reader.release(frame, true);
          expect(budget.usedBytes).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('byte by byte', () => {
    const { reader, frames } = setup();
    const stream = Buffer.concat([frameOf(Buffer.from('abc')), frameOf(Buffer.alloc(20_000, 1))]);
    for (const byte of stream) reader.push(Buffer.from([byte]), false);
    expect(frames.map(({ bytes }) => bytes.length)).toEqual([3, 20_000]);
  });

  test('small frames of a kept chunk are views of it', () => {
    const { reader, frames } = setup();
    const chunk = Buffer.concat([frameOf(Buffer.from('one')), frameOf(Buffer.from('two'))]);
    reader.push(chunk, true);
    expect(frames.every(({ bytes }) => bytes.buffer === chunk.buffer)).toBe(true);
  });

  test.each([
    ['zero', 0],
    ['negative', -1],
    ['the most negative', -0x80000000],
    ['one more than allowed', 1025],
    ['2 GiB', 0x7fffffff],
  ])('a length that is %s is refused with value and limit, and takes no memory', (_, length) => {
    const { reader, budget } = setup({ maxFrameBytes: 1024 });
    const head = Buffer.alloc(4);
    head.writeInt32BE(length, 0);
    expect(() => reader.push(head, true)).toThrow(
      `a request of ${length} bytes: 1 to 1024 are taken`,
    );
    expect(budget.usedBytes).toBe(0);
  });

  test('frames of no bytes where they are allowed', () => {
    const { reader, frames } = setup();
    reader.takesEmptyFrames = true;
    reader.push(Buffer.alloc(8), false);
    expect(frames.map(({ bytes }) => bytes.length)).toEqual([0, 0]);
  });

  test('memory of large frames is used again, once it is released', () => {
    const { reader, frames, buffers } = setup();
    const large = frameOf(Buffer.alloc(100_000, 3));
    reader.push(large, false);
    const first = frames[0]!.bytes.buffer;
    reader.push(large, false);
    expect(frames[1]!.bytes.buffer).not.toBe(first);
    reader.release(frames[0]!, true);
    expect(buffers.idleBytes).toBe(131_072);
    reader.push(large, false);
    expect(frames[2]!.bytes.buffer).toBe(first);
    reader.release(frames[1]!, false);
    expect(buffers.idleBytes).toBe(0);
  });
});

describe('memory budget', () => {
  test('the next request waits until there is room, and what came in meanwhile is not lost', () => {
    const made = setup({ limitBytes: 1000 });
    const { reader, frames, budget } = made;
    reader.push(frameOf(Buffer.alloc(800, 1)), true);
    reader.push(Buffer.concat([frameOf(Buffer.alloc(300, 2)), frameOf(Buffer.from('z'))]), false);
    expect([reader.isStalled, frames.length, budget.usedBytes, budget.waiting]).toEqual([
      true,
      1,
      800,
      1,
    ]);
    reader.push(frameOf(Buffer.from('late')), true);
    reader.release(frames[0]!, true);
    expect(frames.map(({ bytes }) => bytes.length)).toEqual([800, 300, 1, 4]);
    expect([reader.isStalled, made.resumes, budget.usedBytes]).toEqual([false, 1, 305]);
  });

  test('a request larger than the whole budget is taken when nothing else is', () => {
    const { reader, frames, budget } = setup({ limitBytes: 100 });
    reader.push(frameOf(Buffer.alloc(5000)), true);
    expect(frames).toHaveLength(1);
    expect(budget.usedBytes).toBe(5000);
  });

  test('connections get memory in the order they asked', () => {
    const budget = new MemoryBudget(100);
    const holder = setup({ budget });
    holder.reader.push(frameOf(Buffer.alloc(90)), true);
    const waiting = [1, 2, 3].map(() => setup({ budget }));
    for (const { reader } of waiting) reader.push(frameOf(Buffer.alloc(60)), true);
    holder.reader.release(holder.frames[0]!, true);
    expect(waiting.map(({ frames }) => frames.length)).toEqual([1, 0, 0]);
    waiting[1]!.reader.close();
    waiting[0]!.reader.release(waiting[0]!.frames[0]!, true);
    expect(waiting.map(({ frames }) => frames.length)).toEqual([1, 0, 1]);
    expect(budget.usedBytes).toBe(60);
  });

  test('closing in the middle of a frame, or while waiting, gives everything back', () => {
    const budget = new MemoryBudget(1000);
    const partial = setup({ budget });
    partial.reader.push(frameOf(Buffer.alloc(900)).subarray(0, 500), false);
    const waiting = setup({ budget });
    waiting.reader.push(frameOf(Buffer.alloc(900)), false);
    expect([budget.usedBytes, budget.waiting]).toEqual([900, 1]);
    waiting.reader.close();
    partial.reader.close();
    partial.reader.received(10);
    expect([budget.usedBytes, budget.waiting]).toEqual([0, 0]);
  });

  test('a bad length in what came while waiting is reported, not thrown at another connection', () => {
    const budget = new MemoryBudget(100);
    const holder = setup({ budget });
    holder.reader.push(frameOf(Buffer.alloc(90)), true);
    const waiting = setup({ budget });
    waiting.reader.push(Buffer.concat([frameOf(Buffer.alloc(60)), Buffer.alloc(4, 0xff)]), false);
    holder.reader.release(holder.frames[0]!, true);
    expect(waiting.failures).toHaveLength(1);
    expect(waiting.failures[0]).toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

describe('frame buffers', () => {
  test('keeps at most what it may, and lets go of what was not needed', () => {
    const buffers = new FrameBuffers(3 << 20);
    const taken = Array.from({ length: 4 }, () => buffers.take(1 << 20));
    for (const each of taken) buffers.recycle(each);
    expect(buffers.idleBytes).toBe(3 << 20);
    buffers.trim();
    expect(buffers.idleBytes).toBe(3 << 20);
    buffers.recycle(buffers.take(1 << 20));
    buffers.trim();
    expect(buffers.idleBytes).toBe(1 << 20);
    buffers.trim();
    expect(buffers.idleBytes).toBe(0);
  });

  test.each([1, 16_383, 16_384, 16_385, 1 << 24, (1 << 24) + 1])(
    'gives exactly %d bytes',
    (bytes) => {
      const buffers = new FrameBuffers(1 << 24);
      const first = buffers.take(bytes);
      expect(first.length).toBe(bytes);
      buffers.recycle(first);
      expect(buffers.take(bytes).length).toBe(bytes);
    },
  );
});
