/*
 * Names, and the explanation in one line of Chinese.
 *
 * A person must see why: each finding with its kind, severity, the quoted evidence and the rule;
 * then what was looked at and not counted, with the scope that cancelled it. Written into the
 * caller's buffer, always cut at a character.
 */
#include <string.h>

#include "workers/opinion/opinion.h"
#include "workers/opinion/text.h"

static const struct {
    const char *name;
    const char *zh;
} kinds[LJ_OPINION_KINDS] = {
    [LJ_OPINION_INJURY] = {"injury", "伤害事故"},
    [LJ_OPINION_FEE] = {"fee", "收费营利"},
    [LJ_OPINION_FORMALISM] = {"formalism", "形式主义"},
    [LJ_OPINION_MISCONDUCT] = {"misconduct", "言行失当"},
    [LJ_OPINION_DISCRIMINATION] = {"discrimination", "歧视排斥"},
    [LJ_OPINION_DISTURBANCE] = {"disturbance", "扰民扰课"},
    [LJ_OPINION_FAKE] = {"fake", "弄虚作假"},
    [LJ_OPINION_REPUTATION] = {"reputation", "声誉风险"},
    [LJ_OPINION_PRIVACY] = {"privacy", "隐私泄露"},
    [LJ_OPINION_THREAT] = {"threat", "人身威胁"},
};

static const struct {
    const char *name;
    int base;
} codes[LJ_OPINION_CODES] = {
    [LJ_OPINION_CODE_ABUSE] = {"ABUSE", 75},     [LJ_OPINION_CODE_INJURY] = {"INJURY", 70},
    [LJ_OPINION_CODE_FINANCE] = {"FINANCE", 50}, [LJ_OPINION_CODE_FRAUD] = {"FRAUD", 50},
    [LJ_OPINION_CODE_CONDUCT] = {"CONDUCT", 45}, [LJ_OPINION_CODE_COMMERCE] = {"COMMERCE", 45},
    [LJ_OPINION_CODE_FAKE] = {"FAKE", 45},       [LJ_OPINION_CODE_FEES] = {"FEES", 45},
    [LJ_OPINION_CODE_PRIVACY] = {"PRIVACY", 40}, [LJ_OPINION_CODE_WAIT] = {"WAIT", 40},
    [LJ_OPINION_CODE_WEATHER] = {"WEATHER", 40}, [LJ_OPINION_CODE_CLASS] = {"CLASS", 35},
    [LJ_OPINION_CODE_FAN] = {"FAN", 35},         [LJ_OPINION_CODE_FORMAL] = {"FORMAL", 30},
    [LJ_OPINION_CODE_OTHER] = {"OTHER", 25},     [LJ_OPINION_CODE_POSITIVE] = {"POSITIVE", 0},
    [LJ_OPINION_CODE_NEUTRAL] = {"NEUTRAL", 0},
};

static const struct {
    const char *name;
    const char *zh;
} scopes[LJ_OPINION_SCOPES] = {
    [LJ_OPINION_SCOPE_NONE] = {"none", ""},
    [LJ_OPINION_SCOPE_NEG] = {"neg", "否定"},
    [LJ_OPINION_SCOPE_PREV] = {"prev", "禁止或预防"},
    [LJ_OPINION_SCOPE_HYP] = {"hyp", "假设或询问"},
    [LJ_OPINION_SCOPE_TOPIC] = {"topic", "讲授的话题"},
    [LJ_OPINION_SCOPE_PAST] = {"past", "往事"},
    [LJ_OPINION_SCOPE_OTHER] = {"other", "别处的事"},
    [LJ_OPINION_SCOPE_DENY] = {"deny", "已辟谣或查无实据"},
    [LJ_OPINION_SCOPE_RESOLVED] = {"resolved", "已解决"},
    [LJ_OPINION_SCOPE_SPORT] = {"sport", "运动用语"},
    [LJ_OPINION_SCOPE_LONE] = {"lone", "弱词无旁证"},
    [LJ_OPINION_SCOPE_UNLIKELY] = {"unlikely", "综合判断可能性低"},
    [LJ_OPINION_SCOPE_CONTRA] = {"contra", "反话或言行不一"},
    [LJ_OPINION_SCOPE_NEARMISS] = {"nearmiss", "有惊无险"},
    [LJ_OPINION_SCOPE_QUOTE] = {"quote", "转述"},
};

static const char *const actions[LJ_OPINION_ACTIONS] = {"none", "digest", "review", "page"};

static const char *const levels[] = {"NONE", "BLUE", "YELLOW", "ORANGE", "RED"};

const char *lj_opinion_kind_name(enum lj_opinion_kind kind)
{
    return (unsigned)kind < LJ_OPINION_KINDS ? kinds[kind].name : "?";
}

const char *lj_opinion_kind_name_zh(enum lj_opinion_kind kind)
{
    return (unsigned)kind < LJ_OPINION_KINDS ? kinds[kind].zh : "?";
}

const char *lj_opinion_code_name(enum lj_opinion_code code)
{
    return (unsigned)code < LJ_OPINION_CODES ? codes[code].name : "?";
}

int lj_opinion_code_base(enum lj_opinion_code code)
{
    return (unsigned)code < LJ_OPINION_CODES ? codes[code].base : 0;
}

const char *lj_opinion_scope_name(enum lj_opinion_scope scope)
{
    return (unsigned)scope < LJ_OPINION_SCOPES ? scopes[scope].name : "?";
}

const char *lj_opinion_action_name(enum lj_opinion_action action)
{
    return (unsigned)action < LJ_OPINION_ACTIONS ? actions[action] : "?";
}

const char *lj_opinion_level_name(enum lj_opinion_level level)
{
    return (unsigned)level < sizeof levels / sizeof levels[0] ? levels[level] : "?";
}

int lj_opinion_kind_by_name(const char *name, size_t n)
{
    for (int i = 0; i < LJ_OPINION_KINDS; i++) {
        if (strlen(kinds[i].name) == n && memcmp(kinds[i].name, name, n) == 0)
            return i;
    }
    return -1;
}

int lj_opinion_code_by_name(const char *name, size_t n)
{
    for (int i = 0; i < LJ_OPINION_CODES; i++) {
        if (strlen(codes[i].name) == n && memcmp(codes[i].name, name, n) == 0)
            return i;
    }
    return -1;
}

struct out {
    char *buf;
    size_t size;
    size_t used;
    bool full;
};

/* Appends n bytes, or as many whole characters as fit. */
static void put(struct out *o, const char *p, size_t n)
{
    if (o->full)
        return;
    size_t room = o->size - 1 - o->used;
    size_t k = n < room ? n : room;
    while (k < n && k > 0 && ((unsigned char)p[k] & 0xC0) == 0x80)
        k--;
    memcpy(o->buf + o->used, p, k);
    o->used += k;
    o->full = k < n;
}

static void puts_to(struct out *o, const char *s)
{
    put(o, s, strlen(s));
}

/* Quotes code points [start, end) of the text, at most 20 of them; control characters become
 * spaces: it is one line. */
static void quote(struct out *o, struct lj_opinion_span span, const char *text, size_t len)
{
    size_t i = 0;
    uint32_t cp = 0;
    puts_to(o, "“");
    while (i < len && cp < span.end) {
        size_t from = i;
        int32_t c = lj_utf8_next(text, len, &i);
        if (cp >= span.start && cp < span.start + 20) {
            if (c < 0)
                puts_to(o, "\xEF\xBF\xBD");
            else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029)
                puts_to(o, " ");
            else
                put(o, text + from, i - from);
        }
        cp++;
    }
    puts_to(o, span.end - span.start > 20 ? "……”" : "”");
}

static void explain_finding(struct out *o, const struct lj_opinion_finding *f, const char *text,
                            size_t len)
{
    static const char *const severities[] = {"", "轻微", "一般", "严重"};
    static const char *const sources[] = {
        [LJ_OPINION_BY_TERM] = ",词条「",
        [LJ_OPINION_BY_PAIR] = ",搭配规则「",
        [LJ_OPINION_BY_RULE] = ",句内规则「",
        [LJ_OPINION_BY_NGRAM] = ",模型特征「",
    };
    puts_to(o, kinds[f->kind].zh);
    puts_to(o, "(");
    puts_to(o, severities[f->severity & 3]);
    puts_to(o, "):");
    for (uint32_t i = 0; i < f->span_count && i < 3; i++)
        quote(o, f->spans[i], text, len);
    if (f->reason_count > 0) {
        puts_to(o, sources[f->reasons[0].source]);
        puts_to(o, f->reasons[0].rule);
        puts_to(o, "」");
        if (f->reasons[0].scope != LJ_OPINION_SCOPE_NONE) {
            puts_to(o, "·");
            puts_to(o, scopes[f->reasons[0].scope].zh);
        }
    }
    puts_to(o, ";");
}

size_t lj_opinion_explain(const struct lj_opinion_findings *f, const char *text, size_t len,
                          char *buf, size_t size)
{
    static const char *const polarity[] = {"负面", "中性", "正面"};
    if (size == 0)
        return 0;
    struct out o = {.buf = buf, .size = size};
    puts_to(&o, polarity[f->polarity + 1]);
    puts_to(&o, f->count ? "。" : "。未见风险");
    for (uint32_t i = 0; i < f->count; i++)
        explain_finding(&o, &f->findings[i], text, len);
    if (f->rumour)
        puts_to(&o, " 属传闻加否认,未证实;");
    for (uint32_t i = 0; i < f->cancelled_count && i < 4; i++) {
        puts_to(&o, i == 0 ? " 未计入:" : "、");
        quote(&o, f->cancelled[i].span, text, len);
        puts_to(&o, "(");
        puts_to(&o, scopes[f->cancelled[i].scope].zh);
        puts_to(&o, ")");
    }
    if (f->evasion)
        puts_to(&o, " 含变体写法");
    buf[o.used] = '\0';
    return o.used;
}
