import { describe, expect, test } from 'vitest';
import { formatCredential, parseCredentials } from './credentials.js';
import {
  isPasswordOf,
  parseClientFirst,
  ScramClientExchange,
  ScramServerExchange,
  scramCredential,
} from './scram.js';

/* The worked example of RFC 7677, part 3. */
const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const CLIENT_NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SERVER_NONCE = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const SERVER_FIRST = `r=${CLIENT_NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const CLIENT_FINAL = `c=biws,r=${CLIENT_NONCE}${SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

async function rfcServer(): Promise<ScramServerExchange> {
  const credential = await scramCredential('SCRAM-SHA-256', 'pencil', {
    salt: SALT,
    iterations: 4096,
  });
  const first = parseClientFirst(Buffer.from(`n,,n=user,r=${CLIENT_NONCE}`))!;
  return new ScramServerExchange(first, credential, SERVER_NONCE);
}

describe('RFC 7677', () => {
  test('server side', async () => {
    const server = await rfcServer();
    expect(server.serverFirst).toBe(SERVER_FIRST);
    expect(server.final(Buffer.from(CLIENT_FINAL))).toBe(SERVER_FINAL);
  });

  test('client side', async () => {
    const client = new ScramClientExchange('SCRAM-SHA-256', 'user', 'pencil', CLIENT_NONCE);
    expect(client.clientFirst).toBe(`n,,n=user,r=${CLIENT_NONCE}`);
    expect(await client.final(SERVER_FIRST)).toBe(CLIENT_FINAL);
    client.verify(SERVER_FINAL);
    expect(() => client.verify(SERVER_FINAL.replace('6rri', '7rri'))).toThrow('could not prove');
    expect(() => client.verify('e=other-error')).toThrow('could not prove');
  });

  test.each([
    ['another proof', CLIENT_FINAL.replace('dHzb', 'eHzb')],
    ['a proof of another length', CLIENT_FINAL.replace('dHzbZapW', '')],
    ['another nonce', CLIENT_FINAL.replace('k0,', 'k1,')],
    ["the client's nonce alone", CLIENT_FINAL.replace(SERVER_NONCE, '')],
    ['another channel binding', CLIENT_FINAL.replace('biws', 'eSws')],
    ['no proof', CLIENT_FINAL.replace(/,p=.*/, '')],
    ['nothing', ''],
    ['an extension that was not signed', CLIENT_FINAL.replace(',p=', ',x=1,p=')],
  ])('the server refuses %s', async (_, message) => {
    expect((await rfcServer()).final(Buffer.from(message))).toBeUndefined();
  });
});

describe('messages', () => {
  test.each([
    ['n,,n=user,r=abc', { username: 'user', authorizationId: '', gs2Header: 'n,,', nonce: 'abc' }],
    [
      'y,a=user,n=user,r=abc',
      { username: 'user', authorizationId: 'user', gs2Header: 'y,a=user,' },
    ],
    [
      'n,,n=a=2Cb=3Dc,r=abc,tokenauth=true',
      { username: 'a,b=c', bare: 'n=a=2Cb=3Dc,r=abc,tokenauth=true' },
    ],
    ['n,,n=ünï,r=abc', { username: 'ünï' }],
  ])('client first %s', (text, expected) => {
    expect(parseClientFirst(Buffer.from(text))).toMatchObject(expected);
  });

  test.each([
    'n,,n=,r=abc',
    'n,,n=user,r=',
    'n,,n=us=er,r=abc',
    'p=tls-unique,,n=user,r=abc',
    'n=user,r=abc',
    'n,,r=abc,n=user',
    'n,,n=user,r=a\0b',
    '',
  ])('not a client first: %j', (text) => {
    expect(parseClientFirst(Buffer.from(text))).toBeUndefined();
  });

  test.each([
    ['a nonce that is not ours', `r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['no nonce of its own', `r=${CLIENT_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['too few iterations', SERVER_FIRST.replace('4096', '1')],
    ['hours of iterations', SERVER_FIRST.replace('4096', '999999999')],
    ['an error', 'e=unknown-user'],
  ])('the client refuses a server with %s', async (_, serverFirst) => {
    const client = new ScramClientExchange('SCRAM-SHA-256', 'user', 'pencil', CLIENT_NONCE);
    await expect(client.final(serverFirst)).rejects.toMatchObject({
      code: 'SASL_AUTHENTICATION_FAILED',
    });
  });

  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    '%s, both sides, an awkward name',
    async (mechanism) => {
      const client = new ScramClientExchange(mechanism, 'a,=b', 'pässword');
      const server = new ScramServerExchange(
        parseClientFirst(Buffer.from(client.clientFirst))!,
        await scramCredential(mechanism, 'pässword'),
      );
      client.verify(server.final(Buffer.from(await client.final(server.serverFirst)))!);
    },
  );
});

describe('credentials', () => {
  test('what is written can be read, and fits the password and no other', async () => {
    const credential = await scramCredential('SCRAM-SHA-512', 'secret', { iterations: 5000 });
    const line = formatCredential('some one %', credential);
    const text = `# users\n\n${line}\r\n${formatCredential('bob', credential)}\n`;
    expect(line).not.toContain('secret');
    const found = parseCredentials(text).find('some one %', 'SCRAM-SHA-512')!;
    expect(found).toEqual(credential);
    expect(await isPasswordOf(found, 'secret')).toBe(true);
    expect(await isPasswordOf(found, 'Secret')).toBe(false);
    expect(parseCredentials(text).find('bob', 'SCRAM-SHA-256')).toBeUndefined();
  });

  test.each([
    ['alice', 'line 1 of the credentials is not USER MECHANISM VALUES'],
    ['alice PLAIN password=secret', 'line 1 of the credentials is not USER MECHANISM VALUES'],
    [
      '# x\nalice SCRAM-SHA-256 salt=AAAA,iterations=4096',
      'line 2 of the credentials has a salt or keys of the wrong length',
    ],
    ['%zz SCRAM-SHA-256 salt=AAAA', 'line 1 of the credentials has a name with a wrong % sequence'],
  ])('%j is refused, without showing it', (text, message) => {
    expect(() => parseCredentials(text)).toThrow(message);
    expect(() => parseCredentials(text)).not.toThrow('secret');
  });

  test('too few iterations, and a user named twice', async () => {
    const line = formatCredential('alice', await scramCredential('SCRAM-SHA-256', 'x'));
    expect(() => parseCredentials(line.replace('4096', '4095'))).toThrow(
      'iterations outside 4096 to 16384',
    );
    expect(() => parseCredentials(`${line}\n${line}`)).toThrow(
      'line 2 of the credentials names a user twice',
    );
    await expect(scramCredential('SCRAM-SHA-256', 'x', { iterations: 1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('a decoy looks like a user: the same salt each time, as many iterations', async () => {
    const text = formatCredential(
      'alice',
      await scramCredential('SCRAM-SHA-256', 'x', { iterations: 8192 }),
    );
    const credentials = parseCredentials(text);
    const decoy = credentials.decoy('mallory', 'SCRAM-SHA-256');
    expect(decoy).toEqual(credentials.decoy('mallory', 'SCRAM-SHA-256'));
    expect(decoy.iterations).toBe(8192);
    expect(decoy.salt).not.toEqual(credentials.decoy('eve', 'SCRAM-SHA-256').salt);
    expect(decoy.salt.length).toBe(credentials.find('alice', 'SCRAM-SHA-256')!.salt.length);
  });
});
