import { DescriptorCache, defaultMaxOpenFiles } from './descriptors.js';
import type { FileSystem } from './port.js';
import { PortableFileSystem } from './portable.js';

export interface FileSystemOptions {
  readonly kind?: 'auto' | 'mmap' | 'portable';
  readonly maxMappedBytes?: number;
  readonly maxMappings?: number;
  readonly maxOpenFiles?: number;
}

export function openFileSystem(options: FileSystemOptions = {}): FileSystem {
  return new PortableFileSystem(new DescriptorCache(options.maxOpenFiles ?? defaultMaxOpenFiles()));
}
