import { dirname } from 'node:path';
import { type Operation, systemError } from './faults.js';
import { Directory, type Disk } from './simulated-disk.js';
import { FileContent } from './simulated-file-content.js';
import type { Machine } from './simulated-machine.js';

/** Writes a whole file in the steps a real one takes: name, first part, rest, sync. */
export async function writeWholeFile(
  machine: Machine,
  path: string,
  data: Uint8Array,
  as: { readonly operation: 'writeFile' | 'writeFileAtomic'; readonly target: string },
): Promise<void> {
  const { disk, random } = machine;
  const { operation } = as;
  const failure = machine.strike(operation, path);
  // A full or broken disk stops in the middle; everything else stops at the open.
  const failsMidway = failure?.code === 'DISK_FULL' || failure?.code === 'IO_FAILED';
  if (failure !== null && !failsMidway) throw failure;
  const place = disk.place(as.target, operation);
  const replaced = place.directory.entries.get(place.name);
  if (replaced instanceof Directory) throw systemError('EISDIR', operation, path);
  const hadDurableName =
    replaced !== undefined && place.directory.durable.get(place.name) === replaced;
  machine.step(operation, path);
  const file = new FileContent(machine.clock.now());
  const naming = disk.link(place, file);
  await machine.wait(operation, path);

  const half = random.below(data.length + 1);
  disk.assertRoom(file, half, operation, path);
  machine.step(operation, path);
  file.write(0, data.subarray(0, half));
  if (failure !== null) throw failure;
  await machine.wait(operation, path);
  disk.assertRoom(file, data.length, operation, path);
  machine.step(operation, path);
  file.write(half, data.subarray(half));

  const syncFailure = machine.strike(`${operation}:sync`, path);
  const writeback = file.beginWriteback();
  await machine.wait(operation, path);
  if (syncFailure !== null) {
    file.failWriteback(writeback, random);
    throw syncFailure;
  }
  machine.step(operation, path);
  file.completeWriteback(writeback);
  file.durableModifiedMs = file.modifiedMs;
  // Replacing a durable name keeps it durable: the real thing overwrites the file behind the name.
  if (hadDurableName) disk.syncOperation(naming);
  // Inside writeFileAtomic the file is not finished yet.
  await machine.wait(operation, path, operation === 'writeFile' ? 'after' : 'before');
}

export async function replaceFile(machine: Machine, path: string, data: Uint8Array): Promise<void> {
  const { disk } = machine;
  const operation = 'writeFileAtomic';
  const temporary = `${path}.tmp`;
  try {
    await writeWholeFile(machine, path, data, { operation, target: temporary });
    machine.begin('writeFileAtomic:rename', path);
    const source = disk.place(temporary, operation);
    const target = disk.place(path, operation);
    const refusal = disk.refusesMove(source, target);
    if (refusal !== null) throw systemError(refusal, operation, path);
    machine.step(operation, path);
    disk.move(source, target);
  } catch (error) {
    if (machine.down === null) removeTemporary(disk, temporary);
    throw error;
  }
  await machine.wait(operation, path);
  await syncNames(machine, dirname(path), { operation: 'writeFileAtomic:syncDirectory', path });
}

/** Makes durable what has happened to the names in `directory` before the call. */
export async function syncNames(
  machine: Machine,
  directory: string,
  { operation, path }: { readonly operation: Operation; readonly path: string },
): Promise<void> {
  const { disk } = machine;
  const failure = machine.strike(operation, path);
  const node = disk.findDirectory(directory, operation);
  const { order } = disk;
  machine.step(operation, path);
  await machine.wait(operation, path);
  if (failure !== null) throw failure;
  machine.step(operation, path);
  disk.syncDirectory(node, order);
  await machine.wait(operation, path, 'after');
}

function removeTemporary(disk: Disk, temporary: string): void {
  if (disk.find(temporary) instanceof FileContent) {
    disk.unlink(disk.place(temporary, 'writeFileAtomic'));
  }
}
