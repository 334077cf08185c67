import { type ChildProcess, fork } from 'node:child_process';
import { programPath } from '../../program-path.js';
import { LastWords } from '../last-words.js';
import { BenchError } from '../target.js';
import type { FromMember, MemberOptions } from './member-messages.js';

/** One member of a group, as the experiment sees it. */
export class Member {
  readonly #child: ChildProcess;
  readonly #words = new LastWords();
  readonly #exited: Promise<void>;
  readonly #consumedNs = new Map<number, number>();
  #partitions: readonly number[] = [];
  /** Null: not in the group yet. */
  #assignedNs: number | null = null;
  #problem: BenchError | null = null;

  constructor(options: MemberOptions) {
    this.#child = fork(
      programPath('group-member', 'targets/experiments/group-member.js'),
      [JSON.stringify(options)],
      {
        execArgv: [],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.#words.listenTo(this.#child.stderr);
    this.#exited = new Promise((resolve) => {
      const over = (): void => {
        this.#problem ??= failed(`it ended: ${this.#words.text}`);
        resolve();
      };
      this.#child.once('exit', over);
      this.#child.once('error', over);
    });
    this.#child.on('message', (message: FromMember) => this.#heard(message));
  }

  get partitions(): readonly number[] {
    return this.#partitions;
  }

  /** Why it does no more; null: it works. */
  get problem(): BenchError | null {
    return this.#problem;
  }

  /** It has been given partitions after `afterNs`. */
  hasJoined(afterNs: number): boolean {
    return this.#assignedNs !== null && this.#assignedNs > afterNs;
  }

  /** It has read from each of its partitions since it was given them; when the last of them was first. Null: not yet. */
  consumedAllNs(): number | null {
    let latest = 0;
    for (const partition of this.#partitions) {
      const ns = this.#consumedNs.get(partition);
      if (ns === undefined) return null;
      latest = Math.max(latest, ns);
    }
    return latest;
  }

  /** SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #heard(message: FromMember): void {
    switch (message.kind) {
      case 'assigned':
        this.#partitions = message.partitions;
        this.#assignedNs = message.atNs;
        this.#consumedNs.clear();
        return;
      case 'consumed':
        for (const [partition, ns] of message.lastNs) {
          const isNew = ns > (this.#assignedNs ?? Number.POSITIVE_INFINITY);
          if (isNew && !this.#consumedNs.has(partition)) this.#consumedNs.set(partition, ns);
        }
        return;
      case 'failed':
        this.#problem = failed(message.message);
        return;
      case 'missing':
        this.#problem = new BenchError(
          'CLIENT_MISSING',
          `kafkajs, which a group is made of, is not there: npm install kafkajs (${message.message})`,
        );
    }
  }
}

function failed(why: string): BenchError {
  return new BenchError('TARGET_FAILED', `a member of the group failed: ${why}`);
}
