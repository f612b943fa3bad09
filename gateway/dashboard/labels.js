// Words of reports, reviews and flags in Chinese. Data, and how a report's members are written.
import { num } from './words.js';

export const ACTIVITY_STATES = { SUBMITTED: '已提交', UNIT_REVIEW: '待审核', RETURNED: '已退回', APPROVED: '已批准', SAMPLED: '抽查中', CONFIRMED: '抽查通过', CORRECTION_PENDING: '更正待审核',
  WITHDRAWN: '已撤回', REVOKED: '已撤销', LAPSED: '已失效' };
export const STATE_LEVEL = { UNIT_REVIEW: 'warn', CORRECTION_PENDING: 'warn', SAMPLED: 'warn', APPROVED: 'ok', CONFIRMED: 'ok', REVOKED: 'bad', RETURNED: 'bad' };
export const MOVES = { 'activity.submitted': '提交', 'activity.corrected': '更正', 'activity.withdrawal_requested': '申请撤回', 'activity.approved': '批准', 'activity.returned': '退回',
  'activity.reopened': '重新开放', 'activity.sampled': '列入抽查', 'activity.confirmed': '抽查通过', 'activity.revoked': '撤销', 'participation.confirmed': '运动员确认',
  'participation.disputed': '运动员异议', 'participation.resolved': '异议处理', 'host.asked': '已请主办方确认', 'host.confirmed': '主办方确认', 'host.disputed': '主办方异议' };
export const MEMBER_ROLES = { INSTRUCT: '指导', DEMO: '示范', TALK: '讲授', SUPPORT: '保障', ATTEND: '出席' };
export const STATUSES = { FORMAL: '正式', TRIAL: '试训', TRAINEE: '集训', RETIRED: '退役', LEFT: '离队' };
export const SAID = { PENDING: '未表态', AUTO: '逾期默认', YES: '已确认', DISPUTED: '有异议', KEPT: '异议后保留', DROPPED: '异议后剔除' };
export const HOST_SAID = { NONE: '未请主办方确认', SENT: '已请主办方确认,待答复', CONFIRMED: '主办方已确认', DISPUTED: '主办方有异议', EXPIRED: '主办方逾期未答复' };
export const WHY = { SCORE_80: '得分 80 及以上', SCORE_60: '得分 60–79 抽中', RANDOM: '随机抽中' };
const SITES = { KINDERGARTEN: '幼儿园', PRIMARY: '小学', MIDDLE: '初中', SENIOR: '高中', NINE_YEAR: '九年一贯制学校', SPECIAL_ED: '特殊教育学校', VOCATIONAL: '职业学校', COMMUNITY: '社区', VILLAGE: '村',
  ELDER_CARE: '养老机构', ELDER_UNIV: '老年大学', PARK: '公园', STADIUM: '体育场馆', TRAINING_BASE: '训练基地', UNIVERSITY: '高等院校', COMPANY: '企业', MALL: '商场', SCENIC: '景区', BARRACKS: '军营', OTHER: '其他' };
const MODES = { ONSITE: '现场', LIVE: '直播', RECORDED: '录播', HYBRID: '现场与线上' };
const BODIES = { SCHOOL: '学校', COMMUNITY: '社区' };
const CONTENT = { TEACH: '教学', DEMO: '示范', MATCH_PLAY: '对抗', LECTURE: '讲座', Q_A: '问答', TEST: '测试', DONATION: '捐赠', CEREMONY: '仪式', OTHER: '其他' };
const GROUPS = { CHILD: '儿童', TEEN: '青少年', ADULT: '成人', ELDER: '老年人', DISABLED: '残疾人', WOMEN: '妇女', WORKER: '职工', FARMER: '农民', SOLDIER_FAMILY: '军属', OTHER: '其他' };
const THEMES = { PARTY: '党建', IDEOLOGY_STYLE: '思想作风', VOLUNTEER: '志愿服务', PAIRING_AID: '结对帮扶', RURAL: '乡村', RED_EDU: '红色教育', EVENT_LINKED: '赛事联动', ANCHOR: '节点', BRAND: '品牌', STUDY_TOGETHER: '共学' };
const ANCHORS = { A0610: '6·10', A0808: '8·8', CHONGYANG: '重阳' };

const from = (table) => (v) => (Array.isArray(v) ? v.map((x) => table[x] || x).join('、') : table[v] || v);
const unit = (word) => (v) => `${num(v)} ${word}`;
const plain = (v) => (typeof v === 'boolean' ? (v ? '是' : '否') : typeof v === 'object' ? JSON.stringify(v) : String(v));
const moment = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', year: 'numeric', month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false });
export const at = (t) => (t ? moment.format(new Date(t)) : '–');
export const siteKind = from(SITES);

/** Members of a report in the order in which they are read; what is not here is shown behind them as it is. */
export const MEMBERS = [
  ['title', '名称', plain], ['mode', '方式', from(MODES)], ['start_at', '开始', at], ['end_at', '结束', at], ['break_minutes', '休息', unit('分钟')], ['guidance_minutes', '指导', unit('分钟')],
  ['served_body', '服务对象', from(BODIES)], ['served_name', '所服务单位', plain], ['school_approval_no', '入校批准文号', plain], ['audience', '现场受众', unit('人')], ['audience_online', '线上观看', unit('人')],
  ['lesson_count', '直接受教', unit('人')], ['audience_groups', '人群', from(GROUPS)], ['content', '内容', from(CONTENT)], ['themes', '主题', from(THEMES)], ['anchor', '节点', from(ANCHORS)],
  ['cost_yuan', '费用', unit('元')], ['staff_count', '工作人员', unit('名')], ['travel_minutes', '往返路途', unit('分钟')], ['sponsor', '赞助方', plain], ['fee_charged', '是否收费', plain],
  ['url', '链接', plain], ['platform', '平台', plain], ['platform_id', '平台编号', plain], ['risk', '风险与安全', plain], ['late_reason', '迟报原因', plain], ['narrative', '活动情况', plain],
];
const HIDDEN = new Set(['teams', 'roster', 'site', 'attachments', ...MEMBERS.map((m) => m[0])]);
export function membersOf(body) {
  const known = MEMBERS.filter(([k]) => body[k] !== undefined).map(([k, zh, show]) => [k, zh, show(body[k])]);
  return [...known, ...Object.keys(body).filter((k) => !HIDDEN.has(k)).map((k) => [k, k, plain(body[k])])];
}

/** What validation's notes say, by code: a reminder, not the sentence that a rejection has. */
export const FINDINGS = { V03: '净时长过短或过长', V04: '指导时长占比偏低', V05: '名单中有人不属于本次活动的队伍', V07: '当日非本队成员或已退役,不计时长', V11: '在场时间不足,不计时长', V13: '入校活动缺批准或备案号',
  V15: '活动日期在假期', V17: '有赞助方或商业用语,批准须附说明', V18: '受众过多或超过场所容量', V20: '线上观众应填入线上观看', V21: '没有教学内容,时长设上限', V22: '活动日期处于节点窗口', V23: '仅党建、红色教育而无指导,不计',
  V24: '高温或天气预警,须有安全说明', V26: '照片拍摄时间与活动不符', V28: '照片可辨认未成年人而未获同意', V29: '迟报', V34: '场所较远,请就近就便', V36: '伤病豁免期内登记为指导', V39: '历史补录', X01: '以仪式讲话为主', X02: '时长过短', X03: '大场讲座', X04: '人均受众过多',
  X05: '陪同过多', X07: '路途远超服务', X15: '给学生留任务', X18: '以赠送为主' };

/** Why something that was sent was not accepted, where the answer has a code alone. */
export const REASONS = { R01: '提交人不能审核自己提交的内容', R02: '此人不在该版本的名单中', R03: '涉及赞助或商业用语,批准须附说明', R04: '抽查中的活动由中心退回', V29: '年度已关闭,不再审核',
  V31: '活动的状态或版本已变,请刷新后再办', NO_FLAG: '没有这条提示', OTHER_UNIT: '不属于本单位', STATE: '提示的状态已变,请刷新', OUTCOME: '认定方式与提示种类不符' };

/** "/roster/1/person" of this roster, in words. */
export function place(pointer, roster) {
  const row = /^(?:\/body)?\/roster\/(\d+)/.exec(pointer);
  if (row) return roster[row[1]] ? `名单 ${roster[row[1]].name}` : `名单第 ${Number(row[1]) + 1} 行`;
  const name = pointer.split('/').filter((x) => x && x !== 'body')[0];
  const member = MEMBERS.find((m) => m[0] === name);
  return member ? member[1] : { teams: '队伍', site: '场所', attachments: '附件', roster: '名单' }[name] || '';
}
