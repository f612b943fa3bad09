// What every page does with its data: ask once, say that it is being read, say what went wrong and offer to try again, show it.
import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { call } from './api.js';

/** The login is over: whoever draws the frame listens. */
export const ENDED = 'lj-ended';

/** GET a path (null: nothing yet). {data, error, busy, again(), older}: data stays while it is read again. */
export function useLoad(path) {
  const [state, setState] = useState({ busy: true });
  const [round, setRound] = useState(0);
  const latest = useRef(0);
  useEffect(() => {
    if (!path) { setState({ busy: false }); return undefined; }
    const mine = ++latest.current;
    setState((old) => ({ data: old.path === path ? old.data : undefined, path, busy: true }));
    const settle = (next) => { if (mine === latest.current) setState({ path, busy: false, ...next }); };
    call('GET', path + (path.includes('?') ? '&' : '?') + 'active=1').then((data) => settle({ data }), (error) => {
      if (error.status === 401) document.dispatchEvent(new Event(ENDED));
      settle({ error });
    });
    return () => { latest.current++; };
  }, [path, round]);
  return { ...state, again: () => setRound((n) => n + 1) };
}

const SORRY = { 403: '您的角色不能查看此页。', 404: '没有找到,或不属于您的单位。' };

/** children(data) once there is some; before that one of the three states. */
export function Loaded({ load, children }) {
  if (load.data) {
    return html`${load.error && html`<p class="bar stale" role="alert">${load.error.message},以下为先前读到的内容。<button type="button" onClick=${load.again}>重试</button></p>`}${children(load.data)}`;
  }
  if (load.error) {
    return html`<div class="card empty" role="alert"><p>${SORRY[load.error.status] || load.error.message + '。'}
      <span lang="en">${load.error.status === 404 ? 'Not found' : load.error.status === 403 ? 'Not allowed' : 'Could not be read'}</span></p>
      ${!SORRY[load.error.status] && html`<p><button type="button" onClick=${load.again}>重试</button></p>`}</div>`;
  }
  return html`<p class="card empty" role="status">正在读取… <span lang="en">Loading</span></p>`;
}

/** The head of a page: takes the focus when the page changes, so that a screen reader says where one is. */
export function PageHead({ zh, en, children }) {
  const head = useRef(null);
  useEffect(() => { document.title = `${zh} · 两进`; head.current.focus({ preventScroll: true }); scrollTo(0, 0); }, [zh]);
  return html`<div class="page-head"><h2 tabindex="-1" ref=${head}>${zh} <span lang="en">${en}</span></h2>${children}</div>`;
}
