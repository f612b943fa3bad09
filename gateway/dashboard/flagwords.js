// States, codes and evidence of flags in words, and how loud a state is. Names of codes are the database's (flag_code); here is what one may choose by.
export const FLAG_STATES = { OPEN: '待说明', EXPLAINED: '已说明', CONFIRMED: '已认定', DISMISSED: '已排除' };
export const OUTCOMES = { SAME_EVENT_JOINT: '同一活动,联合举办', SAME_EVENT_DOUBLE: '同一活动,重复上报', DIFFERENT: '不是同一活动' };
export const flagLevel = (state) => ({ OPEN: 'warn', CONFIRMED: 'bad', EXPLAINED: '', DISMISSED: 'ok' })[state];
export const FLAG_CODES = [['DUP', '疑似重复上报'], ['HILO', '高投入低产出'], ['V04', '指导占比偏低'], ['V09', '人员时间冲突'], ['V10', '人员无法赶到'], ['V14', '同校入校过多'], ['V15', '假期进校'], ['V18', '受众过多'], ['V19', '受众多为整百'],
  ['V26', '照片日期不符'], ['V27', '照片重复使用'], ['V32', '文字雷同'], ['V33', '名单雷同'], ['V35', '批量录入'], ['X01', '以仪式讲话为主'], ['X02', '时长过短'], ['X03', '大场讲座'], ['X04', '人均受众过多'], ['X05', '陪同过多'], ['X06', '成本过高'], ['X07', '路途远超服务'],
  ['X10', '集中突击'], ['X11', '踩线达标'], ['X12', '单一场所反复'], ['X13', '主办方未予确认'], ['X14', '运动员异议'], ['X15', '给学生留任务'], ['X16', '学生等候'], ['X18', '以赠送为主']];
export const EVIDENCE = { person: '人员', activity: '另一活动', minutes: '分钟', km: '公里', site: '场所', term: '学期', visits: '次数', a: '本报告', b: '对照', team: '运动队', reports: '报告数', round: '整百次数', distance: '差异', percent: '百分比', account: '账号', seconds: '秒',
  participations: '人次', yuan: '元', bound: '界限', input: '投入', output: '产出', rush: '场次', sessions: '全年场次', from: '自', exact: '恰为任务数的人数', athletes: '运动员', sites: '场所数', why: '原因', roster: '名单人数', disputed: '异议人数', waited: '等候分钟', late: '迟到分钟',
  level: '程度', by: '比对方式' };
/** What a suspected duplicate's score is made of, and at most. */
export const PARTS = [['site', '地点', 30], ['roster', '名单', 25], ['time', '时间', 20], ['text', '文字', 15], ['photo', '照片', 10]];
