// Is it well? From a board to judgements: the same rules for the tiles and for the sentence above them. Pure functions.
//
// A judgement is {level, say, sayEn}; level is ok, warn, bad or none (nothing can be said). The limits of age are those of `ljctl check`.
import { num, rate, span, big, time } from './words.js';

const ACK_WARN_MS = 250, ACK_BAD_MS = 1000;
const AGE_WARN_S = 30, AGE_BAD_S = 300;

const judged = (level, say, sayEn) => ({ level, say, sayEn });
const rank = { none: 0, ok: 0, warn: 1, bad: 2 };

function accepted(board) {
  if (!board.broker) return { value: '–', ...judged('bad', '代理无应答,暂不能受理', 'broker does not answer') };
  if (!board.live) return { value: '…', ...judged('none', '正在取样', 'sampling') };
  return { value: rate(board.live.per_second), ...judged('ok', '正在受理', 'accepting') };
}

function ack(board) {
  const ms = board.live && board.live.ack_p99_ms;
  if (!board.live || ms === null) return { value: '–', ...judged('none', '近 60 秒无提交', 'nothing sent in 60 s') };
  if (ms === 'over') return { value: '>10000', ...judged('bad', '超过 10 秒', 'over 10 s') };
  const value = `≤${num(ms)}`;
  if (ms > ACK_BAD_MS) return { value, ...judged('bad', '过慢', 'too slow') };
  return { value, ...(ms > ACK_WARN_MS ? judged('warn', '偏慢', 'slow') : judged('ok', '正常', 'good')) };
}

function age(board) {
  const known = board.kinds.filter((k) => k.oldest_s !== null);
  if (!board.broker || known.length === 0) return { value: '–', ...judged('none', '未知', 'unknown') };
  const oldest = known.reduce((a, k) => (k.oldest_s > a.oldest_s ? k : a));
  const total = known.reduce((a, k) => a + k.backlog, 0);
  if (total === 0) return { value: '无', ...judged('ok', '没有积压', 'no backlog') };
  const level = oldest.oldest_s >= AGE_BAD_S ? 'bad' : oldest.oldest_s >= AGE_WARN_S ? 'warn' : 'ok';
  return { value: span(oldest.oldest_s), ...judged(level, `${big(total)} 件待办`, `${num(total)} open`) };
}

function parked(board) {
  const n = board.kinds.reduce((a, k) => a + k.parked, 0);
  const paused = board.kinds.filter((k) => k.state === 'paused').length;
  if (n > 0) return { value: num(n), ...judged('warn', '待人工处理', 'needs a person') };
  if (paused > 0) return { value: '0', ...judged('warn', `${paused} 个环节已暂停`, `${paused} paused`) };
  return { value: '0', ...judged('ok', '没有搁置', 'none') };
}

function mail(board) {
  const n = board.sums.mail_waiting;
  return { value: big(n), ...judged('none', n ? '未读' : '没有未读', 'unread') };
}

/** The five tiles, in the order in which they are shown. */
export function tiles(board) {
  return [
    { key: 'rate', zh: '受理速率', en: 'accepted', unit: '件/秒', ...accepted(board) },
    { key: 'ack', zh: '确认时延 p99', en: 'ack', unit: '毫秒', ...ack(board) },
    { key: 'age', zh: '最久积压', en: 'oldest backlog', unit: '', ...age(board) },
    { key: 'parked', zh: '搁置', en: 'parked', unit: '件', ...parked(board) },
    { key: 'mail', zh: '待阅站内信', en: 'mail waiting', unit: '封', ...mail(board) },
  ];
}

const VERDICTS = {
  ok: { zh: '系统正常', en: 'All is well' },
  warn: { zh: '需要留意', en: 'Needs attention' },
  bad: { zh: '有故障', en: 'Trouble' },
};

/** What was known once, when nothing is known now: the same values without a judgement. */
export const withdrawn = (list, since) => list.map((t) => ({ ...t, level: 'none', say: `截至 ${time(since)}`, sayEn: '' }));

/** One sentence about all of them, and the reasons. since: the figures stand still since then, so nothing is claimed; null = they do not. */
export function verdict(board, list, since) {
  if (since !== null) return { level: 'none', zh: '暂不能判断', en: 'Unknown', why: [`数据停留在 ${time(since)}`] };
  const why = list.filter((t) => rank[t.level] > 0).map((t) => `${t.zh}:${t.say}`);
  let level = list.reduce((a, t) => (rank[t.level] > rank[a] ? t.level : a), 'ok');
  if (!board.database) {
    why.push('数据库暂无应答');
    level = level === 'ok' ? 'warn' : level;
  }
  return { level, ...VERDICTS[level], why };
}
