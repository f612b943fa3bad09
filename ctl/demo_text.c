/* The demonstration's texts: names, titles, narratives, feedback.
 *
 * Synthetic throughout: surnames and given characters are drawn independently, places and schools
 * do not exist. The shapes are those of the field's press: names of two to four characters, some
 * with the middle dot of minorities, some with a character outside GBK; titles with quotation
 * marks; narratives of the usual building blocks. Narratives hold no risk; feedback is chosen from
 * two lists, one with a risk, one whose risk is negated or denied, so what must be flagged is
 * known.
 */
#include "ctl/demo.h"

#include <string.h>

#define COUNT(list) ((uint32_t)(sizeof(list) / sizeof(list)[0]))
enum { STREAM_NAME = 11, STREAM_TITLE, STREAM_NARRATIVE, STREAM_SITE, STREAM_SPORT };

static const char *const surnames[] = {
    "赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈",   "韩",
    "杨", "朱", "秦", "尤", "许", "何", "吕", "施", "张", "孔", "曹", "严", "华", "欧阳", "司徒"};
static const char *const givens[] = {
    "子", "涵", "宇", "轩", "欣", "怡", "浩", "然", "思", "远", "梓", "萱",   "嘉",   "俊", "雨",
    "桐", "明", "哲", "若", "彤", "晨", "曦", "立", "群", "海", "宁", "𬭎", "𬱖", "䶮", "燊"};
static const char *const minority[] = {"阿依", "巴图", "古丽", "买买",
                                       "扎西", "卓玛", "木拉", "吐尔"};

void demo_person_name(uint64_t seed, uint64_t index, char out[64])
{
    struct demo_rand r = demo_rand_of(seed, STREAM_NAME, index);
    const char *second = demo_below(&r, 3) ? givens[demo_below(&r, COUNT(givens))] : "";
    if (demo_below(&r, 40) == 0)
        (void)snprintf(out, 64, "%s·%s%s", minority[demo_below(&r, COUNT(minority))],
                       minority[demo_below(&r, COUNT(minority))], second);
    else
        (void)snprintf(out, 64, "%s%s%s", surnames[demo_below(&r, COUNT(surnames))],
                       givens[demo_below(&r, COUNT(givens))], second);
}

static const struct {
    const char *code, *zh;
} sports[] = {{"VOLLEYBALL", "排球"}, {"TABLE_TENNIS", "乒乓球"}, {"BADMINTON", "羽毛球"},
              {"ATHLETICS", "田径"},  {"GYMNASTICS", "体操"},     {"WUSHU", "武术"},
              {"FENCING", "击剑"},    {"ROWING", "赛艇"},         {"CLIMBING", "攀岩"},
              {"BASKETBALL", "篮球"}, {"JUDO", "柔道"},           {"CYCLING", "自行车"}};

static uint32_t sport_of(const struct demo_world *w, uint32_t team)
{
    struct demo_rand r = demo_rand_of(w->seed, STREAM_SPORT, team);
    return demo_below(&r, COUNT(sports));
}

const char *demo_team_sport(const struct demo_world *w, uint32_t team)
{
    return sports[sport_of(w, team)].code;
}

void demo_team_name(const struct demo_world *w, uint32_t team, char out[128])
{
    (void)snprintf(out, 128, "%.60s示例%s%u队", w->units[w->teams[team].unit].name,
                   sports[sport_of(w, team)].zh, team + 1);
}

static const char *const places[] = {"青石", "云溪", "东湖", "向阳", "新桥", "柳林",
                                     "春晖", "望江", "白杨", "清河", "松岭", "杏园",
                                     "南塘", "桂花", "枫叶", "银滩"};
static const struct {
    const char *kind, *zh;
    int weight;
} kinds[] = {{"PRIMARY", "小学", 16},           {"MIDDLE", "中学", 7},
             {"SENIOR", "高级中学", 4},         {"NINE_YEAR", "九年一贯学校", 3},
             {"SPECIAL_ED", "特殊教育学校", 1}, {"VOCATIONAL", "职业学校", 2},
             {"COMMUNITY", "社区", 8},          {"VILLAGE", "村", 3},
             {"ELDER_CARE", "养老院", 1},       {"ELDER_UNIV", "老年学堂", 1}};

/* Index in kinds, or -1 for the three sites at the beginning of each unit. */
static int kind_of(const struct demo_world *w, uint32_t site)
{
    struct demo_rand r = demo_rand_of(w->seed, STREAM_SITE, site);
    int total = 0;
    if (site % w->sites_per_unit < DEMO_SITE_GOOD)
        return -1;
    for (size_t i = 0; i < COUNT(kinds); i++)
        total += kinds[i].weight;
    int at = (int)demo_below(&r, (uint32_t)total);
    int i = 0;
    while (at >= kinds[i].weight)
        at -= kinds[i++].weight;
    return i;
}

const char *demo_site_kind(const struct demo_world *w, uint32_t site)
{
    static const char *const special[] = {"UNIVERSITY", "PARK", "PRIMARY"};
    int k = kind_of(w, site);
    return k >= 0 ? kinds[k].kind : special[site % w->sites_per_unit];
}

int demo_site_is_school(const struct demo_world *w, uint32_t site)
{
    static const char *const schools[] = {"PRIMARY",   "MIDDLE",     "SENIOR",
                                          "NINE_YEAR", "SPECIAL_ED", "VOCATIONAL"};
    for (size_t i = 0; i < COUNT(schools); i++)
        if (strcmp(demo_site_kind(w, site), schools[i]) == 0)
            return 1;
    return 0;
}

void demo_site_name(const struct demo_world *w, uint32_t site, char out[128])
{
    static const char *const special[] = {"大学", "公园", "小学"};
    struct demo_rand r = demo_rand_of(w->seed, STREAM_SITE, ~(uint64_t)site);
    int k = kind_of(w, site);
    (void)snprintf(out, 128, "%s第%u%s", places[demo_below(&r, COUNT(places))], site + 1,
                   k >= 0 ? kinds[k].zh : special[site % w->sites_per_unit]);
}

void demo_title(const struct demo_world *w, uint32_t team, int64_t site, uint64_t n, char out[256])
{
    static const char *const verbs[] = {"开展健身指导",           "同上一堂体育课",
                                        "教练员运动员手把手教学", "“两进”志愿服务",
                                        "体质监测与锻炼指导",     "“以球会友”互动课堂"};
    struct demo_rand r = demo_rand_of(w->seed, STREAM_TITLE, n);
    const char *sport = sports[sport_of(w, team)].zh;
    const char *verb = verbs[demo_below(&r, COUNT(verbs))];
    char name[128] = "线上课堂";
    if (site >= 0)
        demo_site_name(w, (uint32_t)site, name);
    (void)snprintf(out, 256, "%s队走进%s%s", sport, name, verb);
}

/* What was practised, four of these in an order of their own: so no two stories are alike enough to
 * be copies (V32), as those of people are not. */
static const char *const drills[] = {
    "颠球",     "运球",     "折返跑",   "高抬腿",   "开合跳",   "原地垫球", "对墙击球", "步法移动",
    "挥拍动作", "反应起跑", "接力跑",   "立定跳远", "跳绳",     "压腿拉伸", "肩部绕环", "弓步转体",
    "手腕转动", "传接配合", "三步上篮", "定点投篮", "侧滑步",   "俯卧撑",   "深蹲",     "前滚翻",
    "平衡练习", "柔韧练习", "呼吸调整", "节拍热身", "抛接网球", "反手拨球", "正手攻球", "发球落点",
    "慢跑放松", "绕杆跑",   "踏步操",   "小步跑",   "后蹬跑",   "双人传球", "仰卧起坐", "团身跳"};

static void put_drills(struct demo_rand *r, struct lj_buf *out)
{
    enum { TAKEN = 4 };
    uint64_t used = 0;
    lj_buf_printf(out, "练习了");
    for (int i = 0; i < TAKEN;) {
        uint32_t k = demo_below(r, COUNT(drills));
        if (used >> k & 1U)
            continue;
        used |= UINT64_C(1) << k;
        lj_buf_printf(out, "%s%s", i++ ? "、" : "", drills[k]);
    }
    lj_buf_printf(out, "。");
}

void demo_narrative(uint64_t n, struct lj_buf *out)
{
    static const char *const openings[] = {"活动在升国旗、奏国歌中开始,同学们为运动员系上红领巾。",
                                           "学生代表向运动员献花,体育老师介绍了来访的队伍。",
                                           "社区居民早早来到广场,工作人员摆好了器材。"};
    static const char *const shows[] = {"队员们先展示了基本功,赢得阵阵掌声。",
                                        "运动员现场示范动作要领,边做边讲解。",
                                        "队长带着大家做热身操,讲解如何科学锻炼。"};
    static const char *const lessons[] = {"随后分组教学,运动员一对一纠正动作,手把手指导。",
                                          "同学们分成六个小组轮流体验,每组由一名队员指导。",
                                          "居民们跟着学了一套简单易行的居家健身动作。"};
    static const char *const games[] = {"最后进行了一场趣味对抗,同学们玩得很开心。",
                                        "互动环节里大家踊跃提问,队员们耐心解答。",
                                        "小朋友和运动员切磋球技,笑声不断。"};
    static const char *const endings[] = {"活动结束后合影留念,学校赠送了手绘贺卡。",
                                          "校长表示这样的课堂让孩子们更爱运动。",
                                          "大家约定下学期再见,现场气氛热烈。"};
    struct demo_rand r = demo_rand_of(n, STREAM_NARRATIVE, n);
    lj_buf_printf(out, "%s%s", openings[demo_below(&r, COUNT(openings))],
                  shows[demo_below(&r, COUNT(shows))]);
    put_drills(&r, out);
    lj_buf_printf(out, "%s%s", lessons[demo_below(&r, COUNT(lessons))],
                  demo_below(&r, 2) ? games[demo_below(&r, COUNT(games))]
                                    : endings[demo_below(&r, COUNT(endings))]);
}

const char *demo_feedback_text(int risky, uint64_t n)
{
    static const char *const risks[] = {
        "活动中一名学生摔倒骨折,被送往医院治疗。",
        "入场时要收费,每个孩子交了五十元,家长很不满。",
        "拉个横幅拍完照就走了,完全是走过场、搞形式主义。",
        "教练当众辱骂学生,还动手打人。",
        "孩子们在寒风中等了两个多小时,队伍一直没来,放了鸽子。",
        "课讲到一半开始推销护具,打着公益旗号卖课。",
        "没经过家长同意就把孩子的姓名和照片发到网上,泄露隐私。",
        "来的人根本不是运动员,是冒充的世界冠军。",
    };
    static const char *const safe[] = {
        "活动组织有序,没有学生受伤,也没有收取任何费用。",
        "课前讲了安全须知,严禁打骂和收费,孩子们学得很认真。",
        "队员们很耐心,孩子们特别开心,希望多来几次。",
        "全程免费,没有推销,老师和家长都很满意。",
    };
    return risky ? risks[n % COUNT(risks)] : safe[n % COUNT(safe)];
}
