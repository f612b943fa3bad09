// Reports, dimensions and columns of statistics in words. Data.
const WORKING = ['UNIT_ADMIN', 'UNIT_LEADER', 'CENTRE_OPERATOR', 'CENTRE_AUDITOR', 'OPINION_DUTY', 'operator', 'unit_admin'];
/** dims: what a report can be divided by; whole: of one year as a whole. */
export const REPORTS = [
  { name: 'activities', zh: '活动统计', en: 'Activities', dims: ['month', 'quarter', 'unit', 'sport', 'level', 'province', 'site_kind', 'body', 'group', 'theme', 'anchor', 'mode'],
    note: '现场与线上服务人数分列,不得相加;人数为去重人数,人次为参与次数;联合活动全国计一次、每单位各计一次,各单位之和可大于合计。' },
  { name: 'intake', zh: '报送统计', en: 'Reports sent in', dims: ['month', 'unit'], note: '按收到月份和报送单位统计。' },
  { name: 'quota', zh: '任务完成统计', en: 'Duty', dims: ['unit', 'team'], whole: true, note: '跨队运动员在每队、每单位各计一次,全国计一次。' },
  { name: 'exemptions', zh: '豁免统计', en: 'Exemptions', dims: [], note: '' },
  { name: 'flags', zh: '提示统计', en: 'Flags', dims: ['unit', 'code'], roles: WORKING, note: '提示须经说明和认定,本身不减任何时长。' },
  { name: 'opinion', zh: '舆情统计', en: 'Opinion', dims: ['month', 'unit'], roles: WORKING, note: '按收到月份统计。' },
  { name: 'mail', zh: '站内信签收统计', en: 'Mail signed for', dims: ['month', 'unit'], roles: WORKING, note: '按发出月份统计须签收的站内信;签收率不含期限内未签。' },
];
export const DIMENSIONS = { month: '月份', quarter: '季度', unit: '单位', team: '队伍', sport: '项目', level: '层级', province: '省份', site_kind: '场所类别', body: '服务对象', group: '人群', theme: '主题', anchor: '节点', mode: '方式', code: '提示种类' };
export const COLUMNS = { activities: '活动数', sessions: '计入场次', athletes: '运动员人数(去重)', person_times: '参与人次', minutes: '入账分钟', unconfirmed: '其中未经确认', guidance: '指导分钟', onsite: '现场服务人数', online: '线上服务人数',
  new_sites: '新增场所', counties: '覆盖县区', timely: '七日内报送%', corrected: '更正率%', disputed: '异议率%', rural: '农村活动%', west: '西部活动%', key_group: '重点人群%', legacy: '历史补录', legacy_minutes: '历史补录分钟',
  reports: '报送数', rejected: '校验未通过', first_pass: '一次通过率%', corrections: '更正数', corrections_rejected: '更正未通过', withdrawals: '撤回数', returned: '审核退回',
  teams_owing: '有任务队伍', teams_met: '完成队伍', team_rate: '队伍完成率%', sessions_short: '欠场次', athletes_owing: '有任务运动员', athletes_met: '完成运动员', athlete_rate: '运动员完成率%', participation_rate: '参与率%', minutes_short: '欠分钟',
  persons: '豁免人数(去重)', person_days: '减免人天', deferred_days: '缓行人天', teams: '豁免队伍', team_days: '豁免队天', flags: '提示数', standing: '其中现行版本上', open: '待处理', explained: '已说明', confirmed: '已认定', dismissed: '已排除',
  flagged: '舆情提示', red: '红', orange: '橙', yellow: '黄', blue: '蓝', to_sign: '应签收', in_time: '按时签收', late: '逾期签收', pending: '期限内未签', overdue: '逾期未签', in_time_rate: '按时签收率%' };
