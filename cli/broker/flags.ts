import type { LogLevel } from '../operations/levels.js';

export interface ServerFlags {
  directory: string;
  host: string;
  config?: Record<string, string>;
  metricsPort?: number;
  metricsHost: string;
  logLevel: LogLevel;
  logFormat?: 'json' | 'text';
  json?: true;
}

export interface BrokerFlags extends ServerFlags {
  port: number;
  advertisedHost?: string;
  allowInsecure?: true;
  tlsCert?: string;
  tlsKey?: string;
  tlsClientCa?: string;
  saslCredentials?: string;
}

export interface ClusterFlags extends ServerFlags {
  brokers: number;
  port?: number;
}
