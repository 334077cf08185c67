import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packageRoot } from '../benchmarks/environment.js';

/** What the agent does in the profiled process. It travels in the URL of `--import`: no variable that children inherit. */
export interface AgentPlan {
  /** An empty directory: everything that is recorded ends up there. */
  readonly directory: string;
  /** CPU samples by V8's profiler. */
  readonly cpu: boolean;
  /** Sampled allocations: all of them, or what is still reachable at the end. */
  readonly heap: 'allocated' | 'live' | null;
  /** Counts asynchronous operations by kind and by who started them. */
  readonly async: boolean;
  /** Clinic's collectors write their last data on `beforeExit`, which `process.exit()` skips. */
  readonly waitsForBeforeExit: boolean;
}

export const AGENT_FILES = {
  timeline: 'timeline.json',
  cpu: 'node.cpuprofile',
  heap: 'node.heapprofile',
  async: 'async.json',
} as const;

/** A compiled file of this folder: other processes run it, whatever runs this one. */
export function profilesProgram(name: string): string {
  return join(packageRoot(), 'dist', 'profiles', name);
}

/** The flag of Node that loads the agent before the program. */
export function agentFlags(plan: AgentPlan): string[] {
  const url = pathToFileURL(profilesProgram('agent.js'));
  url.searchParams.set('plan', JSON.stringify(plan));
  return ['--import', url.href];
}

export function planOf(url: string): AgentPlan {
  const text = new URL(url).searchParams.get('plan');
  if (text === null) throw new Error(`${fileURLToPath(url)} is loaded without a plan`);
  return JSON.parse(text) as AgentPlan;
}
