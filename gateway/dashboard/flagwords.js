// States of a flag in words, and how loud they are.
export const FLAG_STATES = { OPEN: '待说明', EXPLAINED: '已说明', CONFIRMED: '已认定', DISMISSED: '已排除' };
export const OUTCOMES = { SAME_EVENT_JOINT: '同一活动,联合举办', SAME_EVENT_DOUBLE: '同一活动,重复上报', DIFFERENT: '不是同一活动' };
export const flagLevel = (state) => ({ OPEN: 'warn', CONFIRMED: 'bad', EXPLAINED: '', DISMISSED: 'ok' })[state];
