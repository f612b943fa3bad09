// Logging in, by its promises: what is refused, what ends a login, what an observer does not see.
import { expect, test } from '@playwright/test';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adminPassword, event, get, ljctl, logIn, send } from './system.mjs';

function account(login, role, unit) {
  const file = join(process.env.LJ_RESULTS, login + '.password');
  writeFileSync(file, `a long password of ${login}\n`, { mode: 0o600 });
  ljctl('account', 'create', login, role, '--unit', unit, '--file', file);
  return `a long password of ${login}`;
}

test('the cookie is out of reach for scripts and other sites', async () => {
  const r = await logIn('admin', adminPassword());
  expect(r.status).toBe(200);
  expect(r.setCookie).toMatch(/^sid=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
  const tls = await logIn('admin', adminPassword(), { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.7', Origin: '' });
  expect(tls.setCookie).toMatch(/^__Host-sid=[\w-]{43}; Secure; HttpOnly; SameSite=Strict; Path=\/$/);
});

test('another site cannot log anybody in, nor read with the cookie', async () => {
  expect((await logIn('admin', adminPassword(), { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
  const { cookie } = await logIn('admin', adminPassword());
  expect((await get('/v1/board', cookie, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
  expect((await get('/v1/board', cookie, { 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200);
});

test('through a proxy without TLS nobody logs in', async () => {
  expect((await logIn('admin', adminPassword(), { 'X-Forwarded-For': '192.0.2.7' })).status).toBe(403);
});

test('five failures of an account from an address, then 429, whatever the password', async () => {
  const password = account('guessed', 'observer', 'CN000');
  for (let i = 0; i < 5; i++) expect((await logIn('guessed', 'wrong password')).status).toBe(401);
  const sixth = await logIn('guessed', password);
  expect(sixth.status).toBe(429);
  expect(Number(sixth.retryAfter)).toBeGreaterThan(600);
  expect((await logIn('admin', adminPassword())).status).toBe(200);
});

test('an unknown account is answered like a wrong password', async () => {
  expect((await logIn('no_such_account', 'wrong password')).status).toBe(401);
});

test('a disabled account is out, and so is a login once used up by another', async () => {
  const password = account('leaver', 'observer', 'CN000');
  const { cookie } = await logIn('leaver', password);
  expect((await get('/v1/me', cookie)).status).toBe(200);
  ljctl('account', 'disable', 'leaver', '--yes');
  await expect.poll(async () => (await get('/v1/me', cookie)).status).toBe(401);
  expect((await logIn('leaver', password)).status).toBe(401);
});

test('logins cannot send events', async () => {
  const { cookie } = await logIn('admin', adminPassword());
  const r = await fetch(process.env.LJ_BASE + '/v1/events', {
    method: 'POST', body: '{}', headers: { Cookie: cookie, 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' },
  });
  expect(r.status).toBe(403);
});

test('an observer sees no figure about fewer than five persons, a unit only itself', async () => {
  const unit = 'PS002', out = [event('team.registered', unit, { code: 'T1', name: '示例队', level: 'PROVINCIAL', sport: 'VOLLEYBALL', gender: 'F' })];
  for (const [i, name] of [...'甲乙'].entries()) {
    out.push(event('person.registered', unit, { code: 'P' + i, name: '示例' + name, sex: 'F', birth_year: 2001 }));
    out.push(event('membership.started', unit, { person: 'P' + i, team: 'T1', role: 'ATHLETE', status: 'FORMAL', valid_from: '2024-01-01' }));
  }
  await send(out);
  const admin = await logIn('admin', adminPassword());
  const observer = await logIn('watcher', account('watcher', 'observer', 'CN000'));
  const own = await logIn('ps001_admin', account('ps001_admin', 'unit_admin', 'PS001'));
  const board = async (who) => (await get('/v1/board', who.cookie)).json();
  const row = async (who) => (await board(who)).units.find((u) => u.code === unit);
  await expect.poll(async () => (await row(admin)).persons.owing, { timeout: 40000 }).toBe(2);
  const seen = await row(observer);
  expect(seen.persons).toBeNull();
  expect(seen.minutes).toBeNull();
  expect((await board(observer)).sums.persons.owing).toBe(0);
  expect((await board(own)).units.map((u) => u.code)).toEqual(['PS001']);
});

test('what is served is what the list of third-party files says, under the policy', async () => {
  const base = process.env.LJ_BASE, page = await fetch(base + '/');
  expect(page.headers.get('content-security-policy')).toBe("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  const text = await page.text(), ui = /\/ui\/[0-9a-f]{16}/.exec(text)[0];
  expect(text).not.toMatch(/<script>|<style|style=|\son\w+=/);
  const list = await (await fetch(`${base}${ui}/vendor/vendor.json`)).json();
  for (const f of [...list.files, ...list.licences]) {
    const r = await fetch(`${base}${ui}/vendor/${f.file}`);
    expect(r.headers.get('cache-control')).toContain('immutable');
    expect(createHash('sha256').update(Buffer.from(await r.arrayBuffer())).digest('hex'), f.file).toBe(f.sha256);
  }
  expect((await fetch(base + '/', { headers: { 'If-None-Match': page.headers.get('etag') } })).status).toBe(304);
  expect((await fetch(`${base}/ui/0123456789abcdef/app.js`)).status).toBe(404);
});
