// The table of units: accepted, rejected, how far the year's duty is, mail that waits.
import { html, useState } from './vendor/htm-preact.js';
import { num } from './words.js';

const KIND_ZH = { CENTRE: '中心', PROVINCE: '省区市', CORPS: '兵团', GAS_UNIT: '总局单位', NATIONAL_ORG: '全国组织', SUB_UNIT: '下级单位' };

const STATE_ZH = { ADDRESSED: '已发文未注册', INVITED: '已邀请', APPLIED: '待审核', RETURNED: '已退回', SUSPENDED: '已停用', CLOSED: '已关闭' };

const owing = (u) => u.teams.owing + (u.persons ? u.persons.owing : 0);
const met = (u) => u.teams.met + (u.persons ? u.persons.met : 0);

/** State of the duty in words: nobody owes, not begun, on the way, done. */
function state(u) {
  if (owing(u) === 0) return { level: 'none', zh: '无任务' };
  if (met(u) >= owing(u)) return { level: 'ok', zh: '已完成' };
  return met(u) > 0 || u.sessions > 0 ? { level: 'none', zh: '进行中' } : { level: 'warn', zh: '未开始' };
}

const part = (p) => (p === null ? html`<span title="人数不足 5,不显示">不显示</span>` : p.owing === 0 ? '–' : `${num(p.met)} / ${num(p.owing)}`);

function Row({ u }) {
  const s = state(u);
  return html`<tr><th scope="row"><span class="code">${u.code}</span> ${u.name}${STATE_ZH[u.state] && html` <span class="pill warn">${STATE_ZH[u.state]}</span>`}</th>
    <td class="n">${num(u.accepted)}</td><td class="n">${num(u.rejected)}</td><td class=${'mark ' + s.level}>${s.zh}</td>
    <td class="n wide">${part(u.teams)}</td><td class="n wide">${part(u.persons)}</td>
    <td class="n wide">${num(u.sessions)}</td><td class="n wide">${num(u.minutes)}</td><td class="n">${num(u.mail_waiting)}</td></tr>`;
}

const COLUMNS = [
  ['accepted', '受理', 'accepted', ''], ['rejected', '退回', 'rejected', ''], [null, '任务', 'duty', ''], [null, '队伍达标', 'teams', 'wide'],
  [null, '运动员达标', 'athletes', 'wide'], ['sessions', '场次', 'sessions', 'wide'], ['minutes', '时长(分)', 'minutes', 'wide'], ['mail_waiting', '未读信', 'mail', ''],
];

function Head({ sort, setSort }) {
  return html`<thead><tr><th scope="col">单位 <span lang="en">unit</span></th>${COLUMNS.map(([key, zh, en, wide]) => html`
    <th scope="col" class=${(key ? 'n ' : zh === '任务' ? '' : 'n ') + wide} aria-sort=${key && sort === key ? 'descending' : undefined}>${key
      ? html`<button type="button" class="sort" onClick=${() => setSort(sort === key ? '' : key)}>${zh}${sort === key ? ' ▼' : ''}</button>` : zh}
      <span lang="en">${en}</span></th>`)}</tr></thead>`;
}

function Sums({ board }) {
  const s = board.sums;
  return html`<tfoot><tr><th scope="row">合计${s.units_left_out > 0 && html` <small>(${s.units_left_out} 个单位人数不足 5,人员与时长未计)</small>`}</th>
    <td class="n">${num(s.accepted)}</td><td class="n">${num(s.rejected)}</td><td></td><td class="n wide">${part(s.teams)}</td><td class="n wide">${part(s.persons)}</td>
    <td class="n wide">${num(s.sessions)}</td><td class="n wide">${num(s.minutes)}</td><td class="n">${num(s.mail_waiting)}</td></tr></tfoot>`;
}

export function Units({ board }) {
  const [find, setFind] = useState('');
  const [sort, setSort] = useState('');
  const word = find.trim().toLowerCase();
  let rows = board.units.filter((u) => !word || u.code.toLowerCase().includes(word) || u.name.toLowerCase().includes(word) || (KIND_ZH[u.kind] || '').includes(word));
  if (sort) rows = [...rows].sort((a, b) => (b[sort] ?? -1) - (a[sort] ?? -1));
  return html`<section class="card" aria-labelledby="h-units"><h2 id="h-units">各单位 ${board.year} 年 <span lang="en">${board.units.filter((u) => u.kind !== 'CENTRE').length} units</span>
      ${board.catching_up && html`<span class="pill">正在汇总历史,数字会继续增加</span>`}
      <label class="find">筛选 <input type="search" value=${find} onInput=${(e) => setFind(e.target.value)} placeholder="编码或名称" /></label></h2>
    ${board.units.length === 0 ? html`<p class="empty">还没有可见的单位。<span lang="en">No units yet.</span></p>`
      : rows.length === 0 ? html`<p class="empty">没有符合条件的单位。<button type="button" onClick=${() => setFind('')}>清除筛选</button></p>`
      : html`<div class="scroll units" tabindex="0" role="region" aria-label="各单位数据"><table><${Head} sort=${sort} setSort=${setSort} />
        <tbody>${rows.map((u) => html`<${Row} key=${u.code} u=${u} />`)}</tbody>${!word && html`<${Sums} board=${board} />`}</table></div>`}
  </section>`;
}
