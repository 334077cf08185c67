import { type ChaosCluster, type Cut, pause } from './chaos-cluster.js';
import type { ChaosMembers } from './chaos-members.js';
import { BROKERS, type ChaosPlan, type Fault, type FaultKind, TOPIC } from './chaos-plan.js';

/** Carries out the faults of a plan, and heals what they have broken. */
export class ChaosFaults {
  readonly #plan: ChaosPlan;
  readonly #cluster: ChaosCluster;
  readonly #members: ChaosMembers;
  readonly #stopped = new Set<number>();
  readonly #cuts = new Set<Cut>();
  readonly #lasting: Promise<void>[] = [];
  /** How many were carried out. */
  readonly done: Partial<Record<FaultKind, number>> = {};

  constructor(plan: ChaosPlan, cluster: ChaosCluster, members: ChaosMembers) {
    this.#plan = plan;
    this.#cluster = cluster;
    this.#members = members;
  }

  /** Resolves when the plan's time is over and everything is healed. */
  async run(): Promise<void> {
    let startMs = performance.now();
    for (const fault of this.#plan.faults) {
      await pause(fault.atMs - (performance.now() - startMs));
      this.#cluster.note(`fault: ${JSON.stringify(fault)}`);
      const beganMs = performance.now();
      await this.#begin(fault);
      // While there was no supervisor the plan stood still.
      startMs += performance.now() - beganMs;
    }
    await pause(this.#plan.durationMs - (performance.now() - startMs));
    await Promise.all(this.#lasting);
    await this.heal();
    if (!this.#cluster.isUp) await this.#cluster.start();
  }

  async heal(): Promise<void> {
    for (const cut of this.#cuts) this.#cluster.heal(cut);
    this.#cuts.clear();
    this.#wake();
  }

  #count(kind: FaultKind): void {
    this.done[kind] = (this.done[kind] ?? 0) + 1;
  }

  /** Resolves when the next one may come: at once but for those that take the supervisor away. */
  async #begin(fault: Fault): Promise<void> {
    const cluster = this.#cluster;
    switch (fault.kind) {
      case 'kill':
      case 'terminate':
        if (cluster.signal(fault.broker, fault.kind === 'kill' ? 'SIGKILL' : 'SIGTERM')) {
          this.#count(fault.kind);
        }
        return;
      case 'kill-all':
        for (let id = 1; id <= BROKERS; id += 1) cluster.signal(id, 'SIGKILL');
        this.#count(fault.kind);
        return;
      case 'pause':
        if (this.#stopped.has(fault.broker) || !cluster.signal(fault.broker, 'SIGSTOP')) return;
        this.#stopped.add(fault.broker);
        this.#count(fault.kind);
        this.#lasting.push(
          pause(fault.forMs).then(() => {
            if (this.#stopped.delete(fault.broker)) cluster.signal(fault.broker, 'SIGCONT');
          }),
        );
        return;
      case 'restart':
        return this.#order(fault.kind, { kind: 'restart', brokerId: fault.broker });
      case 'roll':
        return this.#order(fault.kind, { kind: 'roll' });
      case 'move':
        return this.#order(fault.kind, {
          kind: 'move',
          topic: TOPIC,
          partition: fault.partition,
        });
      case 'cut':
        return this.#cut(fault.kind, [fault], fault.forMs);
      case 'isolate': {
        const { broker, fate, forMs } = fault;
        const others = [1, 2, 3].filter((id) => id !== broker);
        const outward = others.map((to) => ({ to, from: broker, fate }));
        return this.#cut(fault.kind, [{ to: broker, from: 'all', fate }, ...outward], forMs);
      }
      case 'supervisor-kill':
      case 'supervisor-stop':
        // One that is stopped can neither notice that its supervisor is gone nor close.
        this.#wake();
        await cluster.stop(fault.kind === 'supervisor-kill' ? 'SIGKILL' : 'SIGTERM');
        await cluster.start();
        this.#count(fault.kind);
        return;
      case 'member-dies':
        this.#members.kill(fault.member);
        this.#count(fault.kind);
        return;
      case 'member-leaves':
        this.#members.leave(fault.member);
        this.#count(fault.kind);
    }
  }

  #wake(): void {
    for (const broker of this.#stopped) this.#cluster.signal(broker, 'SIGCONT');
    this.#stopped.clear();
  }

  /** An order may fail: it is given while other things fail. */
  #order(kind: FaultKind, order: Parameters<ChaosCluster['order']>[0]): void {
    const given = this.#cluster.order(order).then(
      () => this.#count(kind),
      (error: Error) => this.#cluster.note(`${kind} failed: ${error.message}`),
    );
    this.#lasting.push(given);
  }

  #cut(kind: FaultKind, cuts: readonly Cut[], forMs: number): void {
    const own = cuts.map(({ to, from, fate }) => ({ to, from, fate }));
    for (const cut of own) {
      this.#cuts.add(cut);
      this.#cluster.cut(cut);
    }
    this.#count(kind);
    const healed = pause(forMs).then(() => {
      for (const cut of own) {
        if (this.#cuts.delete(cut)) this.#cluster.heal(cut);
      }
    });
    this.#lasting.push(healed);
  }
}
