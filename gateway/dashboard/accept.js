// Accepting an invitation: the link's token stands behind #, which no server sees in a log; a password is set, and then somebody lets the account log in.
import { html, useEffect, useState } from './vendor/htm-preact.js';
import { call } from './api.js';
import { PageHead } from './load.js';
import { at } from './labels.js';
import { ROLES } from './words.js';

const SORRY = { not_found: '链接无效。请核对,或向本单位管理员索取新链接。', link_used: '链接已被使用。如果不是您本人使用的,请立即告知本单位管理员。', link_expired: '链接已过期,请向本单位管理员索取新链接。' };
const sorry = (e) => SORRY[e.code] || (e.status === 429 ? '请求过多,请稍后再试。' : e.message + '。');

function Form({ token, who, onDone }) {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  async function submit(e) {
    e.preventDefault();
    const form = new FormData(e.target), password = form.get('password'), bytes = new TextEncoder().encode(password).length;
    if (password !== form.get('again')) { setError('两次输入的密码不一致。'); return; }
    if (bytes < 10 || bytes > 128) { setError('密码须为 10 至 128 字节(一个汉字为 3 字节)。'); return; }
    setBusy(true);
    setError('');
    try { await call('POST', '/v1/accept', { token, say: 'accept', password }); onDone(); } catch (x) { setError(sorry(x)); setBusy(false); }
  }
  return html`<form class="card" onSubmit=${submit}>
    <dl class="facts"><div><dt>账号</dt><dd>${who.login}</dd></div><div><dt>姓名</dt><dd>${who.name}</dd></div><div><dt>单位</dt><dd>${who.unit} ${who.unit_name}</dd></div><div><dt>角色</dt><dd>${who.roles.map((r) => ROLES[r] || r).join('、')}</dd></div></dl>
    <input type="hidden" name="login" autocomplete="username" value=${who.login} />
    <label>密码 <span lang="en">password</span><input name="password" type="password" autocomplete="new-password" required minlength="4" maxlength="128" aria-describedby="rule" /></label>
    <label>再次输入 <span lang="en">once more</span><input name="again" type="password" autocomplete="new-password" required maxlength="128" /></label>
    <p class="hint" id="rule">10 至 128 字节,可用一句话。链接有效至 ${at(who.expires_at)},只能使用一次。</p>
    ${error && html`<p class="bar bad" role="alert">${error}</p>`}
    <button class="main" type="submit" disabled=${busy}>${busy ? '正在设定…' : '设定密码'}</button></form>`;
}

export function Accept({ token }) {
  const [state, setState] = useState({});
  useEffect(() => { call('POST', '/v1/accept', { token, say: 'show' }).then((who) => setState({ who }), (error) => setState({ error })); }, [token]);
  const done = () => { history.replaceState(null, '', '#/'); setState({ done: true }); };
  return html`<main id="main" class="login"><${PageHead} zh="接受邀请" en="Accept the invitation" />
    ${state.done ? html`<p class="bar good" role="status"><strong>密码已设定。</strong>本单位管理员启用账号后即可登录。<a href="/">登录页</a> <span lang="en">Done; your administrator activates the account</span></p>`
      : state.error ? html`<p class="bar bad" role="alert">${sorry(state.error)}</p>`
      : state.who ? html`<${Form} token=${token} who=${state.who} onDone=${done} />` : html`<p class="card empty" role="status">正在核对链接…</p>`}</main>`;
}
