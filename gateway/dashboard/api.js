// Talking to the gateway: requests, polling that pauses while nobody looks, the stream.

const PATIENCE_MS = 8000; // a gateway that hangs is one that is away

/** A request. Throws {status, code, message, retryAfter}; status 0 = the gateway could not be reached. */
export async function call(method, path, body) {
  let r;
  try {
    r = await fetch(path, {
      method, cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE_MS),
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw { status: 0, code: 'unreachable', message: '无法连接到服务' };
  }
  const text = await r.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { /* a proxy's page: the status must do */ }
  if (r.ok) return data;
  throw {
    status: r.status, code: (data && data.code) || '', message: (data && data.detail_zh) || `服务返回 ${r.status}`,
    retryAfter: Number(r.headers.get('Retry-After')) || 0,
  };
}

// Did anybody touch the page since it was last asked? A login ends after half an hour without.
let touched = true;
for (const name of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
  addEventListener(name, () => { touched = true; }, { passive: true });
}

const POLL_MS = 2000, TIRED_MS = 5000;

/**
 * Ask for the board again and again while the page is visible.
 * on.board(board), on.trouble(error), on.ended() when the login is over. Returns a function that stops it.
 */
export function watchBoard(on) {
  let stopped = false, timer = 0, first = true, running = false;
  const next = (ms) => { clearTimeout(timer); if (!stopped && !document.hidden) timer = setTimeout(ask, ms); };
  async function ask() {
    if (running) return;
    running = true;
    const active = touched;
    touched = false;
    try {
      const query = [first && 'history=1', active && 'active=1'].filter(Boolean).join('&');
      const board = await call('GET', '/v1/board' + (query ? '?' + query : ''));
      first = false;
      if (!stopped) on.board(board);
      next(POLL_MS);
    } catch (e) {
      touched = touched || active;
      if (stopped) return;
      if (e.status === 401) { stopped = true; on.ended(); return; }
      on.trouble(e);
      next(TIRED_MS);
    } finally {
      running = false;
    }
  }
  const onVisible = () => (document.hidden ? clearTimeout(timer) : ask());
  document.addEventListener('visibilitychange', onVisible);
  ask();
  return () => { stopped = true; clearTimeout(timer); document.removeEventListener('visibilitychange', onVisible); };
}

const AGAIN_MS = 3000;

/**
 * The stream of events. The browser resumes by itself behind the last id (Last-Event-ID) when the connection breaks; where it gives up (the
 * gateway answered with an error) a new one is opened. on.event(e) for each, on.state('live' | 'waiting').
 */
export function watchStream(on) {
  let source = null, timer = 0, stopped = false;
  function open() {
    clearTimeout(timer);
    if (stopped || document.hidden || source) return;
    source = new EventSource('/v1/stream');
    source.onopen = () => on.state('live');
    source.addEventListener('event', (m) => on.event(JSON.parse(m.data)));
    source.onerror = () => {
      on.state('waiting');
      if (source && source.readyState === EventSource.CLOSED) { close(); timer = setTimeout(open, AGAIN_MS); }
    };
  }
  function close() { if (source) { source.close(); source = null; } }
  const onVisible = () => { if (document.hidden) close(); else open(); };
  document.addEventListener('visibilitychange', onVisible);
  open();
  return () => { stopped = true; clearTimeout(timer); close(); document.removeEventListener('visibilitychange', onVisible); };
}
