// Flags: the list, and one with its evidence beside the report it is about; of a pair both reports side by side.
import { html, useState } from './vendor/htm-preact.js';
import { Loaded, PageHead, useLoad } from './load.js';
import { Decide } from './decide.js';
import { siteOf, teamsOf } from './activity.js';
import { Score, StatePill } from './review.js';
import { MEMBER_ROLES, at, membersOf, place } from './labels.js';
import { EVIDENCE, FLAG_CODES, FLAG_STATES, OUTCOMES, PARTS, flagLevel } from './flagwords.js';
import { ROLES, num } from './words.js';

const TABS = [['OPEN', '待说明', 'open'], ['EXPLAINED', '已说明', 'explained'], ['CONFIRMED.DISMISSED', '已办结', 'decided'], ['', '全部', 'all']];

function Row({ f }) {
  return html`<li class="row"><div class="row-main"><a href=${'#/flags/' + f.id}>${f.name} <span lang="en">${f.name_en}</span></a><p>${f.says}</p>
      <p class="hint">${f.unit} ${f.unit_name} · ${f.title || '活动'} · 活动日 ${f.day || '–'}</p></div>
    <div class="row-side"><span class="pill">${f.code}</span>${f.pair && html`<span class="pill">两项活动</span>`}<${Score} value=${f.score} /><span class=${'pill ' + flagLevel(f.state)}>${FLAG_STATES[f.state]}</span>
      <span class="age">${f.age_days === 0 ? '今日' : `${f.age_days} 个工作日`}</span></div></li>`;
}

export function Flags() {
  const [state, setState] = useState('OPEN');
  const [code, setCode] = useState('');
  const [page, setPage] = useState(0);
  const query = [state && 'state=' + state, code && 'code=' + code, page > 0 && 'page=' + page].filter(Boolean).join('&');
  const load = useLoad('/v1/flags' + (query ? '?' + query : ''));
  const turn = (f) => (v) => { f(v); setPage(0); };
  return html`<main id="main"><${PageHead} zh="提示" en="Flags"><label class="inline find">种类 <select value=${code} onChange=${(e) => turn(setCode)(e.target.value)}><option value="">全部</option>
      ${FLAG_CODES.map(([c, zh]) => html`<option key=${c} value=${c}>${c} ${zh}</option>`)}</select></label><//>
    <div class="tabs" role="group" aria-label="状态">${TABS.map(([s, zh, en]) => html`<button key=${s} type="button" aria-pressed=${state === s} onClick=${() => turn(setState)(s)}>${zh} <span lang="en">${en}</span></button>`)}</div>
    <p class="hint">提示只是线索:不改变时长和场次,是否属实由中心审核人员认定。单位可在十个工作日内说明。</p>
    <${Loaded} load=${load}>${(data) => html`${data.items.length === 0 ? html`<p class="card empty">没有这样的提示。<span lang="en">None</span></p>` : html`<ul class="card rows">${data.items.map((f) => html`<${Row} key=${f.id} f=${f} />`)}</ul>`}
      <p class="pager">${page > 0 && html`<button type="button" onClick=${() => setPage(page - 1)}>上一页</button>`}${data.more && html`<button type="button" onClick=${() => setPage(page + 1)}>下一页</button>`}
        <button type="button" onClick=${load.again}>刷新</button></p>`}<//></main>`;
}

function Parts({ evidence }) {
  return html`<table class="parts"><caption class="unseen">相似度的构成</caption><thead><tr><th scope="col">依据</th><th scope="col" class="n">得分</th><th scope="col" class="n">满分</th><th scope="col">占比</th></tr></thead>
    <tbody>${PARTS.map(([k, zh, most]) => html`<tr key=${k}><th scope="row">${zh}</th><td class="n">${num(evidence[k] || 0)}</td><td class="n">${most}</td><td><meter min="0" max=${most} value=${evidence[k] || 0} aria-label=${zh}></meter></td></tr>`)}</tbody></table>`;
}

function Evidence({ flag }) {
  const e = flag.evidence, known = Object.entries(e).filter(([k, v]) => v !== null && !(flag.code === 'DUP' && PARTS.some((p) => p[0] === k)));
  return html`<section class="card" aria-labelledby="h-evidence"><h3 id="h-evidence">依据 <span lang="en">Evidence</span> <${Score} value=${flag.score} /></h3>
    <p>${flag.says}</p>${flag.code === 'DUP' && html`<${Parts} evidence=${e} />`}
    <dl class="facts">${known.map(([k, v]) => html`<div key=${k}><dt>${EVIDENCE[k] || k}</dt><dd>${typeof v === 'object' ? JSON.stringify(v) : String(v)}</dd></div>`)}</dl>
    <p class="hint">提出时间 ${at(flag.raised_at)}${flag.standing ? '' : ';所依据的版本已不是现行版本,提示不再成立'}。</p></section>`;
}

const roster = (side) => side.roster.map((r) => `${r.name}(${MEMBER_ROLES[r.role] || r.role} ${r.minutes} 分钟)`).join('、');
const cells = (side) => [['单位', `${side.unit} ${side.unit_name}`], ['队伍', teamsOf(side.report)], ['场所', siteOf(side.report)], ['名单', roster(side)], ...membersOf(side.report.body).map(([, zh, v]) => [zh, v])];

/** One report, or two beside each other with what is equal in both marked as such. */
function Sides({ flag }) {
  const seen = flag.sides.filter((s) => s && !s.foreign), hidden = flag.sides.some((s) => s && s.foreign);
  const maps = seen.map((s) => new Map(cells(s)));
  const names = [...new Set(maps.flatMap((m) => [...m.keys()]))];
  return html`<section class="card" aria-labelledby="h-sides"><h3 id="h-sides">${flag.sides.length > 1 ? '两份报告对照' : '报告'} <span lang="en">${flag.sides.length > 1 ? 'Side by side' : 'Report'}</span></h3>
    ${hidden && html`<p class="bar stale">另一项活动属于其他单位,不在您的查看范围内。<span lang="en">The other one is another unit’s</span></p>`}
    <div class="scroll" tabindex="0" role="region" aria-label="报告对照"><table class="sides"><thead><tr><th scope="col">项目</th>${seen.map((s, i) => html`<th key=${i} scope="col"><a href=${'#/review/' + s.activity}>${seen.length > 1 ? (i === 0 ? '本活动' : '另一活动') : '打开活动'}</a> <${StatePill} state=${s.state} /></th>`)}</tr></thead>
      <tbody>${names.map((n) => { const v = maps.map((m) => m.get(n)), same = v.length > 1 && v[0] !== undefined && v[0] === v[1];
        return html`<tr key=${n} class=${same ? 'same' : ''}><th scope="row">${n}${same && html` <span class="pill">相同</span>`}</th>${v.map((x, i) => html`<td key=${i} class="long">${x === undefined ? '–' : x}</td>`)}</tr>`; })}</tbody></table></div>
    ${/roster\/\d+/.test(flag.pointer) && seen[0] && html`<p class="hint">涉及:${place(flag.pointer, seen[0].roster)}</p>`}</section>`;
}

function Moves({ flag }) {
  return html`<section class="card" aria-labelledby="h-moves"><h3 id="h-moves">经过 <span lang="en">History</span></h3><ol class="story"><li><time datetime=${flag.raised_at}>${at(flag.raised_at)}</time> <b>提出</b></li>
    ${flag.moves.map((m, i) => html`<li key=${i}><time datetime=${m.at}>${at(m.at)}</time> <b>${FLAG_STATES[m.to]}</b>${m.outcome ? `:${OUTCOMES[m.outcome]}` : ''} <span class="hint">${m.by}${ROLES[m.role] ? `(${ROLES[m.role]})` : ''}</span><p>${m.said}</p></li>`)}</ol></section>`;
}

function Say({ flag, me, again }) {
  const by = me.login.slice(0, 30), centre = { unit: 'CN000' };
  const all = {
    'flag.explained': [{ key: 'explain', zh: '说明', en: 'Explain', text: 'needed', label: '说明情况', make: (text) => ({ type: 'flag.explained', unit: flag.unit, payload: { flags: [flag.id], explanation: text, by } }) }],
    'flag.decided': ['CONFIRMED', 'DISMISSED'].map((decision) => ({ key: decision, zh: decision === 'CONFIRMED' ? '认定属实' : '排除', en: decision === 'CONFIRMED' ? 'Confirm' : 'Dismiss', text: 'needed', label: '理由',
      make: (text) => ({ ...centre, type: 'flag.decided', payload: { flags: [flag.id], decision, reason: text, by } }) })),
    'duplicate.decided': Object.entries(OUTCOMES).map(([outcome, zh]) => ({ key: outcome, zh, en: { SAME_EVENT_JOINT: 'One event, joint', SAME_EVENT_DOUBLE: 'One event, reported twice', DIFFERENT: 'Two events' }[outcome], text: 'needed', label: '理由',
      make: (text) => ({ ...centre, type: 'duplicate.decided', payload: { flag: flag.id, outcome, reason: text, by } }) })),
  };
  const choices = flag.may.flatMap((t) => all[t] || []);
  return html`<${Decide} choices=${choices} event=${(key, text) => choices.find((c) => c.key === key).make(text)} onDone=${again} legend=${flag.may.includes('flag.explained') ? '说明' : '认定'} />`;
}

export function Flag({ id, me }) {
  const load = useLoad('/v1/flags/' + id);
  return html`<main id="main"><${PageHead} zh="提示详情" en="Flag"><a href="#/flags">返回提示清单</a><//>
    <${Loaded} load=${load}>${(flag) => html`<div class="title-card card"><h3 class="big">${flag.code} ${flag.name} <span lang="en">${flag.name_en}</span></h3><p><span class=${'pill ' + flagLevel(flag.state)}>${FLAG_STATES[flag.state]}</span> ${flag.unit} ${flag.unit_name}</p></div>
      <div class="split"><div class="stack"><${Sides} flag=${flag} /><${Moves} flag=${flag} /></div><div class="stack side"><${Evidence} flag=${flag} /><${Say} flag=${flag} me=${me} again=${load.again} /></div></div>`}<//></main>`;
}
