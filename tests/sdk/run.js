// Drives the emulator with `easemob-sdk`, a client of the service that others wrote, and asserts every answer.
//
//   node run.js COMMAND [ARGUMENT…]     the binary to test; it is started as `COMMAND ARGUMENT… emulator --listen …`
//
// The SDK adds `request`'s `json` option to every call, so that its GET and DELETE carry a body of `{}`, and sends the
// names of a batch with raw commas. It has no calls for admins and none for the paged member list: the list is read as
// its own tests read it, out of the room's detail.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { promisify } = require('node:util');
const sdk = require('easemob-sdk');
// The SDK writes the vendor's address into this module and offers no setting for it; it reads it anew at every call.
const settings = require('easemob-sdk/lib/const');

const OWNER = 'Olivia';
const PEOPLE = ['ann', 'ben', 'cem', 'dan', 'eva'];

// A call of the SDK, of which `path` names the function: its status and its body.
function call(name, ...args) {
  const [group, method] = name.split('.');
  return new Promise((resolve, reject) => {
    sdk[group][method](...args, (error, response, body) => {
      if (error) reject(error);
      else resolve({ status: response.statusCode, body });
    });
  });
}

// A call that has to succeed, with an envelope that is whole: gives its body.
async function succeed(method, at, name, ...args) {
  const { status, body } = await call(name, ...args);
  assert.equal(status, 200, `${name}: ${JSON.stringify(body)}`);
  assert.equal(body.action, method);
  assert.equal(body.uri, settings.BASE_URL + 'acme/demo' + at);
  assert.equal(body.organization, 'acme');
  assert.equal(body.applicationName, 'demo');
  assert.ok(Number.isInteger(body.timestamp) && Number.isInteger(body.duration));
  return body;
}

async function members(room, token) {
  const { data } = await succeed('get', `/chatrooms/${room}`, 'chatroom.get', room, token);
  assert.equal(data.length, 1);
  assert.equal(data[0].affiliations_count, data[0].affiliations.length);
  return data[0].affiliations;
}

async function scenario() {
  sdk.init('acme', 'demo', 'sdk', 'wrong');
  const refused = await promisify(sdk.get_token)();
  assert.equal(refused.error, 'invalid_grant');
  sdk.init('acme', 'demo', 'sdk', 'right');
  const granted = await promisify(sdk.get_token)();
  assert.equal(granted.expires_in, 5184000);
  const token = granted.access_token;

  // A scene.
  const one = await succeed('post', '/users', 'user.create', OWNER, 'password', token);
  assert.equal(one.entities[0].username, OWNER);
  const users = PEOPLE.map((username) => ({ username, password: 'password' }));
  const many = await succeed('post', '/users', 'user.create_batch', users, token);
  assert.deepEqual(many.entities.map((entity) => entity.username), PEOPLE);
  const plan = { name: 'lobby', description: 'a room', maxusers: 300, owner: OWNER, members: ['ann'] };
  const { data: { id } } = await succeed('post', '/chatrooms', 'chatroom.create', plan, token);
  assert.match(id, /^[1-9][0-9]*$/);
  const rooms = await succeed('get', '/chatrooms', 'chatroom.get_all', token);
  assert.deepEqual(rooms.data, [{ id, name: 'lobby', owner: OWNER, affiliations_count: 2 }]);
  const at = `/chatrooms/${id}`;

  // Add.
  const added = await succeed('post', `${at}/users/ben`, 'chatroom.add_member', 'ben', id, token);
  assert.deepEqual(added.data, { result: true, action: 'add_member', id, user: 'ben' });
  const again = await call('chatroom.add_member', 'ben', id, token);
  assert.deepEqual([again.status, again.body.error], [400, 'invalid_parameter']);
  const unknown = await call('chatroom.add_member', 'mallory', id, token);
  assert.deepEqual([unknown.status, unknown.body.error], [400, 'illegal_argument']);

  // Add many.
  const batch = { usernames: ['ben', 'cem', 'dan', 'eva'] };
  const joined = await succeed('post', `${at}/users`, 'chatroom.add_member_batch', batch, id, token);
  assert.deepEqual(joined.data, { newmembers: ['cem', 'dan', 'eva'], action: 'add_member', id });

  // List.
  assert.deepEqual(await members(id, token), [{ owner: OWNER }, ...PEOPLE.map((member) => ({ member }))]);

  // Remove.
  const removed = await succeed('delete', `${at}/users/ann`, 'chatroom.remove_member', 'ann', id, token);
  assert.deepEqual(removed.data, { result: true, action: 'remove_member', user: 'ann', id });
  const absent = await call('chatroom.remove_member', 'ann', id, token);
  assert.deepEqual([absent.status, absent.body.error], [400, 'forbidden_op']);

  // Remove many.
  const left = await succeed(
    'delete', `${at}/users/ben,ann,cem`, 'chatroom.remove_member_batch', 'ben,ann,cem', id, token);
  assert.deepEqual(left.data, [
    { result: true, action: 'remove_member', user: 'ben', id },
    {
      result: false, action: 'remove_member', reason: `user: ann doesn't exist in group: ${id}`, user: 'ann', id,
    },
    { result: true, action: 'remove_member', user: 'cem', id },
  ]);
  assert.deepEqual(await members(id, token), [{ owner: OWNER }, { member: 'dan' }, { member: 'eva' }]);

  // And away with it.
  const gone = await succeed('delete', '/users/dan', 'user.remove', 'dan', token);
  assert.equal(gone.entities[0].username, 'dan');
  const closed = await succeed('delete', at, 'chatroom.remove', id, token);
  assert.deepEqual(closed.data, { success: true, id });
  const none = await call('chatroom.get', id, token);
  assert.deepEqual([none.status, none.body.error], [404, 'service_resource_not_found']);
  const stranger = await call('chatroom.get_all', 'a token from elsewhere');
  assert.deepEqual([stranger.status, stranger.body.error], [401, 'auth_bad_access_token']);
}

async function main([command, ...args]) {
  assert.ok(command, 'usage: node run.js COMMAND [ARGUMENT…]');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'roomsync-sdk-'));
  const state = path.join(folder, 'state.json');
  fs.writeFileSync(state, JSON.stringify({ app_key: 'acme#demo', tokens: [], users: [], clients: { sdk: 'right' } }));
  const listen = ['emulator', '--listen', '127.0.0.1:0', '--state', state];
  const emulator = spawn(command, [...args, ...listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(readline.createInterface(emulator.stdout), 'line');
    settings.BASE_URL = line.replace('listening on ', '') + '/';
    await scenario();
  } finally {
    emulator.kill();
    fs.rmSync(folder, { recursive: true });
  }
  console.log('easemob-sdk and the emulator understand each other');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
