import type { ConnectionFlags } from '../client/connection-flags.js';

export interface CreateFlags extends ConnectionFlags {
  partitions?: number;
  replicationFactor?: number;
  config?: Record<string, string>;
  ifNotExists?: true;
  json?: true;
}

export interface ListFlags extends ConnectionFlags {
  internal?: true;
  quiet?: true;
  json?: true;
}

export interface DescribeFlags extends ConnectionFlags {
  internal?: true;
  underReplicated?: true;
  json?: true;
}

export interface AlterFlags extends ConnectionFlags {
  partitions?: number;
  config?: Record<string, string>;
  deleteConfig?: string[];
  json?: true;
}

export interface DeleteFlags extends ConnectionFlags {
  ifExists?: true;
  json?: true;
}
