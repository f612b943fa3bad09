// The first page: is it well, what comes in, what waits, and how the units stand.
import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { watchBoard, watchStream } from './api.js';
import { tiles, verdict, withdrawn } from './judge.js';
import { Chart } from './chart.js';
import { Units } from './units.js';
import { KINDS, STATES, TYPES, num, span, time } from './words.js';

const EVENTS = 20, POINTS = 600, BUSY_PER_S = 200, STALE_S = 6;
const SHAPES = { ok: '●', warn: '▲', bad: '■', none: '○' };

function Verdict({ board, list, since }) {
  const v = verdict(board, list, since);
  return html`<p class=${'verdict ' + v.level} role="status"><span aria-hidden="true">${SHAPES[v.level]}</span> <strong>${v.zh}</strong>
    <span lang="en">${v.en}</span>${v.why.length > 0 && html` <span class="why">${v.why.join(';')}</span>`}</p>`;
}

function Tile({ tile }) {
  return html`<li class=${'tile ' + tile.level} data-tile=${tile.key}>
    <h3>${tile.zh} <span lang="en">${tile.en}</span></h3>
    <p class="value">${tile.value}${tile.unit && tile.value !== '–' && html`<small> ${tile.unit}</small>`}</p>
    <p class="say"><span aria-hidden="true">${SHAPES[tile.level]}</span> ${tile.say} <span lang="en">${tile.sayEn}</span></p></li>`;
}

function Kinds({ board }) {
  if (board.kinds.length === 0) return html`<p class="empty">还没有读到各环节的状态。<span lang="en">Not read yet.</span></p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="各环节积压"><table><thead><tr>
    <th scope="col">环节</th><th scope="col">状态</th><th scope="col" class="n">待办</th><th scope="col" class="n">最久</th><th scope="col" class="n">搁置</th>
    </tr></thead><tbody>${board.kinds.map((k) => html`<tr key=${k.name}>
      <th scope="row">${KINDS[k.name] || k.name} <span lang="en">${k.name}</span></th>
      <td class=${k.state === 'paused' ? 'mark warn' : ''}>${STATES[k.state] || k.state}</td>
      <td class="n">${num(k.backlog)}</td><td class="n">${k.backlog ? span(k.oldest_s) : '–'}</td>
      <td class=${'n ' + (k.parked ? 'mark warn' : '')}>${num(k.parked)}</td></tr>`)}</tbody></table></div>`;
}

function Events({ events, names, mode }) {
  const say = { live: '实时', waiting: '正在重连…', busy: '高峰:每 2 秒刷新', ended: '已停止' }[mode];
  return html`<section class="card" aria-labelledby="h-events"><h2 id="h-events">最近事件 <span lang="en">last events</span>
      <span class=${'pill ' + mode} role="status">${say}</span></h2>
    ${events.length === 0 ? html`<p class="empty">暂时没有事件;有新事件时会自动出现。<span lang="en">No events yet.</span></p>`
      : html`<ol class="events" tabindex="0" aria-label="最近事件">${events.map((e) => html`<li key=${e.position}>
        <span class="pos">${num(e.position)}</span> <b>${TYPES[e.type] || e.type}</b> <span class="unit">${e.unit} ${names.get(e.unit) || ''}</span></li>`)}</ol>`}
  </section>`;
}

/** Newest first, each position once. */
function merge(a, b) {
  const seen = new Map();
  for (const e of [...a, ...b]) seen.set(e.position, e);
  return [...seen.values()].sort((x, y) => y.position - x.position).slice(0, EVENTS);
}

function useBoard(onEnded) {
  const [board, setBoard] = useState(null);
  const [points, setPoints] = useState([]);
  const [trouble, setTrouble] = useState(null);
  useEffect(() => watchBoard({
    ended: onEnded,
    trouble: setTrouble,
    board: (b) => {
      setTrouble(null);
      setBoard(b);
      setPoints((old) => {
        if (b.history) return b.history;
        if (!b.live) return old;
        const open = b.kinds.reduce((a, k) => a + (k.backlog || 0), 0);
        return [...old, [Math.floor(Date.parse(b.now) / 1000), b.live.per_second, open]].slice(-POINTS);
      });
    },
  }), []);
  return { board, points, trouble };
}

/** Events of the stream, drawn at most four times a second. still: 'busy' = in a rush the stream is let go, and the board brings the last ones;
 *  'ended' = the login is over; '' = follow it. */
function useEvents(still) {
  const [events, setEvents] = useState([]);
  const [mode, setMode] = useState('waiting');
  const pending = useRef([]);
  useEffect(() => {
    if (still) { setMode(still); return undefined; }
    let timer = 0;
    const flush = () => { timer = 0; const add = pending.current; pending.current = []; setEvents((old) => merge(old, add)); };
    const stop = watchStream({
      state: setMode,
      event: (e) => { pending.current.push(e); pending.current = pending.current.slice(-EVENTS); timer = timer || setTimeout(flush, 250); },
    });
    return () => { stop(); clearTimeout(timer); };
  }, [still]);
  return { events, mode, add: (more) => setEvents((old) => merge(old, more)) };
}

function staleness(board, trouble, now) {
  if (!board) return null;
  const of = board.as_of ? Date.parse(board.as_of) : 0;
  const age = trouble ? (now - board.received) / 1000 + (Date.parse(board.now) - of) / 1000 : (Date.parse(board.now) - of) / 1000;
  return trouble || age > STALE_S ? of || board.received : null;
}

function StaleBar({ since, trouble }) {
  return html`<p class="bar stale" role="alert"><strong>数据停留在 ${time(since)}</strong>${trouble ? `:${trouble.message},正在重试` : ':数据库暂无应答'}
    <span lang="en">data stale since ${time(since)}</span></p>`;
}

export function Overview({ onEnded, ended }) {
  const { board, points, trouble } = useBoard(onEnded);
  const busy = Boolean(board && board.live && board.live.per_second > BUSY_PER_S);
  const { events, mode, add } = useEvents(ended ? 'ended' : busy ? 'busy' : '');
  useEffect(() => { if (board) { board.received = Date.now(); add(board.events); } }, [board]);
  if (!board) {
    return html`<main id="main"><p class=${trouble ? 'bar stale' : 'empty'} role="status">${trouble ? `${trouble.message},正在重试…` : '正在读取数据…'}
      <span lang="en">${trouble ? 'Trying again' : 'Loading'}</span></p></main>`;
  }
  const since = ended ? Date.parse(board.as_of || board.now) : staleness(board, trouble, Date.now());
  const known = since === null || !(trouble || ended); // the database may be away: what the broker says holds then
  const list = known ? tiles(board) : withdrawn(tiles(board), since);
  const names = new Map(board.units.map((u) => [u.code, u.name]));
  const through = Math.max(board.complete_through.position, events.length ? events[0].position : 0);
  return html`<main id="main">
    ${since !== null && !ended && html`<${StaleBar} since=${since} trouble=${trouble} />`}
    <section aria-label="总体状态"><${Verdict} board=${board} list=${list} since=${known ? null : since} /><ul class="tiles">${list.map((t) => html`<${Tile} key=${t.key} tile=${t} />`)}</ul></section>
    <div class="columns">
      <section class="card" aria-labelledby="h-chart"><h2 id="h-chart">每秒受理 <span lang="en">live</span>
        <span class="pill">日志至第 <b data-live="position">${num(through)}</b> 号</span></h2><${Chart} points=${points} /></section>
      <${Events} events=${events} names=${names} mode=${mode} />
      <section class="card" aria-labelledby="h-kinds"><h2 id="h-kinds">各环节积压 <span lang="en">backlog by kind</span></h2><${Kinds} board=${board} /></section>
    </div>
    <${Units} board=${board} />
    <p class="foot">数据时间 ${board.as_of ? time(board.as_of) : '–'};判定截至第 ${num(board.complete_through.verdicts_closure)} 批,任务量截至日志第 ${num(board.complete_through.quota_position)} 号。</p>
  </main>`;
}
