import { afterEach, describe, expect, it } from 'vitest';
import { Broker, Credentials, scramCredential } from '../../engine/index.js';
import type { SaslOptions } from '../load/plan.js';
import { cellOf } from '../model/knobs.js';
import { freePorts } from './free-ports.js';
import { findTarget } from './index.js';
import type { OpenTarget } from './target.js';

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

async function open(address: string, sasl: SaslOptions | null = null): Promise<OpenTarget> {
  const options = { cell: cellOf({}), directory: '/', signal: new AbortController().signal };
  const target = await findTarget(`kafka://${address}`, { sasl }).open(options);
  closing.push(target);
  return target;
}

describe('kafka://', () => {
  it('opens, prepares, removes and closes; a broker that dies makes it useless', async () => {
    const broker = await Broker.start();
    closing.push(broker);
    const target = await open(broker.address);
    expect(target.info).toMatchObject({ brokers: 1, settings: {} });
    const prepared = await target.prepare(cellOf({ partitions: 2 }), 'a');
    expect(prepared.disturb).toBeNull();
    const meter = await prepared.startUsage();
    expect(await meter.stop()).toEqual({ processes: [], machine: null, syncs: null });
    await expect(target.prepare(cellOf({ partitions: 2 }), 'a')).rejects.toMatchObject({
      code: 'TARGET_FAILED',
      message: expect.stringMatching(/TOPIC_ALREADY_EXISTS/),
    });
    await prepared.remove();
    await (await target.prepare(cellOf({ partitions: 2 }), 'a')).remove();
    expect(await target.isUsable()).toBe(true);
    await broker.close();
    expect(await target.isUsable()).toBe(false);
  });

  it('knows how many brokers there are when it prepares', async () => {
    const broker = await Broker.start();
    closing.push(broker);
    const target = await open(broker.address);
    await expect(target.prepare(cellOf({ replicationFactor: 2 }), 'a')).rejects.toMatchObject({
      code: 'INVALID_KNOB',
      message: expect.stringMatching(/replicationFactor is 2, brokers is 1/),
    });
  });

  it('says that nobody is there', async () => {
    const [port] = await freePorts(1);
    await expect(open(`127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'TARGET_UNREACHABLE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it('asks the next address when the first does not answer', async () => {
    const broker = await Broker.start();
    closing.push(broker);
    const [port] = await freePorts(1);
    const target = await open(`127.0.0.1:${port},${broker.address}`);
    expect(target.info.brokers).toBe(1);
  });

  it.each(['PLAIN', 'SCRAM-SHA-256'] as const)(
    'logs in with %s; a wrong password is told apart',
    async (mechanism) => {
      const credentials = new Credentials();
      credentials.set('ann', await scramCredential('SCRAM-SHA-256', 'right'));
      const broker = await Broker.start({ sasl: { mechanisms: [mechanism], credentials } });
      closing.push(broker);
      const login = { mechanism, username: 'ann', password: 'right' };
      expect((await open(broker.address, login)).info.brokers).toBe(1);
      await expect(open(broker.address, { ...login, password: 'wrong' })).rejects.toMatchObject({
        code: 'AUTHENTICATION_FAILED',
        message: expect.stringMatching(/Check user, password and mechanism/),
      });
      await expect(open(broker.address)).rejects.toMatchObject({
        message: expect.stringMatching(/TLS or SASL/),
      });
    },
  );

  it('a certificate file that is not there is a mistake of the caller', () => {
    const tls = { caFile: '/nowhere.pem', certFile: null, keyFile: null, verify: true };
    const options = { cell: cellOf({}), directory: '/', signal: new AbortController().signal };
    const target = findTarget('kafka://127.0.0.1:1', { tls });
    return expect(target.open(options)).rejects.toMatchObject({
      code: 'INVALID_KNOB',
      message: expect.stringContaining('/nowhere.pem'),
    });
  });
});
