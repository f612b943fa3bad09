// A form for one of several things that can be said about something: choose, give a reason where one is needed, send, read what became of it.
import { html, useState } from './vendor/htm-preact.js';
import { ENDED } from './load.js';
import { say, uuid } from './send.js';
import { REASONS } from './labels.js';

const told = (r) => r.zh || REASONS[r.code] || r.code;

function Outcome({ said }) {
  if (!said) return null;
  if (said.failed) return html`<p class="bar bad" role="alert">${said.failed}</p>`;
  if (said.state === 'waiting') return html`<p class="bar stale" role="status">已受理,尚在处理;稍后刷新可见结果。<span lang="en">Stored, not judged yet</span></p>`;
  if (said.state === 'parked') return html`<p class="bar bad" role="alert">已受理,但处理时出错,须由运维人员处理。<span lang="en">Parked</span></p>`;
  if (said.verdict === 2) {
    return html`<p class="bar bad" role="alert"><strong>未通过:</strong>${said.reasons.map(told).join(';') || '不符合规则'} <span lang="en">${said.reasons.map((r) => r.code).join(', ')}</span></p>`;
  }
  return html`<p class="bar good" role="status">已办理。<span lang="en">Done</span></p>`;
}

/**
 * choices: [{key, zh, en, why (not open to this person, and why), text: 'needed' | 'may' | 'none', label, grave}]; event(key, text) makes {type, unit, payload}.
 * onDone() when it was accepted.
 */
export function Decide({ choices, event, onDone, legend = '办理' }) {
  const open = choices.filter((c) => !c.why);
  const [key, setKey] = useState('');
  const [text, setText] = useState('');
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState(null);
  const [id, setId] = useState('');
  const single = open.length === 1; // then there is nothing to choose
  const chosen = single ? open[0] : open.find((c) => c.key === key);
  const change = (f) => (e) => { f(e.target.type === 'checkbox' ? e.target.checked : e.target.value); setId(''); setSaid(null); };
  async function submit(e) {
    e.preventDefault();
    const mine = id || uuid();
    setId(mine);
    setBusy(true);
    setSaid(null);
    try {
      const result = await say({ id: mine, ...event(chosen.key, text.trim()) });
      setSaid(result);
      if (result.verdict === 1) { setText(''); setKey(''); setSure(false); setId(''); onDone(); }
    } catch (x) {
      if (x.status === 401) document.dispatchEvent(new Event(ENDED));
      setSaid({ failed: x.message + '。' });
    }
    setBusy(false);
  }
  return html`<section class="card decide" aria-labelledby="h-decide"><h3 id="h-decide">${legend} <span lang="en">Decide</span></h3>
    ${choices.length === 0 && html`<p class="hint">此状态下您没有可办理的事项。<span lang="en">Nothing for you to do here</span></p>`}
    ${choices.filter((c) => c.why).map((c) => html`<p class="bar stale" key=${c.key}><strong>${c.zh}:</strong>${c.why}</p>`)}
    ${open.length > 0 && html`<form onSubmit=${submit}>
      ${!single && html`<fieldset><legend class="unseen">${legend}</legend>${open.map((c) => html`<label key=${c.key} class=${'choice' + (c.grave ? ' grave' : '')}>
        <input type="radio" name="choice" value=${c.key} checked=${key === c.key} onChange=${change(setKey)} required /> ${c.zh} <span lang="en">${c.en}</span></label>`)}</fieldset>`}
      ${chosen && chosen.text !== 'none' && html`<label class="field">${chosen.label || '原因'}${chosen.text === 'may' ? '(可不填)' : '(必填)'}
        <textarea rows="3" minlength="2" maxlength="500" required=${chosen.text === 'needed'} value=${text} onInput=${change(setText)}></textarea></label>`}
      ${chosen && chosen.grave && html`<label class="sure"><input type="checkbox" checked=${sure} onChange=${change(setSure)} required /> ${chosen.grave}</label>`}
      <button class=${'main' + (chosen && chosen.grave ? ' danger' : '')} type="submit" disabled=${busy || !chosen}>${busy ? '正在办理…' : chosen ? (single ? '' : '提交:') + chosen.zh : '请先选择'}</button></form>`}
    <${Outcome} said=${said} /></section>`;
}
