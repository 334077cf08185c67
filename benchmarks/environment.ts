import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a figure depends on and what nobody remembers a month later. */
export interface Environment {
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly kernel: string;
  /** Of the data directory; `unknown (0x...)` when its number is not in the table. */
  readonly fileSystem: string;
  readonly freeDiskBytes: number;
  readonly nodeVersion: string;
  readonly v8Version: string;
  readonly varveVersion: string;
  /** null outside a git work tree. */
  readonly gitCommit: string | null;
  /** Uncommitted changes; null outside a git work tree. */
  readonly gitDirty: boolean | null;
}

export function describeEnvironment(dataDirectory: string): Environment {
  const root = packageRoot();
  const disk = statfsSync(dataDirectory);
  const git = gitState(root);
  return {
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: platform(),
    kernel: release(),
    fileSystem: fileSystemName(disk.type, dataDirectory),
    freeDiskBytes: disk.bavail * disk.bsize,
    nodeVersion: process.version,
    v8Version: process.versions.v8,
    varveVersion: (
      JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    ).version,
    gitCommit: git.commit,
    gitDirty: git.dirty,
  };
}

/** True where a sync has nothing to wait for, so durable figures mean nothing. */
export function isMemoryFileSystem(name: string): boolean {
  return name === 'tmpfs' || name === 'ramfs';
}

/** The folder of varve's package.json, from `benchmarks/` and from `dist/benchmarks/` alike. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the package.json of varve is not above this file');
    folder = parent;
  }
  return folder;
}

/** Numbers from statfs(2). ext2, ext3 and ext4 share one; /proc/mounts tells them apart. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2240043254: 'ramfs',
  2035054128: 'overlayfs',
  26985: 'nfs',
  801189825: 'zfs',
  4076150800: 'f2fs',
  19780: 'exfat',
  26: 'apfs',
};

function fileSystemName(type: number, directory: string): string {
  return mountedType(directory) ?? FILE_SYSTEMS[type] ?? `unknown (0x${type.toString(16)})`;
}

function mountedType(directory: string): string | null {
  if (platform() !== 'linux') return null;
  let best: { point: string; type: string } | null = null;
  try {
    for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
      const [, point, type] = line.split(' ');
      if (point === undefined || type === undefined) continue;
      const inside = point === '/' || directory === point || directory.startsWith(`${point}/`);
      if (inside && (best === null || point.length >= best.point.length)) best = { point, type };
    }
  } catch {
    // No /proc here: the number of statfs has to do.
    return null;
  }
  return best?.type ?? null;
}

function gitState(root: string): { commit: string | null; dirty: boolean | null } {
  if (!existsSync(join(root, '.git'))) return { commit: null, dirty: null };
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: root,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    return {
      commit: git('rev-parse', 'HEAD').trim(),
      dirty: git('status', '--porcelain').trim() !== '',
    };
  } catch {
    // A copy of the tree without the git program.
    return { commit: null, dirty: null };
  }
}
