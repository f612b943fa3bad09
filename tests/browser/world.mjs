// What the pages of a unit are about: accounts of persons, a team and its athletes, a policy that asks for a review, reports that wait for it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { event, get, ljctl, logIn, pause, send } from './system.mjs';

const base = process.env.LJ_BASE;
const ACCOUNTS = { p_filler: ['TEAM_FILLER', 'PS001', '填报甲'], p_chief: ['UNIT_ADMIN', 'PS001', '管理乙'], p_other: ['UNIT_ADMIN', 'PS003', '管理丙'],
  p_auditor: ['CENTRE_AUDITOR', 'CN000', '审核丁'], p_watcher: ['OBSERVER', 'CN000', '观察戊'] };
export const passwordOf = (login) => `a long password of ${login}`;

const local = (hoursAgo) => new Date(Date.now() + (8 - hoursAgo) * 3600e3).toISOString().slice(0, 16) + ':00+08:00';

/** A report of PS001 or PS003 that ended `ago` hours ago. */
export function report(title, ago, more = {}) {
  return { title, mode: 'ONSITE', start_at: local(ago + 1.5), end_at: local(ago), break_minutes: 0, teams: ['T1'],
    roster: [1, 2, 3].map((n) => ({ person: 'P' + n, team: 'T1', role: 'INSTRUCT', minutes: 90 })), site: 'S1', served_body: 'SCHOOL', audience: 120,
    lesson_count: 60, audience_groups: ['CHILD'], content: ['TEACH', 'DEMO'], guidance_minutes: 60, fee_charged: false, staff_count: 2,
    narrative: '教练员带领学生学习垫球与传球,分组练习后进行对抗。', school_approval_no: '甲教体备〔2026〕8号', ...more };
}

function registers(unit) {
  const out = [event('team.registered', unit, { code: 'T1', name: `${unit} 女子排球队`, level: 'PROVINCIAL', sport: 'VOLLEYBALL', gender: 'F', valid_from: '2022-01-01' }),
    event('site.registered', unit, { code: 'S1', name: '示例第一小学', kind: 'PRIMARY', region: '110101' })];
  for (const [i, name] of [...'甲乙丙'].entries()) {
    out.push(event('person.registered', unit, { code: 'P' + (i + 1), name: '示例' + name, sex: 'F', birth_year: 2001 }));
    out.push(event('membership.started', unit, { person: 'P' + (i + 1), team: 'T1', role: 'ATHLETE', status: 'FORMAL', valid_from: '2024-01-01' }));
  }
  return out;
}

/** Ask again until it is so. */
export async function until(what, ask, seconds = 60) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(150)) {
    const found = await ask();
    if (found) return found;
  }
  throw new Error('in vain waited for ' + what);
}

const cookies = new Map();
export async function cookieOf(login) {
  const known = cookies.get(login);
  if (!known || (await get('/v1/me', known)).status !== 200) { // a gateway that was restarted has forgotten it
    const r = await logIn(login, passwordOf(login));
    if (r.status !== 200) throw new Error(`${login} cannot log in: ${r.status}`);
    cookies.set(login, r.cookie);
  }
  return cookies.get(login);
}

/** Send one event as a person does from a page; its id. */
export async function say(login, type, unit, payload) {
  const e = event(type, unit, payload);
  const r = await fetch(base + '/v1/events', { method: 'POST', body: JSON.stringify(e),
    headers: { Cookie: await cookieOf(login), 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' } });
  if (r.status !== 202) throw new Error(`${type} by ${login}: ${r.status} ${await r.text()}`);
  return e.id;
}

/** JSON of a GET as somebody, null where the answer is no 200. */
export async function read(login, path) {
  const r = await get(path, await cookieOf(login));
  return r.status === 200 ? r.json() : null;
}

const closed = async (login, id, kind) => ((await read(login, '/v1/events/' + id))?.kinds || []).some((k) => k.kind === kind && k.state === 'closed');
export const judged = (login, id, kind = 'validation') => until(`${kind} of ${id}`, () => closed(login, id, kind));

/** Once a system: accounts, registers, the policy. Tests share it, in whatever order they run. */
export async function world() {
  if ((await logIn('p_chief', passwordOf('p_chief'))).status === 200) return;
  for (const [login, [role, unit, name]] of Object.entries(ACCOUNTS)) {
    const file = join(process.env.LJ_RESULTS, login + '.password');
    writeFileSync(file, passwordOf(login) + '\n', { mode: 0o600 });
    ljctl('account', 'create', login, role, '--unit', unit, '--name', name, '--file', file);
  }
  const policy = JSON.parse(readFileSync(process.env.LJ_POLICY, 'utf8')).payload;
  await send([...registers('PS001'), ...registers('PS003'),
    ...['PS001', 'PS003'].map((unit) => event('policy.set', 'CN000', { ...policy, scope: 'UNIT', unit, version: 1, review: 'UNIT', author: 'a', approver: 'b' }))]);
  const first = await say('p_filler', 'activity.submitted', 'PS001', report('先到的报告', 60));
  await judged('p_chief', first);
}
