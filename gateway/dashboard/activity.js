// One activity: its report, who took part, what was found, what became of it, and the decision. Also used side by side, for two that may be one.
import { html } from './vendor/htm-preact.js';
import { Loaded, PageHead, useLoad } from './load.js';
import { Decide } from './decide.js';
import { Score, StatePill } from './review.js';
import { ACTIVITY_STATES, FINDINGS, HOST_SAID, MEMBER_ROLES, MOVES, SAID, STATUSES, at, membersOf, place, siteKind } from './labels.js';
import { FLAG_STATES, flagLevel } from './flagwords.js';
import { ROLES, num } from './words.js';

export const siteOf = (r) => (r.site ? `${r.site.name}(${siteKind(r.site.kind)}${r.site.region ? ',' + r.site.region : ''})` : r.body.site || '–');
export const teamsOf = (r) => (r.teams ? r.teams.map((t) => t.name || t.code).join('、') : (r.body.teams || []).join('、'));

function Report({ report }) {
  return html`<section class="card" aria-labelledby="h-report"><h3 id="h-report">报告 <span lang="en">Report</span> <span class="pill">第 ${report.version} 版</span></h3>
    <dl class="facts"><div><dt>队伍</dt><dd>${teamsOf(report)}</dd></div><div><dt>场所</dt><dd>${siteOf(report)}</dd></div><div><dt>净时长</dt><dd>${num(report.net)} 分钟</dd></div>
      ${membersOf(report.body).filter(([k]) => k !== 'title').map(([k, zh, v]) => html`<div key=${k} class=${k === 'narrative' ? 'whole' : ''}><dt>${zh}</dt><dd>${v}</dd></div>`)}
      <div class="whole"><dt>提交</dt><dd>${report.sent_by}${ROLES[report.role] ? `(${ROLES[report.role]})` : ''},${at(report.received_at)}</dd></div>
      ${report.reason && html`<div class="whole"><dt>更正原因</dt><dd>${report.reason}</dd></div>`}</dl>
    ${report.body.attachments && html`<p class="hint">附件 ${report.body.attachments.length} 个(本系统只存说明,不存文件)。</p>`}</section>`;
}

/** Members that a correction changes, before and after. */
function Changes({ before, after }) {
  const old = new Map(membersOf(before.body).map(([k, , v]) => [k, v])), now = new Map(membersOf(after.body).map(([k, , v]) => [k, v]));
  const names = new Map([...membersOf(before.body), ...membersOf(after.body)].map(([k, zh]) => [k, zh]));
  const rows = [...names].filter(([k]) => old.get(k) !== now.get(k)).map(([k, zh]) => [k, zh, old.get(k), now.get(k)]);
  const people = (r) => new Map(r.body.roster.map((x) => [x.person, `${MEMBER_ROLES[x.role] || x.role} ${x.minutes} 分钟`]));
  const a = people(before), b = people(after);
  for (const p of new Set([...a.keys(), ...b.keys()])) if (a.get(p) !== b.get(p)) rows.push(['person ' + p, `人员 ${p}`, a.get(p), b.get(p)]);
  return html`<section class="card" aria-labelledby="h-changes"><h3 id="h-changes">更正了什么 <span lang="en">Changes since version ${before.version}</span></h3>
    ${rows.length === 0 ? html`<p class="hint">与已批准的版本没有差别。</p>` : html`<div class="scroll" tabindex="0" role="region" aria-label="更正前后"><table><thead><tr><th scope="col">项目</th><th scope="col">更正前(第 ${before.version} 版)</th><th scope="col">更正后(第 ${after.version} 版)</th></tr></thead>
      <tbody>${rows.map(([k, zh, x, y]) => html`<tr key=${k}><th scope="row">${zh}</th><td class="long">${x === undefined ? '无' : html`<del>${x}</del>`}</td><td class="long">${y === undefined ? '删去' : html`<ins>${y}</ins>`}</td></tr>`)}</tbody></table></div>`}</section>`;
}

function Roster({ rows }) {
  const times = rows.some((r) => r.in);
  return html`<section class="card" aria-labelledby="h-roster"><h3 id="h-roster">名单 <span lang="en">Roster</span> <span class="pill">${rows.length} 人</span></h3>
    <div class="scroll" tabindex="0" role="region" aria-label="名单"><table><thead><tr><th scope="col">人员</th><th scope="col">队伍</th><th scope="col">当日身份</th><th scope="col">任务</th><th scope="col" class="n">申报分钟</th>
      ${times && html`<th scope="col">到场–离场</th>`}<th scope="col">本人</th></tr></thead>
    <tbody>${rows.map((r) => html`<tr key=${r.person}><th scope="row">${r.name} <span class="code">${r.person}</span></th><td>${r.team}</td><td class=${r.status ? '' : 'mark warn'}>${STATUSES[r.status] || '不在队'}</td>
      <td>${MEMBER_ROLES[r.role] || r.role}</td><td class="n">${num(r.minutes)}</td>${times && html`<td>${r.in ? `${at(r.in)} – ${at(r.out)}` : '–'}</td>`}
      <td class=${r.word === 'DISPUTED' ? 'mark warn' : ''}>${SAID[r.word] || '–'}</td></tr>`)}</tbody></table></div></section>`;
}

function Findings({ data }) {
  const { flags } = data;
  const findings = data.findings.filter((f) => !flags.some((x) => x.code === f.code)); // what became a flag is shown as one
  return html`<section class="card" aria-labelledby="h-found"><h3 id="h-found">校验与提示 <span lang="en">Findings and flags</span> <${Score} value=${data.score} /></h3>
    ${findings.length === 0 && flags.length === 0 && html`<p class="hint">校验没有提醒,也没有提示。<span lang="en">None</span></p>`}
    <ul class="found">${findings.map((f, i) => html`<li key=${i}><span class=${'pill ' + (f.severity === 'F' ? 'warn' : '')}>${f.code}</span> ${FINDINGS[f.code] || '校验提醒'} <span class="hint">${place(f.pointer, data.roster)}</span></li>`)}
      ${flags.map((f) => html`<li key=${f.id}><span class=${'pill ' + flagLevel(f.state)}>${FLAG_STATES[f.state]}</span> <a href=${'#/flags/' + f.id}>${f.name}</a> <span class="hint">${f.says}${f.score ? `(${f.score} 分)` : ''}</span></li>`)}</ul>
    <p class="hint">${HOST_SAID[data.host] || ''}。提示只是线索,不减时长。</p></section>`;
}

function Story({ steps }) {
  return html`<section class="card" aria-labelledby="h-story"><h3 id="h-story">经过 <span lang="en">History</span></h3>
    <ol class="story">${(steps || []).map((s, i) => html`<li key=${i}><time datetime=${s.at}>${at(s.at)}</time> <b>${MOVES[s.type] || s.type}</b> <span class="hint">第 ${s.version} 版 → ${ACTIVITY_STATES[s.state] || s.state}
      · ${s.by}${ROLES[s.role] ? `(${ROLES[s.role]})` : ''}${s.person ? ` · ${s.person}` : ''}</span>${s.said && html`<p>${s.said}</p>`}</li>`)}</ol></section>`;
}

const WHY_NOT = { own: '这一版由您提交,须由他人办理(四眼原则)。', centre: '抽查中的活动由中心退回。' };
const CHOICES = {
  'activity.approved': { zh: '批准', en: 'Approve', text: 'may', label: '说明', member: 'note' },
  'activity.returned': { zh: '退回', en: 'Return', text: 'needed', label: '退回原因', member: 'reason' },
  'activity.sampled': { zh: '列入抽查', en: 'Take into the sample', text: 'none' },
  'activity.confirmed': { zh: '抽查通过', en: 'Confirm', text: 'may', label: '说明', member: 'note' },
  'activity.revoked': { zh: '撤销', en: 'Revoke', text: 'needed', label: '撤销原因', member: 'reason', grave: '我已核实:撤销后时长和场次将冲回,不可恢复' },
  'activity.reopened': { zh: '重新开放', en: 'Reopen', text: 'needed', label: '原因', member: 'reason' },
};

function Decision({ data, again }) {
  const choices = data.may.map((m) => ({ key: m.type, ...CHOICES[m.type], ...(m.type === 'activity.approved' && data.note_needed ? { text: 'needed', label: '说明:涉及赞助或商业用语' } : {}), why: WHY_NOT[m.why] }));
  const event = (type, text) => ({ type, unit: data.unit, payload: { activity: data.activity, version: data.version, ...(text && CHOICES[type].member ? { [CHOICES[type].member]: text } : {}) } });
  return html`<${Decide} choices=${choices} event=${event} onDone=${again} legend="审核" />`;
}

export function Activity({ id }) {
  const load = useLoad('/v1/activities/' + id);
  return html`<main id="main"><${PageHead} zh="活动" en="Activity"><a href="#/review">返回审核清单</a><//>
    <${Loaded} load=${load}>${(data) => html`<div class="title-card card"><h3 class="big">${data.report.body.title}</h3><p><${StatePill} state=${data.state} /> ${data.unit} ${data.unit_name} <span class="code">${data.activity}</span></p></div>
      <div class="split"><div class="stack">${data.before && html`<${Changes} before=${data.before} after=${data.report} />`}<${Report} report=${data.report} /><${Roster} rows=${data.roster} /><${Story} steps=${data.story} /></div>
        <div class="stack side"><${Findings} data=${data} /><${Decision} data=${data} again=${load.again} /></div></div>`}<//></main>`;
}
