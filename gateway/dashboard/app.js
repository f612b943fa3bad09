// Who is here: nobody (the login form), somebody (the page), or somebody whose login has ended (the page as it was, and a bar).
import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { call } from './api.js';
import { Accept } from './accept.js';
import { Activity } from './activity.js';
import { Flag, Flags } from './flags.js';
import { ENDED } from './load.js';
import { Mail } from './mail.js';
import { pagesOf, usePlace } from './nav.js';
import { Overview } from './overview.js';
import { nextSize, nextTheme, onPrefs, prefs } from './prefs.js';
import { Review } from './review.js';
import { Stats } from './stats.js';
import { ROLES, day } from './words.js';

const THEME_ZH = { auto: '跟随系统', light: '浅色', dark: '深色' };

function Switches() {
  const [, again] = useState(0);
  useEffect(() => onPrefs(() => again((n) => n + 1)), []);
  return html`<button type="button" onClick=${nextTheme} data-switch="theme">外观:${THEME_ZH[prefs.theme]}</button>
    <button type="button" onClick=${nextSize} aria-pressed=${prefs.size === 'large'} data-switch="size">大字</button>`;
}

function Tabs({ me, page }) {
  const pages = pagesOf(me);
  if (pages.length < 2) return null;
  return html`<nav class="pages" aria-label="页面">${pages.map((p) => html`<a key=${p.key} href=${'#/' + p.key} aria-current=${p.key === page ? 'page' : undefined}>${p.zh} <span lang="en">${p.en}</span></a>`)}</nav>`;
}

function Header({ me, onLogout }) {
  return html`<header><a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); const m = document.getElementById('main'); m.tabIndex = -1; m.focus(); }}>跳到正文</a>
    <h1>两进 <span lang="en">Liangjin</span></h1><p class="today">${day(Date.now())}</p>
    <div class="tools" role="group" aria-label="显示与登录"><${Switches} />${me && html`<span class="me">${me.login} · ${me.role.split(',').map((r) => ROLES[r] || r).join('、')}${me.unit !== 'CN000' ? ' · ' + me.unit : ''}</span>
      <button type="button" onClick=${onLogout}>退出</button>`}</div></header>`;
}

function sorry(e) {
  if (e.status === 401) return '账号或密码不正确。';
  if (e.status === 429) return `尝试过多,请在 ${Math.max(1, Math.ceil(e.retryAfter / 60))} 分钟后再试。`;
  return `${e.message}。`;
}

function Login({ onLogin }) {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  async function submit(e) {
    e.preventDefault();
    const form = new FormData(e.target);
    setBusy(true);
    setError('');
    try {
      onLogin(await call('POST', '/v1/login', { login: form.get('login').trim(), password: form.get('password') }));
    } catch (x) {
      setError(sorry(x));
      setBusy(false);
    }
  }
  return html`<main id="main" class="login"><form class="card" onSubmit=${submit}>
    <h2>登录 <span lang="en">Log in</span></h2>
    <label>账号 <span lang="en">login</span><input name="login" autocomplete="username" required maxlength="32" autocapitalize="none" spellcheck=${false} /></label>
    <label>密码 <span lang="en">password</span><input name="password" type="password" autocomplete="current-password" required maxlength="128" /></label>
    ${error && html`<p class="bar bad" role="alert">${error}</p>`}
    <button class="main" type="submit" disabled=${busy}>${busy ? '正在验证…' : '登录'}</button>
    ${['127.0.0.1', 'localhost', '[::1]'].includes(location.hostname) && html`<p class="hint">首次使用:账号 admin,密码在系统目录的 secret/admin.password。</p>`}</form></main>`;
}

/** Null: the overview, which wants to know of the login's end. */
function pageFor(me, page, id) {
  if (!pagesOf(me).some((p) => p.key === page)) return null;
  if (page === 'review') return id ? html`<${Activity} key=${id} id=${id} />` : html`<${Review} me=${me} />`;
  if (page === 'flags') return id ? html`<${Flag} key=${id} id=${id} me=${me} />` : html`<${Flags} />`;
  if (page === 'stats') return html`<${Stats} me=${me} />`;
  if (page === 'mail') return html`<${Mail} me=${me} />`;
  return null;
}

function App() {
  const [me, setMe] = useState(undefined);
  const [ended, setEnded] = useState(false);
  const [down, setDown] = useState('');
  const [page, id] = usePlace();
  useEffect(() => {
    const end = () => setEnded(true);
    document.addEventListener(ENDED, end);
    return () => document.removeEventListener(ENDED, end);
  }, []);
  useEffect(() => {
    call('GET', '/v1/me').then(setMe, (e) => { setMe(null); setDown(e.status === 401 ? '' : e.message); });
  }, []);
  const leave = () => { setMe(null); setEnded(false); };
  const logout = () => call('POST', '/v1/logout').then(leave, leave);
  if (page === 'accept') return html`<${Header} me=${null} /><${Accept} token=${id || ''} />`;
  if (me === undefined) return html`<p class="boot">正在载入… <span lang="en">Loading…</span></p>`;
  const draw = me && pageFor(me, page, id);
  return html`<${Header} me=${me} onLogout=${logout} />${me && html`<${Tabs} me=${me} page=${page} />`}
    ${ended && html`<p class="bar ended" role="alert"><strong>登录已结束</strong>,以下数据不再更新。<button type="button" onClick=${leave}>重新登录</button> <span lang="en">session ended</span></p>`}
    ${down && !me && html`<p class="bar stale" role="alert">${down} <span lang="en">service unreachable</span></p>`}
    ${me ? draw || html`<${Overview} key=${me.login} ended=${ended} onEnded=${() => setEnded(true)} />` : html`<${Login} onLogin=${(m) => { setDown(''); setMe(m); }} />`}`;
}

const root = document.getElementById('app');
root.textContent = '';
render(html`<${App} />`, root);
