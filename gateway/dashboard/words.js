// Words of the system in Chinese, and how numbers and times are written. Data, no logic.

export const TYPES = {
  'unit.registered': '单位登记', 'unit.changed': '单位变更', 'unit.suspended': '单位停用', 'policy.set': '政策设定',
  'team.registered': '队伍登记', 'team.changed': '队伍变更', 'team.disbanded': '队伍撤销', 'person.registered': '人员登记',
  'membership.started': '入队', 'membership.changed': '在队变更', 'membership.ended': '离队', 'site.registered': '场所登记', 'exemption.approved': '任务豁免', 'exemption.ended': '豁免结束', 'certificate.issued': '出具证明',
  'activity.submitted': '活动报告', 'activity.corrected': '活动更正', 'activity.withdrawal_requested': '活动撤回申请',
  'feedback.received': '反馈', 'opinion.item_received': '舆情条目', 'mail.read': '站内信已读', 'mail.signed': '站内信签收',
  'mail.broadcast_requested': '站内信群发', 'activity.rejected': '报告未通过', 'activity.withdrawn': '活动已撤回',
  'quota.duty_met': '任务完成', 'quota.credited': '入账日报', 'quota.level_changed': '进度滞后', 'flag.opened': '线索日报', 'account.bulk_entry': '批量录入异常', 'flag.explained': '线索说明', 'flag.decided': '线索认定', 'duplicate.decided': '重复认定', 'filing_window.opened': '开放补报', 'calendar.day_started': '新的一天', 'calendar.year_set': '节假日安排', 'opinion.flagged': '舆情提示', 'operator.kind_paused': '环节暂停', 'operator.kind_resumed': '环节恢复',
  'operator.drained': '排空', 'operator.parked_redriven': '搁置重派', 'operator.parked_dropped': '搁置放弃',
};
export const KINDS = { register: '登记', validation: '校验', quota: '任务量', mail: '站内信', opinion: '舆情' };
export const STATES = { running: '运行', paused: '已暂停' };
export const ROLES = { operator: '运维', unit_admin: '单位管理员', observer: '观察员', TEAM_FILLER: '填报员', UNIT_ADMIN: '单位系统管理员', UNIT_LEADER: '单位负责人',
  CENTRE_OPERATOR: '中心经办', CENTRE_AUDITOR: '中心审核', POLICY_ADMIN: '政策管理员', OPINION_DUTY: '舆情值班员', OBSERVER: '观察员' };

const whole = new Intl.NumberFormat('zh-CN', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('zh-CN', { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const date = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', year: 'numeric', month: 'long', day: 'numeric', weekday: 'short' });

export const num = (n) => (n === null || n === undefined ? '–' : whole.format(n));
export const rate = (n) => (n < 10 ? tenth.format(n) : whole.format(n));
export const time = (t) => clock.format(typeof t === 'string' ? new Date(t) : t);
export const day = (t) => date.format(t);
export const big = (n) => (n >= 100000 ? `${tenth.format(n / 10000)} 万` : whole.format(n));

/** A span of seconds in words. */
export function span(s) {
  if (s === null || s === undefined) return '–';
  if (s < 1) return '不足 1 秒';
  if (s < 60) return `${whole.format(s)} 秒`;
  if (s < 3600) return `${Math.floor(s / 60)} 分 ${whole.format(Math.floor(s % 60))} 秒`;
  return `${Math.floor(s / 3600)} 小时 ${Math.floor((s % 3600) / 60)} 分`;
}
