// The running system as the tests need it: its secrets, events to send, its processes, ljctl.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dir = process.env.LJ_DIR, base = process.env.LJ_BASE;
const secret = (name) => readFileSync(join(dir, 'secret', name), 'utf8').trim();

export const adminPassword = () => secret('admin.password');

/** A UUID of version 7. */
function uuid() {
  const b = randomBytes(16);
  b.writeUIntBE(Date.now(), 0, 6);
  b[6] = (b[6] & 0x0f) | 0x70;
  b[8] = (b[8] & 0x3f) | 0x80;
  const h = b.toString('hex');
  return [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join('-');
}

export const event = (type, unit, payload) => ({ id: uuid(), type, unit, payload });
export const feedback = () => event('feedback.received', 'PS001', { text: '孩子们很喜欢' });

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Send until it is stored, as a client does; the greatest position. */
export async function send(events) {
  const body = events.map((e) => JSON.stringify(e)).join('\n');
  for (const end = Date.now() + 30000; Date.now() < end; await pause(200)) {
    const r = await fetch(base + '/v1/events', {
      method: 'POST', body, headers: { Authorization: 'Bearer ' + secret('admin.token'), 'Content-Type': 'application/x-ndjson' },
    }).catch(() => null);
    const lines = r && (r.status === 200 || r.status === 207 || r.status === 202) ? (await r.text()).trim().split('\n').map((l) => JSON.parse(l)) : [];
    if (lines.length === events.length && lines.every((l) => l.status === 202)) return Math.max(...lines.map((l) => l.position));
    if (lines.some((l) => l.status >= 400 && l.status < 500)) throw new Error(JSON.stringify(lines));
  }
  throw new Error('the events could not be stored within 30 s');
}

export const ljctl = (...words) => execFileSync(process.env.LJ_CTL, ['--dir', dir, ...words], { encoding: 'utf8' });

/** Undefined while it is down. */
export function pidOf(name) {
  const found = JSON.parse(readFileSync(join(dir, 'processes.json'), 'utf8'));
  const list = Array.isArray(found) ? found : found.processes;
  return list.find((p) => p.name === name)?.pid;
}

/** Kill a part (the supervisor starts it again) and wait until another process stands in its place. */
export async function killAndWait(name) {
  const old = pidOf(name);
  process.kill(old, 'SIGKILL');
  for (const end = Date.now() + 30000; Date.now() < end; await pause(100)) {
    const now = pidOf(name);
    if (now && now !== old) return;
  }
  throw new Error(`${name} was not started again`);
}

/** JSON of a GET with a login's cookie. */
export async function logIn(login, password, headers = {}) {
  const r = await fetch(base + '/v1/login', {
    method: 'POST', body: JSON.stringify({ login, password }), headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', Origin: base, ...headers },
  });
  const cookie = (r.headers.get('set-cookie') || '').split(';')[0];
  return { status: r.status, retryAfter: r.headers.get('retry-after'), setCookie: r.headers.get('set-cookie'), cookie };
}
export const get = (path, cookie, headers = {}) => fetch(base + path, { headers: { Cookie: cookie, ...headers } });
