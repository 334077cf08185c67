import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeResponse } from '../protocol/frames.js';
import { RawPeer, serve, type TestServer } from '../testing/wire-peer.js';
import { WireClient } from './client.js';
import { type Credentials, formatCredential, parseCredentials } from './sasl/credentials.js';
import { ScramClientExchange, scramCredential } from './sasl/scram.js';
import type { SaslMechanism } from './sasl/session.js';

let credentials: Credentials;
beforeAll(async () => {
  credentials = parseCredentials(
    [
      formatCredential('alice', await scramCredential('SCRAM-SHA-256', 'wonder')),
      formatCredential('alice', await scramCredential('SCRAM-SHA-512', 'wonder')),
    ].join('\n'),
  );
});

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const ALL: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

async function started(limits = {}, mechanisms = ALL): Promise<TestServer> {
  const served = await serve({
    listeners: [{ name: 'SASL', sasl: { mechanisms, credentials } }],
    limits: { connectionFailedAuthenticationDelayMs: 20, ...limits },
  });
  opened.push({ close: () => served.server.close({ deadlineMs: 0 }) });
  return served;
}

async function peerOf({ port }: TestServer): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  opened.push({ close: () => peer.destroy() });
  return peer;
}

function clientOf(
  port: number,
  mechanism: SaslMechanism,
  username: string,
  password: string,
): WireClient {
  const client = new WireClient({
    host: '127.0.0.1',
    port,
    sasl: { mechanism, username, password },
  });
  opened.push(client);
  return client;
}

describe('authentication', () => {
  test.each(ALL)(
    '%s: the right password gets in, and the handler is told who it is',
    async (mechanism) => {
      const served = await started();
      const client = clientOf(served.port, mechanism, 'alice', 'wonder');
      await client.request('ListGroups', 'highest', {});
      expect(served.handler.seen.map(({ api, context }) => [api, context.principal])).toEqual([
        ['ApiVersions', 'User:alice'],
        ['ListGroups', 'User:alice'],
      ]);
      expect(await served.event('authenticated')).toMatchObject({
        principal: 'User:alice',
        mechanism,
      });
    },
  );

  test.each([
    ['PLAIN', 'alice', 'wrong', 'Authentication failed: Invalid username or password'],
    ['PLAIN', 'nobody', 'wonder', 'Authentication failed: Invalid username or password'],
    ['PLAIN', '', 'wonder', 'Authentication failed: username not specified'],
    ['PLAIN', 'alice', '', 'Authentication failed: password not specified'],
    [
      'SCRAM-SHA-256',
      'alice',
      'wrong',
      'Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256',
    ],
    [
      'SCRAM-SHA-512',
      'nobody',
      'wonder',
      'Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512',
    ],
  ] as const)(
    '%s with %j and %j: refused with the message, late, and closed',
    async (mechanism, user, password, message) => {
      const served = await started();
      const before = performance.now();
      const request = clientOf(served.port, mechanism, user, password).request('ListGroups', 4, {});
      await expect(request).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', message });
      expect(performance.now() - before).toBeGreaterThan(15);
      expect(await served.event('connection-closed')).toMatchObject({
        reason: 'authentication-failed',
        message,
      });
      expect(served.handler.seen.map(({ api }) => api)).toEqual(['ApiVersions']);
    },
  );

  test('an unknown user is asked for a proof as a known one is', async () => {
    const served = await started();
    const firsts: string[] = [];
    for (const user of ['alice', 'nobody', 'nobody']) {
      const peer = await peerOf(served);
      peer.request('SaslHandshake', 1, 1, { mechanism: 'SCRAM-SHA-256' });
      await peer.frame();
      peer.request('SaslAuthenticate', 2, 2, { authBytes: Buffer.from(`n,,n=${user},r=abc`) });
      const { body } = decodeResponse('SaslAuthenticate', 2, (await peer.frame())!);
      expect(body.errorCode).toBe(0);
      firsts.push(body.authBytes.toString().replace(/r=abc[^,]*/, 'r=abc'));
    }
    expect(firsts[0]).toMatch(/^r=abc,s=.{32},i=4096$/);
    expect(firsts[1]).toMatch(/^r=abc,s=.{32},i=4096$/);
    expect(firsts[2]).toBe(firsts[1]);
  });

  test('a mechanism that is not offered: error 33 with those that are, then closed', async () => {
    const served = await started({}, ['SCRAM-SHA-512']);
    const peer = await peerOf(served);
    peer.request('SaslHandshake', 1, 5, { mechanism: 'PLAIN' });
    expect(decodeResponse('SaslHandshake', 1, (await peer.frame())!).body).toEqual({
      errorCode: 33,
      mechanisms: ['SCRAM-SHA-512'],
    });
    expect(await peer.frame()).toBeNull();
    expect((await served.event('connection-closed')).message).toBe(
      'SASL mechanism "PLAIN" refused',
    );
  });

  test('handshake version 0: tokens are frames of their own', async () => {
    const served = await started();
    const peer = await peerOf(served);
    peer.request('SaslHandshake', 0, 5, { mechanism: 'PLAIN' });
    await peer.frame();
    const token = Buffer.from('\0\0\0\0\0alice\0wonder');
    token.writeInt32BE(token.length - 4);
    peer.send(token);
    expect((await peer.frame())!.length).toBe(0);
    peer.request('ListGroups', 0, 6, {});
    expect((await peer.frame())!.readInt32BE(0)).toBe(6);
    expect(served.handler.seen[0]!.context.principal).toBe('User:alice');
  });

  test('the same with SCRAM', async () => {
    const served = await started();
    const peer = await peerOf(served);
    peer.request('SaslHandshake', 0, 5, { mechanism: 'SCRAM-SHA-512' });
    await peer.frame();
    const scram = new ScramClientExchange('SCRAM-SHA-512', 'alice', 'wonder');
    const token = (text: string): Buffer => {
      const bytes = Buffer.from(`\0\0\0\0${text}`);
      bytes.writeInt32BE(bytes.length - 4);
      return bytes;
    };
    peer.send(token(scram.clientFirst));
    peer.send(token(await scram.final((await peer.frame())!.toString())));
    scram.verify((await peer.frame())!.toString());
  });

  test.each(['', 'alice\0wonder', '\0\0\0\0\0'])(
    'raw token %j: closed without a word',
    async (text) => {
      const served = await started();
      const peer = await peerOf(served);
      peer.request('SaslHandshake', 0, 5, { mechanism: 'PLAIN' });
      await peer.frame();
      const token = Buffer.from(`\0\0\0\0${text}`);
      token.writeInt32BE(token.length - 4);
      peer.send(token);
      expect(await peer.frame()).toBeNull();
      expect((await served.event('connection-closed')).reason).toBe('authentication-failed');
    },
  );

  test('another authorization id', async () => {
    const served = await started();
    const peer = await peerOf(served);
    peer.request('SaslHandshake', 1, 1, { mechanism: 'PLAIN' });
    await peer.frame();
    peer.request('SaslAuthenticate', 1, 2, { authBytes: Buffer.from('bob\0alice\0wonder') });
    expect(decodeResponse('SaslAuthenticate', 1, (await peer.frame())!).body).toMatchObject({
      errorCode: 58,
      errorMessage:
        'Authentication failed: Client requested an authorization id that is different from username',
    });
  });
});

describe('before authentication', () => {
  test('ApiVersions is answered, anything else closes', async () => {
    const served = await started();
    const peer = await peerOf(served);
    peer.request('ApiVersions', 3, 1, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
    const { body } = decodeResponse('ApiVersions', 3, (await peer.frame())!);
    expect(body.apiKeys.filter(({ apiKey }) => apiKey === 17 || apiKey === 36)).toEqual([
      expect.objectContaining({ apiKey: 17, minVersion: 0, maxVersion: 1 }),
      expect.objectContaining({ apiKey: 36, minVersion: 0, maxVersion: 2 }),
    ]);
    peer.request('Metadata', 1, 2, { topics: null });
    expect(await peer.frame()).toBeNull();
    expect(await served.event('connection-closed')).toMatchObject({
      reason: 'authentication-failed',
      message: 'Metadata before authentication',
    });
    expect(served.handler.seen).toHaveLength(1);
  });

  test('what is pipelined behind a failing authentication is never served', async () => {
    const served = await started();
    const peer = await peerOf(served);
    peer.request('SaslHandshake', 1, 1, { mechanism: 'PLAIN' });
    peer.request('SaslAuthenticate', 1, 2, { authBytes: Buffer.from('\0alice\0wrong') });
    for (let i = 3; i < 30; i++) peer.request('ListGroups', 0, i, {});
    await peer.frame();
    expect(decodeResponse('SaslAuthenticate', 1, (await peer.frame())!).body.errorCode).toBe(58);
    expect(await peer.frame()).toBeNull();
    expect(served.handler.seen).toEqual([]);
  });

  test('frames are small: a long one closes before it is received', async () => {
    const served = await started({ saslServerMaxReceiveSize: 2000 });
    const peer = await peerOf(served);
    peer.send(Buffer.from([0, 0, 0x07, 0xd1]));
    expect(await peer.frame()).toBeNull();
    expect((await served.event('connection-closed')).message).toBe(
      'a request of 2001 bytes: 1 to 2000 are taken',
    );
  });

  test('authenticate without handshake: error 34', async () => {
    const served = await started();
    const peer = await peerOf(served);
    peer.request('SaslAuthenticate', 1, 2, { authBytes: Buffer.from('\0alice\0wonder') });
    expect(decodeResponse('SaslAuthenticate', 1, (await peer.frame())!).body.errorCode).toBe(34);
    expect(await peer.frame()).toBeNull();
  });

  test('who says nothing is closed after the login timeout', async () => {
    const served = await started({ loginTimeoutMs: 40 });
    const peer = await peerOf(served);
    expect(await peer.frame()).toBeNull();
    expect(await served.event('connection-closed')).toMatchObject({
      reason: 'login-timeout',
      message: 'not authenticated within 40 ms',
    });
  });
});

test('where nobody has to authenticate: error 34, and the connection goes on', async () => {
  const served = await serve();
  opened.push({ close: () => served.server.close({ deadlineMs: 0 }) });
  const peer = await peerOf(served);
  peer.request('SaslHandshake', 1, 1, { mechanism: 'PLAIN' });
  expect(decodeResponse('SaslHandshake', 1, (await peer.frame())!).body.errorCode).toBe(34);
  peer.request('ListGroups', 0, 2, {});
  expect((await peer.frame())!.readInt32BE(0)).toBe(2);
});
