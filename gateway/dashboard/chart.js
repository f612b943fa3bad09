// The live chart: events a second and backlog over ten minutes. A canvas says nothing to a screen reader, so the figure has a sentence and, folded
// away, a table of the same numbers by the minute.
import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { num, rate, time } from './words.js';
import { onPrefs } from './prefs.js';

const { uPlot } = globalThis; // vendor/uplot.js is a plain script, loaded by index.html before this one
const HEIGHT = 190;
const STEPS = [1, 2, 5].flatMap((n) => [...Array(8).keys()].map((e) => n * 10 ** e)).sort((a, b) => a - b);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width) {
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { stroke: colour('--grid') }, font: '12px ' + colour('--font') };
  const hours = (u, ticks) => ticks.map((t) => (ticks.length > 1 && ticks[1] - ticks[0] < 60 ? time(t * 1000) : time(t * 1000).slice(0, 5)));
  return {
    width, height: HEIGHT, cursor: { y: false }, legend: { show: false },
    scales: { x: { time: true }, n: { range: (u, lo, hi) => [0, Math.max(5, hi * 1.1)] }, open: { range: (u, lo, hi) => [0, Math.max(10, hi * 1.1)] } },
    axes: [
      { ...axis, values: hours, space: 80 },
      { ...axis, scale: 'n', size: 52, space: 26, incrs: STEPS, values: (u, v) => v.map((x) => num(x)) },
      { ...axis, scale: 'open', side: 1, size: 60, space: 26, incrs: STEPS, grid: { show: false }, values: (u, v) => v.map((x) => num(x)) },
    ],
    series: [
      {},
      { scale: 'n', stroke: colour('--line1'), fill: colour('--fill1'), width: 2, points: { show: false } },
      { scale: 'open', stroke: colour('--line2'), width: 2, dash: [6, 4], points: { show: false } },
    ],
  };
}

/** Points [seconds, rate, backlog] as uPlot's columns; where more than five seconds are missing the line is broken. */
function columns(points) {
  const t = [], a = [], b = [];
  let last = 0;
  for (const [at, n, open] of points) {
    if (last && at - last > 5) { t.push(last + 1); a.push(null); b.push(null); }
    if (at > last) { t.push(at); a.push(n); b.push(open); last = at; }
  }
  return [t, a, b];
}

function byMinute(points) {
  const rows = new Map();
  for (const [at, n, open] of points) {
    const key = Math.floor(at / 60) * 60;
    const r = rows.get(key) || { at: key, sum: 0, count: 0, open: 0 };
    r.sum += n; r.count++; r.open = open;
    rows.set(key, r);
  }
  return [...rows.values()].slice(-10).reverse();
}

function sentence(points) {
  if (points.length === 0) return '尚无数据,几秒后出现。';
  const rates = points.map((p) => p[1]);
  const [, now, open] = points[points.length - 1];
  return `现在每秒 ${rate(now)} 件,十分钟内最高 ${rate(Math.max(...rates))} 件;待办 ${num(open)} 件。`;
}

export function Chart({ points }) {
  const box = useRef(null), plot = useRef(null);
  const [drawn, redraw] = useState(0);
  useEffect(() => onPrefs(() => redraw((n) => n + 1)), []);
  useEffect(() => {
    const u = new uPlot(options(box.current.clientWidth), columns(points), box.current);
    plot.current = u;
    const seen = new ResizeObserver(() => u.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    seen.observe(box.current);
    return () => { seen.disconnect(); u.destroy(); };
  }, [drawn]);
  useEffect(() => { plot.current.setData(columns(points)); }, [points]);
  const said = sentence(points);
  return html`<figure class="chart">
    <div class="plot" ref=${box} role="img" aria-label=${'每秒受理与待办,近十分钟。' + said}></div>
    <figcaption><span class="key k1">每秒受理 <span lang="en">events/s</span></span><span class="key k2">待办(右轴) <span lang="en">backlog</span></span>
      <span class="said">${said}</span></figcaption>
    <details><summary>以表格查看 <span lang="en">as a table</span></summary>
      <table><thead><tr><th scope="col">时间</th><th scope="col" class="n">平均每秒</th><th scope="col" class="n">待办</th></tr></thead>
      <tbody>${byMinute(points).map((r) => html`<tr key=${r.at}><td>${time(r.at * 1000).slice(0, 5)}</td><td class="n">${rate(r.sum / r.count)}</td><td class="n">${num(r.open)}</td></tr>`)}</tbody></table>
    </details></figure>`;
}
