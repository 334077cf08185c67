import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProfileKind } from './kinds.js';

/*
 * How clinic's collectors are put into a process. Its own command starts the program itself, which cannot be a broker
 * that a cluster has started, asks to report usage over the network, and looks for updates; none of it is wanted here.
 */

/** Names of the files in the directory of a profile. */
export const CLINIC_NAME = 'clinic';
const DOCTOR_SAMPLE_MS = 10;

/** What a clinic tool needs in the profiled process. */
export interface ClinicSetup {
  readonly nodeFlags: readonly string[];
  /** It writes its last data on `beforeExit`. */
  readonly hasCollector: boolean;
}

/** The `node_modules` that clinic is installed in, or null. */
export function findClinic(directory: string): string | null {
  const modules = join(directory, 'node_modules');
  return existsSync(join(modules, 'clinic', 'package.json')) ? modules : null;
}

export function clinicVersion(modules: string): string {
  const { version } = JSON.parse(readFileSync(join(modules, 'clinic', 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

export function clinicSetup(kind: ProfileKind, modules: string, directory: string): ClinicSetup {
  const traces = (category: string): string[] => [
    `--trace-event-categories=${category}`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Node's own placeholder
    `--trace-event-file-pattern=${join(directory, 'node_trace.${rotation}.log')}`,
  ];
  switch (kind) {
    case 'flame':
      // What 0x starts its programs with.
      return {
        nodeFlags: ['--prof', `--logfile=${join(directory, 'v8.log')}`],
        hasCollector: false,
      };
    case 'doctor':
      return {
        nodeFlags: [
          ...traces('v8'),
          ...preload(directory, join(modules, '@clinic', 'doctor', 'injects', 'sampler.js'), {
            NODE_CLINIC_DOCTOR_DATA_PATH: directory,
            NODE_CLINIC_DOCTOR_NAME: CLINIC_NAME,
            NODE_CLINIC_DOCTOR_SAMPLE_INTERVAL: String(DOCTOR_SAMPLE_MS),
            NODE_CLINIC_DOCTOR_TIMEOUT_DELAY: '0',
            NODE_CLINIC_DOCTOR_COLLECT_LOOP_UTILIZATION: 'true',
          }),
        ],
        hasCollector: true,
      };
    case 'bubbleprof':
      return {
        nodeFlags: [
          ...traces('node.async_hooks'),
          ...preload(directory, join(modules, '@clinic', 'bubbleprof', 'injects', 'logger.js'), {
            NODE_CLINIC_BUBBLEPROF_DATA_PATH: directory,
            NODE_CLINIC_BUBBLEPROF_NAME: CLINIC_NAME,
          }),
        ],
        hasCollector: true,
      };
    case 'heap':
      // Its collector samples as the agent does, but only what is still reachable when the process ends.
      return { nodeFlags: [], hasCollector: false };
  }
}

/**
 * Loads a collector as clinic does, before anything else: what is started before it has no stack, and bubbleprof leaves
 * out all that follows from such. Its variables are set in that process only.
 */
function preload(
  directory: string,
  file: string,
  variables: Readonly<Record<string, string>>,
): string[] {
  const path = join(directory, 'collector.cjs');
  const lines = [
    `const variables = ${JSON.stringify(variables)};`,
    'Object.assign(process.env, variables);',
    `require(${JSON.stringify(file)});`,
    'for (const name of Object.keys(variables)) delete process.env[name];',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return ['--require', path];
}
