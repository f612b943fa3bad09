// Saying something: an event goes out with an id of its own, and then one waits for what the deciding stage says of it.
import { call } from './api.js';

/** A UUID of version 7. */
export function uuid() {
  const b = crypto.getRandomValues(new Uint8Array(16)), ms = Date.now();
  for (let i = 0; i < 6; i++) b[i] = Math.floor(ms / 2 ** (8 * (5 - i))) % 256;
  b[6] = (b[6] & 0x0f) | 0x70;
  b[8] = (b[8] & 0x3f) | 0x80;
  const h = [...b].map((x) => x.toString(16).padStart(2, '0')).join('');
  return [h.slice(0, 8), h.slice(8, 12), h.slice(12, 16), h.slice(16, 20), h.slice(20)].join('-');
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const STEP_MS = 300, PATIENCE_MS = 15000;

/**
 * Send {id, type, unit, payload} and wait. Resolves to {state: 'done', verdict, reasons} or {state: 'waiting' | 'parked'}; throws what call() throws when it was
 * not taken. Sent again with the same id it is the same event: a second press of the button does nothing twice.
 */
export async function say(event) {
  await call('POST', '/v1/events', event);
  let last = { state: 'waiting' };
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(STEP_MS)) {
    try { last = await call('GET', '/v1/outcomes/' + event.id); } catch (e) { if (e.status === 401) throw e; }
    if (last.state !== 'waiting') return last;
  }
  return last;
}
