import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A place in a program, as a profiler names it or as its author wrote it. Line and column from 1; 0: unknown. */
export interface Place {
  /** An absolute path, `node:net`, or empty for what has no file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Turns places in compiled files into those in the sources they were compiled from, where a source map says so. */
export class SourceNames {
  readonly #root: string;
  readonly #maps = new Map<string, SourceMap | null>();

  /** `root`: the directory that shown names are relative to. */
  constructor(root: string) {
    this.#root = root;
  }

  /** `url`: a file: URL or a path. */
  placeOf(url: string, line: number, column: number): Place {
    const file = url.startsWith('file:') ? pathOf(url) : url;
    if (!isAbsolute(file) || line === 0) return { file, line, column };
    const entry = this.#mapOf(file)?.findEntry(line - 1, Math.max(0, column - 1));
    if (entry === undefined || !('originalSource' in entry) || !entry.originalSource) {
      return { file, line, column };
    }
    return {
      file: resolve(dirname(file), entry.originalSource),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
    };
  }

  /** `engine/log/segment.ts:120`; what is outside of the root keeps its path. */
  text({ file, line }: Place): string {
    const inside = isAbsolute(file) ? relative(this.#root, file) : file;
    const shown = inside.startsWith(`..${sep}`) ? file : inside;
    return line === 0 ? shown : `${shown}:${line}`;
  }

  /** Of the program itself: neither Node's nor a dependency's. */
  isOwn({ file }: Place): boolean {
    return (
      isAbsolute(file) &&
      file.startsWith(this.#root + sep) &&
      !file.includes(`${sep}node_modules${sep}`)
    );
  }

  #mapOf(file: string): SourceMap | null {
    const known = this.#maps.get(file);
    if (known !== undefined) return known;
    const path = `${file}.map`;
    const map = existsSync(path)
      ? new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload)
      : null;
    this.#maps.set(file, map);
    return map;
  }
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
