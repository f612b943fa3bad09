// Statistics: a report by one or two dimensions as a chart and a table, and as a CSV file. What few persons stand behind is not shown, and said so.
import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { call } from './api.js';
import { Loaded, PageHead, useLoad } from './load.js';
import { at } from './labels.js';
import { COLUMNS, DIMENSIONS, REPORTS } from './statwords.js';
import { num } from './words.js';
import { onPrefs } from './prefs.js';

const { uPlot } = globalThis;
const HEIGHT = 260, BARS = 60;
const STEPS = [1, 2, 5].flatMap((n) => [...Array(8).keys()].map((e) => n * 10 ** e)).sort((a, b) => a - b);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const shown = (v) => (v === null || v === undefined ? '–' : v === '*' ? '*' : typeof v === 'number' ? num(v) : v);
const label = (row) => (row.total ? '合计' : [row.name1 ?? row.name ?? row.code1 ?? row.code, row.name2].filter(Boolean).join(' / ') || '全部');
const figures = (rows) => (rows.length ? Object.keys(rows[0]).filter((k) => COLUMNS[k]) : []);

/** Bars of one figure; what is not shown has none. The table beneath says the same, so the picture is hidden from who listens. */
function Bars({ rows, figure }) {
  const box = useRef(null);
  const [drawn, redraw] = useState(0);
  useEffect(() => onPrefs(() => redraw((n) => n + 1)), []);
  useEffect(() => {
    const names = rows.map(label), values = rows.map((r) => { const v = Number(r[figure]); return r[figure] === null || Number.isNaN(v) ? null : v; });
    const axis = { stroke: colour('--muted'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { show: false }, font: '12px ' + colour('--font') };
    const room = () => Math.max(1, Math.floor((box.current.clientWidth - 70) / rows.length / 13));
    const options = () => ({ width: box.current.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, range: [-0.6, rows.length - 0.4] }, y: { range: (u, lo, hi) => [0, Math.max(5, hi * 1.08)] } },
      axes: [{ ...axis, grid: { show: false }, splits: () => names.map((_, i) => i), values: () => names.map((n) => (n.length > room() ? n.slice(0, Math.max(1, room() - 1)) + '…' : n)) },
        { ...axis, size: 62, incrs: STEPS, values: (u, v) => v.map((x) => num(x)) }],
      series: [{}, { stroke: colour('--line1'), fill: colour('--fill1'), width: 2, paths: uPlot.paths.bars({ size: [0.6, 60] }), points: { show: false } }] });
    let u = new uPlot(options(), [names.map((_, i) => i), values], box.current);
    const seen = new ResizeObserver(() => u.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    seen.observe(box.current);
    return () => { seen.disconnect(); u.destroy(); u = null; };
  }, [rows, figure, drawn]);
  return html`<div class="plot bars" ref=${box} aria-hidden="true"></div>`;
}

function Table({ rows }) {
  const names = figures(rows);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="统计表"><table class="figures"><thead><tr><th scope="col">分类</th>${names.map((k) => html`<th key=${k} scope="col" class="n">${COLUMNS[k]}</th>`)}</tr></thead>
    <tbody>${rows.map((r, i) => html`<tr key=${i} class=${r.total ? 'total' : ''}><th scope="row">${label(r)} ${!r.total && (r.code1 ?? r.code) && !/^\d{4}/.test(r.code1 ?? r.code) ? html`<span class="code">${r.code1 ?? r.code}</span>` : ''}</th>
      ${names.map((k) => html`<td key=${k} class="n">${r[k] === '*' ? html`<span title="不足 5 人或 5 例,不显示" aria-label="不足五人,不显示">*</span>` : shown(r[k])}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** A cell of a CSV file; a text that a spreadsheet would take for a formula gets an apostrophe. */
function cell(v) {
  const text = v === null || v === undefined ? '' : String(v);
  return `"${(typeof v === 'string' && /^[=+\-@\t\r]/.test(text) ? "'" + text : text).replaceAll('"', '""')}"`;
}

function download(report, data) {
  const names = figures(data.rows), head = [['报表', report.zh], ['单位范围', data.unit], ['政策版本', data.policy], ['数据截至位置', data.complete_through], ['数据截至时间', data.as_of], ['说明', '“*”为不足 5 人或 5 例,不予显示。']];
  const lines = [...head, [], ['代码', '分类', '代码二', '分类二', ...names.map((k) => COLUMNS[k])], ...data.rows.map((r) => [r.code1 ?? r.code, r.total ? '合计' : r.name1 ?? r.name, r.code2, r.name2, ...names.map((k) => r[k])])];
  const a = document.createElement('a');
  a.href = URL.createObjectURL(new Blob(['\ufeff' + lines.map((l) => l.map(cell).join(',') + '\r\n').join('')], { type: 'text/csv' }));
  a.download = `liangjin-${data.report}.csv`;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

const YEARS = [0, 1, 2, 3].map((n) => new Date().getFullYear() - n);
const Pick = ({ zh, value, set, list }) => html`<label class="inline">${zh} <select value=${value} onChange=${(e) => set(e.target.value)}>${list.map(([v, t]) => html`<option key=${v} value=${v}>${t}</option>`)}</select></label>`;

export function Stats({ me }) {
  const mine = REPORTS.filter((r) => !r.roles || me.role.split(',').some((x) => r.roles.includes(x)));
  const [name, setName] = useState(mine[0].name);
  const report = mine.find((r) => r.name === name);
  const [by, setBy] = useState('month');
  const [year, setYear] = useState(String(YEARS[0]));
  const [unit, setUnit] = useState('');
  const [units, setUnits] = useState([]);
  const [figure, setFigure] = useState('');
  useEffect(() => { call('GET', '/v1/board').then((b) => setUnits(b.units.map((u) => [u.code, `${u.code} ${u.name}`])), () => {}); }, []);
  const dim = report.dims.includes(by) ? by : report.dims[0] || '';
  const span = report.whole ? `year=${year}` : year ? `since=${year}-01-01&till=${year}-12-01` : '';
  const load = useLoad(`/v1/reports/${name}?` + [dim && 'by=' + dim, span, unit && 'unit=' + unit].filter(Boolean).join('&'));
  return html`<main id="main"><${PageHead} zh="统计" en="Statistics" />
    <div class="card picks"><${Pick} zh="报表" value=${name} set=${setName} list=${mine.map((r) => [r.name, r.zh])} />
      ${report.dims.length > 0 && html`<${Pick} zh="分类" value=${dim} set=${setBy} list=${report.dims.map((d) => [d, DIMENSIONS[d]])} />`}
      <${Pick} zh="年份" value=${year} set=${setYear} list=${[...YEARS.map((y) => [String(y), `${y} 年`]), ...(report.whole ? [] : [['', '全部']])]} />
      ${units.length > 1 && html`<${Pick} zh="单位" value=${unit} set=${setUnit} list=${[['', me.unit === 'CN000' ? '全国' : '本单位及下级'], ...units.filter(([c]) => c !== 'CN000')]} />`}</div>
    <${Loaded} load=${load}>${(data) => {
      const names = figures(data.rows), parts = data.rows.filter((r) => !r.total), drawn = names.includes(figure) ? figure : names[0];
      return html`<p class="hint">数据截至 ${data.as_of ? at(data.as_of) : '–'}(日志第 ${num(data.complete_through)} 号),每日汇总一次。政策:${data.policy}。${report.note} <span lang="en">As of the last daily fold</span></p>
        ${data.rows.length === 0 || (parts.length === 0 && dim) ? html`<p class="card empty">这一时期没有数据。<span lang="en">No figures in this period</span></p>`
          : html`${parts.length > 0 && html`<section class="card" aria-labelledby="h-chart"><h3 id="h-chart">${report.zh} <span lang="en">${report.en}</span>
              <label class="inline end">图中数字 <select value=${drawn} onChange=${(e) => setFigure(e.target.value)}>${names.map((k) => html`<option key=${k} value=${k}>${COLUMNS[k]}</option>`)}</select></label></h3>
              ${parts.length > BARS ? html`<p class="hint">分类超过 ${BARS} 项,请看下表。</p>` : html`<${Bars} rows=${parts} figure=${drawn} />`}</section>`}
            <section class="card" aria-labelledby="h-table"><h3 id="h-table">数据表 <span lang="en">Table</span><button type="button" class="end" onClick=${() => download(report, data)}>下载 CSV</button></h3><${Table} rows=${data.rows} />
            <p class="hint">“*”:不足 ${data.suppress_below} 人或 ${data.suppress_below} 例,不显示。${data.rank ? '' : '单位按名录顺序排列,不排名。'}</p></section>`}`;
    }}<//></main>`;
}
