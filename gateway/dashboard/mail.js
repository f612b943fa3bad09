// The mailbox of one's own unit: of the role, not of the person. What is opened is read; then it is signed for or answered, where that is asked.
import { html, useState } from './vendor/htm-preact.js';
import { Loaded, PageHead, useLoad } from './load.js';
import { Decide } from './decide.js';
import { say, uuid } from './send.js';
import { at } from './labels.js';

const STATES = { DELIVERED: '未读', READ: '已读', SIGNED: '已签收', REPLIED: '已回复', RECALLED: '已撤回' };
const KINDS = { NOTICE: '通知', 'TODO': '待办', REMIND: '催办', WARN: '警示', BROADCAST: '公告' };
const NEEDS = { SIGN: '须签收', REPLY: '须回复', READ: '须阅读', NONE: '' };

function Steps({ m }) {
  const rows = [[m.read_at, m.read_by, '阅读'], [m.signed_at, m.signed_by, '签收'], [m.replied_at, m.replied_by, '回复'], [m.recalled_at, null, '撤回']].filter((r) => r[0]);
  if (rows.length === 0) return null;
  return html`<ol class="story">${rows.map(([t, by, zh]) => html`<li key=${zh}><time datetime=${t}>${at(t)}</time> <b>${zh}</b> ${by && html`<span class="hint">${by}</span>`}</li>`)}</ol>`;
}

function Act({ m, box, me, again }) {
  const by = me.login.slice(0, 30), may = (t) => box.may.includes(t);
  const choices = [];
  if (m.needs === 'SIGN' && m.open && m.state === 'READ' && may('mail.signed')) choices.push({ key: 'mail.signed', zh: '签收', en: 'Sign', text: 'none' });
  if (m.needs === 'REPLY' && m.open && may('mail.replied')) choices.push({ key: 'mail.replied', zh: '回复', en: 'Reply', text: 'needed', label: '回复内容' });
  if (choices.length === 0) return null;
  return html`<${Decide} choices=${choices} legend="办理" onDone=${again} event=${(type, text) => ({ type, unit: box.unit, payload: { mail: m.id, by, ...(type === 'mail.replied' ? { text } : {}) } })} />`;
}

function Letter({ m, box, me, again }) {
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState('');
  // What is opened is read by the unit: said once.
  async function toggle(e) {
    if (!e.target.open || open) return;
    setOpen(true);
    if (m.state !== 'DELIVERED' || !box.may.includes('mail.read')) return;
    try {
      await say({ id: uuid(), type: 'mail.read', unit: box.unit, payload: { mail: m.id, by: me.login.slice(0, 30) } });
      again();
    } catch (x) { setFailed(x.message); }
  }
  return html`<li class="row letter"><details onToggle=${toggle}><summary><span class=${'row-main' + (m.state === 'DELIVERED' ? ' unread' : '')}>${m.urgent && html`<span class="pill bad">紧急</span>`} ${m.title}
        <span class="hint">${at(m.sent_at)} · ${KINDS[m.kind] || m.kind} ${m.template}${m.due_on ? ` · 期限 ${m.due_on}` : ''}</span><span class="hint preview">${m.body.slice(0, 60)}</span></span>
      <span class="row-side">${m.overdue && html`<span class="pill bad">已超期</span>`}${m.open && NEEDS[m.needs] && html`<span class="pill warn">${NEEDS[m.needs]}</span>`}<span class=${'pill ' + (m.state === 'DELIVERED' ? 'warn' : m.open ? '' : 'ok')}>${STATES[m.state] || m.state}</span></span></summary>
    <p class="body">${m.body}</p>${m.recall_reason && html`<p class="bar stale">撤回原因:${m.recall_reason}</p>`}${m.reply && html`<p class="bar good">回复:${m.reply}</p>`}
    ${failed && html`<p class="bar bad" role="alert">未能记为已读:${failed}。</p>`}<${Steps} m=${m} /><${Act} m=${m} box=${box} me=${me} again=${again} /></details></li>`;
}

/** A letter that has just left the list of what is to be done, as far as one can tell before the whole box has been read again. */
const done = (k) => ({ ...k, open: false, overdue: false, state: { SIGN: 'SIGNED', REPLY: 'REPLIED' }[k.needs] || 'READ' });

export function Mail({ me }) {
  const [only, setOnly] = useState('todo');
  const [page, setPage] = useState(0);
  const load = useLoad(`/v1/mail?page=${page}` + (only ? '&only=' + only : ''));
  const [kept, setKept] = useState([]); // letters that were open stay in the list of what is to be done until one leaves it
  const [round, setRound] = useState(0);
  const whole = useLoad(only && kept.length ? `/v1/mail?page=0&round=${round}` : null);
  const turn = (v) => { setOnly(v); setPage(0); setKept([]); };
  return html`<main id="main"><${PageHead} zh="站内信" en="Mail"><p class="hint">本单位的信箱:任一持有相应角色的人阅读、签收或回复,即为本单位办理。</p><//>
    <${Loaded} load=${load}>${(box) => {
      const shown = only ? [...kept.map((k) => box.items.find((i) => i.id === k.id) || (whole.data && whole.data.items.find((i) => i.id === k.id)) || done(k)), ...box.items.filter((i) => !kept.some((k) => k.id === i.id))] : box.items;
      const again = () => { setKept(shown); setRound((n) => n + 1); load.again(); };
      return html`<div class="tabs" role="group" aria-label="清单"><button type="button" aria-pressed=${only === 'todo'} onClick=${() => turn('todo')}>待办 ${box.todo} <span lang="en">to do</span></button>
          <button type="button" aria-pressed=${only === ''} onClick=${() => turn('')}>全部 <span lang="en">all</span></button><span class="hint" role="status">未读 ${box.unread} 封</span></div>
        ${shown.length === 0 ? html`<p class="card empty">${only ? '没有待办的站内信。' : '信箱是空的。'}<span lang="en">Nothing here</span></p>`
          : html`<ul class="card rows">${shown.map((m) => html`<${Letter} key=${m.id} m=${m} box=${box} me=${me} again=${again} />`)}</ul>`}
        <p class="pager">${page > 0 && html`<button type="button" onClick=${() => setPage(page - 1)}>上一页</button>`}${box.more && html`<button type="button" onClick=${() => setPage(page + 1)}>下一页</button>`}</p>`;
    }}<//></main>`;
}
