import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writePartsFully } from './descriptor-io.js';
import { openFileSystem } from './index.js';

const KIB = 1024;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-parts-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

function pattern(bytes: number, salt: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + salt) & 255));
}

describe('appending in parts', () => {
  it.each([
    ['mmap', () => openFileSystem({ kind: 'mmap' })],
    ['portable', () => openFileSystem({ kind: 'portable' })],
  ])('%s: puts both behind what is there, between appends of other kinds', async (_, open) => {
    const io = open();
    const path = join(directory, '0.log');
    const log = io.openLog(path, { create: true, size: 0, maxBytes: 1 << 30 });
    const expected: Buffer[] = [];
    let direct = 0;
    for (let round = 0; round < 300; round += 1) {
      const head = pattern(17, round);
      const body = pattern(round % 3 === 0 ? 500 : 40 * KIB + round, round + 7);
      if (log.prefersParts!(head.length + body.length)) {
        log.appendParts!(head, body);
        direct += 1;
      } else {
        log.reserve(head.length + body.length);
        log.buffer.set(head, log.at);
        log.buffer.set(body, log.at + head.length);
        log.commit(head.length + body.length);
      }
      expected.push(head, body);
      if (round % 50 === 0) await log.flush();
    }
    const all = Buffer.concat(expected);
    expect(direct).toBeGreaterThan(100);
    expect(log.size).toBe(all.length);
    expect(log.bytes(0, all.length).equals(all)).toBe(true);
    const window = log.window(all.length - 1000, 1000);
    const at = all.length - 1000 - window.start;
    expect(window.buffer.subarray(at, at + 1000).equals(all.subarray(-1000))).toBe(true);
    await log.close();
    expect(fs.readFileSync(path).equals(all)).toBe(true);
  });

  it('goes on where the system took only a part, wherever that ends', () => {
    const path = join(directory, 'parts');
    const [head, body] = [pattern(17, 1), pattern(100, 2)];
    const { writevSync } = fs;
    for (const taken of [0, 1, 16, 17, 18, 60, 116, 117]) {
      const fd = fs.openSync(path, 'w+');
      vi.spyOn(fs, 'writevSync').mockImplementationOnce((file, _parts, position) =>
        writevSync(file, [Buffer.concat([head, body]).subarray(0, taken)], position),
      );
      writePartsFully(fd, head, body, 5);
      fs.closeSync(fd);
      const expected = Buffer.concat([Buffer.alloc(5), head, body]);
      expect(fs.readFileSync(path).equals(expected), `${taken} bytes taken`).toBe(true);
    }
  });

  it('a failed write leaves nothing behind, and a shorter append takes its place', async () => {
    const io = openFileSystem({ kind: 'portable' });
    const path = join(directory, '0.log');
    const log = io.openLog(path, { create: true, size: 0, maxBytes: 1 << 30 });
    const { writevSync } = fs;
    vi.spyOn(fs, 'writevSync').mockImplementationOnce((file, _parts, position) => {
      writevSync(file, [pattern(20_000, 3)], position);
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });
    expect(log.prefersParts!(40_017)).toBe(true);
    expect(() => log.appendParts!(pattern(17, 1), pattern(40_000, 2))).toThrowError(
      expect.objectContaining({ code: 'DISK_FULL' }),
    );
    expect(log.size).toBe(0);
    log.reserve(10);
    log.buffer.set(pattern(10, 4), log.at);
    log.commit(10);
    await log.close();
    expect(fs.readFileSync(path).equals(pattern(10, 4))).toBe(true);
  });
});
