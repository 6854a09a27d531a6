// Checks a token that roomsync mints with the vendor's own library, and the emulator with tokens of that library.
//
//   node tokens.js COMMAND [ARGUMENT…]     the binary to test: `COMMAND ARGUMENT… plan --config …` and `… emulator …`
//
// A server of this script stands in for the service, takes the token of the first call and refuses it.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { AccessToken2, kChatServiceType, ServiceChat } = require('agora-token/src/AccessToken2');
const { ChatTokenBuilder } = require('agora-token/src/ChatTokenBuilder');

const APP_ID = '970CA35de60c44645bbae8a215061b33';
const CERTIFICATE = '5CFd2fd1755d40ecb72977518be15d3b';
const DAY = 24 * 60 * 60;

// The tokens with which the binary calls the service.
async function tokens(command) {
  const taken = new Set();
  const server = http.createServer((request, response) => {
    taken.add(request.headers.authorization.replace(/^Bearer /, ''));
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end('{"error":"unauthorized","error_description":"not here"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const site = fs.mkdtempSync(path.join(os.tmpdir(), 'roomsync-tokens-'));
  try {
    fs.mkdirSync(path.join(site, 'rooms'));
    fs.writeFileSync(path.join(site, 'rooms', 'a.yaml'), 'rooms: [{id: 1, members: [ann]}]\n');
    fs.writeFileSync(path.join(site, 'certificate'), `${CERTIFICATE}\n`, { mode: 0o600 });
    const settings = path.join(site, 'roomsync.yaml');
    const service = {
      url: `http://127.0.0.1:${server.address().port}`,
      app_id: APP_ID,
      auth: { app_id: APP_ID, app_certificate_file: 'certificate' },
    };
    fs.writeFileSync(settings, `${JSON.stringify({ service })}\n`);
    const [program, ...args] = command;
    const child = spawn(program, [...args, 'plan', '--config', settings], { stdio: ['ignore', 'inherit', 'pipe'] });
    let said = '';
    child.stderr.on('data', (part) => { said += part; });
    const [code] = await once(child, 'exit');
    assert.equal(code, 1, said);
    for (const token of taken) assert.ok(!said.includes(token), 'a token was shown');
    return [...taken];
  } finally {
    server.close();
    fs.rmSync(site, { recursive: true });
  }
}

// The emulator takes the library's tokens, of the app and of a user by name and by UUID, for what each may do.
async function emulator([program, ...args]) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'roomsync-tokens-'));
  const state = path.join(folder, 'state.json');
  fs.writeFileSync(state, JSON.stringify({
    app_id: APP_ID,
    app_certificate: CERTIFICATE,
    tokens: [],
    users: ['ann', 'ben'],
    rooms: { 7: { owner: 'ann', members: ['ben'] } },
  }));
  const listen = ['emulator', '--listen', '127.0.0.1:0', '--state', state];
  const child = spawn(program, [...args, ...listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(readline.createInterface(child.stdout), 'line');
    const base = `${line.replace('listening on ', '')}/app-id/${APP_ID}`;
    const call = async (token, method, at, body) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await fetch(base + at, { method, headers, body: body && JSON.stringify(body) });
      return { status: response.status, body: await response.json() };
    };
    const app = ChatTokenBuilder.buildAppToken(APP_ID, CERTIFICATE, 600);
    const granted = await call(app, 'POST', '/token', { grant_type: 'inherit', username: 'ann' });
    assert.equal(granted.status, 200);
    const user = (id) => ChatTokenBuilder.buildUserToken(APP_ID, CERTIFICATE, id, 600);
    const exchanged = await call(user('ben'), 'POST', '/token', { grant_type: 'agora' });
    for (const [token, status] of [
      [app, 200],
      [user('ann'), 200],
      [user(granted.body.user.uuid), 200],
      [granted.body.access_token, 200],
      [user('ben'), 401],
      [exchanged.body.access_token, 401],
    ]) {
      assert.equal((await call(token, 'GET', '/chatrooms/7/admin')).status, 200);
      assert.equal((await call(token, 'POST', '/chatrooms/7/admin', { newadmin: 'ben' })).status, status);
      await call(app, 'DELETE', '/chatrooms/7/admin/ben');
    }
  } finally {
    child.kill();
    fs.rmSync(folder, { recursive: true });
  }
}

(async () => {
  await emulator(process.argv.slice(2));
  const before = Math.floor(Date.now() / 1000);
  const minted = await tokens(process.argv.slice(2));
  assert.ok(minted.length > 0, 'no call came');
  for (const text of minted) {
    const token = new AccessToken2('', '', 0, 0);
    assert.ok(token.from_string(text), 'the token cannot be read');
    assert.ok(token.verifySignature(CERTIFICATE), 'the signature is not that of the certificate');
    assert.ok(!token.verifySignature(CERTIFICATE.replace('5', '6')));
    assert.equal(token.appId.toString(), APP_ID);
    assert.ok(token.issueTs >= before && token.issueTs <= Date.now() / 1000);
    assert.ok(token.expire > 0 && token.expire <= DAY);
    const [chat, ...others] = token.getServices(kChatServiceType);
    assert.deepEqual([others.length, token.services.length], [0, 1]);
    assert.deepEqual(chat.__privileges, { [ServiceChat.kPrivilegeApp]: token.expire });
    assert.equal(chat.__user_id.toString(), '');
  }
  console.log(`${minted.length} minted tokens verified by agora-token, and its tokens taken by the emulator`);
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
