// The review queue: what waits for a decision in one's units, oldest first; for the Centre its sample of the quarter too.
import { html, useState } from './vendor/htm-preact.js';
import { Loaded, PageHead, useLoad } from './load.js';
import { ACTIVITY_STATES, STATE_LEVEL, WHY } from './labels.js';
import { num } from './words.js';

const OVERDUE_DAYS = 5; // source: a report that waits is decided within five working days

export function Score({ value }) {
  if (value === null || value === undefined) return null; // no sign of formalism was seen
  const level = value >= 80 ? 'bad' : value >= 60 ? 'warn' : 'none';
  return html`<span class=${'score ' + level} title="形式主义迹象得分,满分 100">${num(value)} 分</span>`;
}

export const StatePill = ({ state }) => html`<span class=${'pill ' + (STATE_LEVEL[state] || '')}>${ACTIVITY_STATES[state] || state}</span>`;

function Age({ days }) {
  const late = days >= OVERDUE_DAYS;
  return html`<span class=${'age' + (late ? ' late' : '')}>${late && html`<span aria-hidden="true">▲ </span>`}${days === 0 ? '今日' : `${days} 个工作日`}${late ? ',超期' : ''}</span>`;
}

function Row({ item }) {
  return html`<li class="row"><div class="row-main"><a href=${'#/review/' + item.activity}>${item.title}</a>
      <p class="hint">${item.unit} ${item.unit_name} · 活动日 ${item.day} · 第 ${item.version} 版 · 提交人 ${item.sent_by}</p>
      ${item.reasons && html`<p class="why">${item.reasons}</p>`}</div>
    <div class="row-side">${item.own && html`<span class="pill warn">本人提交,不能审核</span>`}<${StatePill} state=${item.state} />
      ${item.why && html`<span class="pill">${WHY[item.why] || item.why}</span>`}
      ${item.flags > 0 && html`<span class="pill warn">提示 ${item.flags}</span>`}${item.warnings > 0 && html`<span class="pill">校验提醒 ${item.warnings}</span>`}
      <${Score} value=${item.score} />${item.age_days !== undefined && html`<${Age} days=${item.age_days} />`}</div></li>`;
}

function Rows({ data, none, noneEn, more }) {
  if (data.items.length === 0) return html`<p class="card empty">${none} <span lang="en">${noneEn}</span></p>`;
  return html`<ul class="card rows">${data.items.map((i) => html`<${Row} key=${i.activity} item=${i} />`)}</ul>
    ${data.more && html`<p class="foot">${more}</p>`}`;
}

function Waiting() {
  const [trail, setTrail] = useState([0]); // positions behind which pages began
  const load = useLoad('/v1/review' + (trail.length > 1 ? '?after=' + trail[trail.length - 1] : ''));
  return html`<${Loaded} load=${load}>${(data) => html`<${Rows} data=${data} none="没有待审核的活动。" noneEn="Nothing waits" />
    <p class="pager">${trail.length > 1 && html`<button type="button" onClick=${() => setTrail(trail.slice(0, -1))}>上一页</button>`}
      ${data.more && html`<button type="button" onClick=${() => setTrail([...trail, data.items[data.items.length - 1].position])}>下一页</button>`}
      <button type="button" onClick=${load.again}>刷新</button></p>`}<//>`;
}

function quarters() {
  const now = new Date(), out = [];
  for (let i = 0; i < 4; i++) {
    const q = Math.floor(now.getMonth() / 3) - i, year = now.getFullYear() + Math.floor(q / 4), n = ((q % 4) + 4) % 4;
    out.push({ day: `${year}-${String(n * 3 + 1).padStart(2, '0')}-01`, zh: `${year} 年第 ${n + 1} 季度` });
  }
  return out;
}

function Sample() {
  const list = quarters();
  const [day, setDay] = useState(list[0].day);
  const load = useLoad('/v1/sample?day=' + day);
  return html`<p><label class="inline">季度 <select value=${day} onChange=${(e) => setDay(e.target.value)}>${list.map((q) => html`<option key=${q.day} value=${q.day}>${q.zh}</option>`)}</select></label>
      <span class="hint"> 得分 80 及以上全部,60–79 抽三成,其余随机 3%,每单位每季至少一项;抽签只由活动编号决定,不能重抽。</span></p>
    <${Loaded} load=${load}>${(data) => html`<${Rows} data=${data} none="本季度还没有抽中的活动。" noneEn="No sample yet" more="只显示前 200 项。" />`}<//>`;
}

function Find() {
  const go = (e) => { e.preventDefault(); location.hash = '#/review/' + new FormData(e.target).get('id').trim().toLowerCase(); };
  return html`<form class="find" role="search" onSubmit=${go}><label>按活动编号查看 <input name="id" type="search" required pattern="[0-9a-fA-F\\-]{36}" maxlength="36" title="36 位的活动编号" /></label> <button type="submit">打开</button></form>`;
}

export function Review({ me }) {
  const centre = me.unit === 'CN000';
  const [tab, setTab] = useState('waiting');
  return html`<main id="main"><${PageHead} zh="审核" en="Review"><${Find} /><//>
    ${centre && html`<div class="tabs" role="group" aria-label="清单"><button type="button" aria-pressed=${tab === 'waiting'} onClick=${() => setTab('waiting')}>各单位待审核</button>
      <button type="button" aria-pressed=${tab === 'sample'} onClick=${() => setTab('sample')}>中心抽查</button></div>`}
    ${tab === 'waiting' ? html`<${Waiting} />` : html`<${Sample} />`}</main>`;
}
