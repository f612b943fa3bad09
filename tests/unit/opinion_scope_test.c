/* Scopes: for each one texts that it cancels, and texts of the same words that it must not.
 *
 * The rules alone are asked, without models: a scope is a decision that a person can name. The
 * texts are synthetic and stand in no table; several are there because an earlier form failed on
 * them.
 *
 * lj-test: lj_opinion
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/err.h"
#include "workers/opinion/opinion.h"

static struct lj_opinion *engine;

enum { CLEAN = -1 };

struct scoped {
    const char *text;
    int kind;                    /* that must be found, or CLEAN: no finding at all */
    enum lj_opinion_scope scope; /* that some hit of the text must carry; NONE: do not ask */
};

static bool has_scope(const struct lj_opinion_findings *f, enum lj_opinion_scope scope)
{
    for (uint32_t i = 0; i < f->cancelled_count; i++) {
        if (f->cancelled[i].scope == scope)
            return true;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        for (uint32_t k = 0; k < f->findings[i].reason_count; k++) {
            if (f->findings[i].reasons[k].scope == scope)
                return true;
        }
    }
    return false;
}

static bool has_kind(const struct lj_opinion_findings *f, int kind)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if ((int)f->findings[i].kind == kind)
            return true;
    }
    return false;
}

static void check(const struct scoped *rows, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct lj_opinion_findings f;
        const struct scoped *r = &rows[i];
        assert_int_equal(lj_opinion_score(engine, r->text, strlen(r->text), &f, NULL), 0);
        bool right = r->kind == CLEAN ? f.count == 0 : has_kind(&f, r->kind);
        bool named = r->scope == LJ_OPINION_SCOPE_NONE || has_scope(&f, r->scope);
        if (!right || !named) {
            char why[LJ_OPINION_EXPLAIN_MAX];
            (void)lj_opinion_explain(&f, r->text, strlen(r->text), why, sizeof why);
            print_message("%s\n  => %s%s\n", r->text, why, named ? "" : " (scope not named)");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void neg(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"全程没有收费、推销、摆拍和任何形式的打骂。", CLEAN, LJ_OPINION_SCOPE_NEG},
        {"没有人受伤，没有人被罚跪，也没有谁推销过东西。", CLEAN, LJ_OPINION_SCOPE_NEG},
        {"摆拍没有，收费也没有，就是实打实地练。", CLEAN, LJ_OPINION_SCOPE_NEG},
        {"会员卡，没有；内部价，没有；扫码付，没有。", CLEAN, LJ_OPINION_SCOPE_NEG},
        {"教练没有因为他口吃就嘲笑孩子。", CLEAN, LJ_OPINION_SCOPE_NEG},
        {"收费？没有的事，水都是他们自己扛来的。", CLEAN, LJ_OPINION_SCOPE_NONE},
        /* a negator that belongs to something else */
        {"没有铺垫子，孩子从单杠上摔下来骨折了。", LJ_OPINION_INJURY, LJ_OPINION_SCOPE_NONE},
        {"不是没收费，是收了两次费。", LJ_OPINION_FEE, LJ_OPINION_SCOPE_NONE},
        {"没人管，孩子晕倒了二十分钟才送医。", LJ_OPINION_INJURY, LJ_OPINION_SCOPE_NONE},
        {"没交钱的孩子被罚站一节课。", LJ_OPINION_MISCONDUCT, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void contra(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"说好不收费，结果每人收了六十。", LJ_OPINION_FEE, LJ_OPINION_SCOPE_CONTRA},
        {"公告写着不占用上课时间，结果三节课全停了。", LJ_OPINION_DISTURBANCE,
         LJ_OPINION_SCOPE_NONE},
        {"谁说没收费？我妈交了八十。", LJ_OPINION_FEE, LJ_OPINION_SCOPE_NONE},
        {"口口声声免费，到了现场才发现要买128元的手环。", LJ_OPINION_FEE, LJ_OPINION_SCOPE_NONE},
        {"说好不收费，结果真的一分没收。", CLEAN, LJ_OPINION_SCOPE_NEG},
    };
    CHECK(rows);
}

static void prev(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"进校人员严禁收费、推销、体罚学生。", CLEAN, LJ_OPINION_SCOPE_PREV},
        {"为防止踩踏，学校错峰放学。", CLEAN, LJ_OPINION_SCOPE_PREV},
        {"各站点不得以任何名义收取押金，不得强制购买装备。", CLEAN, LJ_OPINION_SCOPE_PREV},
        {"未经同意不得拍摄学生正脸。", CLEAN, LJ_OPINION_SCOPE_PREV},
        {"墙上贴着严禁体罚，结果教练当着牌子扇孩子耳光。", LJ_OPINION_MISCONDUCT,
         LJ_OPINION_SCOPE_NONE},
        {"明令禁止收费。可他们还是收了每人三十块。", LJ_OPINION_FEE, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void hyp(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"如果有人摔伤，谁来负责？", CLEAN, LJ_OPINION_SCOPE_HYP},
        {"万一老人摔倒骨折怎么办，建议铺防滑垫。", CLEAN, LJ_OPINION_SCOPE_HYP},
        {"我还担心会推销保健品，去了发现想多了。", CLEAN, LJ_OPINION_SCOPE_HYP},
        {"请问活动会不会收费？", CLEAN, LJ_OPINION_SCOPE_HYP},
        {"市民咨询，报名后是否需要交押金，如需交押金何时退还。", CLEAN, LJ_OPINION_SCOPE_NONE},
        {"我以为是来推销的，结果真是推销，一套卖我们三百八。", LJ_OPINION_FEE,
         LJ_OPINION_SCOPE_NONE},
        {"怕孩子冻着我给他加了衣服，谁想到回来还是发着高烧，站了两个小时寒风。", LJ_OPINION_INJURY,
         LJ_OPINION_SCOPE_NONE},
        {"你们要是再压着不处理，我们就开直播讲。", LJ_OPINION_REPUTATION, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void topic(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"今天的讲座讲体罚的危害，孩子们听得认真。", CLEAN, LJ_OPINION_SCOPE_TOPIC},
        {"演练中模拟学生骨折，校医三分钟赶到。", CLEAN, LJ_OPINION_SCOPE_TOPIC},
        {"【科普】运动后晕倒、抽筋该怎么处理。出现昏迷要马上拨打120。", CLEAN,
         LJ_OPINION_SCOPE_TOPIC},
        {"教练给大家讲热射病，讲完发了矿泉水。", CLEAN, LJ_OPINION_SCOPE_TOPIC},
        {"讲座讲到一半，教练扇了学生一巴掌，全场都看见了。", LJ_OPINION_MISCONDUCT,
         LJ_OPINION_SCOPE_NONE},
        {"安全讲座变成卖课，一节一百八。", LJ_OPINION_FEE, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void past(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"我十九岁那年韧带断裂，躺了八个月。后来又骨折过两次。", CLEAN, LJ_OPINION_SCOPE_PAST},
        {"三十年前，我们体校有个教练打人，冬天罚我们站在雪地里。现在的教练蹲着跟孩子说话。", CLEAN,
         LJ_OPINION_SCOPE_PAST},
        {"2008年她在训练中摔断了腿，今天站在孩子们面前笑着讲这件事。", CLEAN,
         LJ_OPINION_SCOPE_PAST},
        {"他说当年自己也摔断过胳膊。今天我儿子也摔断了胳膊，就在你们的垫子上。", LJ_OPINION_INJURY,
         LJ_OPINION_SCOPE_NONE},
        {"以前从没出过事，今天下午有个孩子从平衡木上摔下来，送医院了。", LJ_OPINION_INJURY,
         LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void other(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"听说隔壁县的活动收费还推销，咱们这儿一分钱没花。", CLEAN, LJ_OPINION_SCOPE_OTHER},
        {"据外媒报道，某国一座体育场发生踩踏。事故造成多人死亡。", CLEAN, LJ_OPINION_SCOPE_OTHER},
        {"有的地方打着冠军旗号卖课，我们学校这次没有。", CLEAN, LJ_OPINION_SCOPE_OTHER},
        {"新闻里说外省有教练体罚学生。我们学校今天也有教练体罚学生，家长都在场。",
         LJ_OPINION_MISCONDUCT, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void deny(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"【辟谣】网传教练体罚学生。经核实，系旧视频。", CLEAN, LJ_OPINION_SCOPE_DENY},
        {"网传教练体罚，我就在现场，是孩子自己要加练的。", CLEAN, LJ_OPINION_SCOPE_DENY},
        {"所反映的收费一事查无实据，系来电人误将其他机构当作本活动。", CLEAN,
         LJ_OPINION_SCOPE_DENY},
        {"【回应】关于“教练体罚学生”一事。经调取监控，是孩子自己在地上打滚。", CLEAN,
         LJ_OPINION_SCOPE_DENY},
        {"别再传了，收费的是隔壁游泳馆。", CLEAN, LJ_OPINION_SCOPE_DENY},
        {"教练骂孩子“废物”，经查属实，学校已报警。", LJ_OPINION_MISCONDUCT, LJ_OPINION_SCOPE_NONE},
        {"刚刚是不是骂孩子废物，我没听错吧。", LJ_OPINION_MISCONDUCT, LJ_OPINION_SCOPE_NONE},
        {"教练体罚学生。若不属实请给说法，若属实请处理。", LJ_OPINION_MISCONDUCT,
         LJ_OPINION_SCOPE_NONE},
        {"你们发公告说体罚不实，可是我亲眼看见教练扇孩子耳光。", LJ_OPINION_MISCONDUCT,
         LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
    struct lj_opinion_findings f;
    const char *text = "【辟谣】网传教练体罚学生一事不实。";
    assert_int_equal(lj_opinion_score(engine, text, strlen(text), &f, NULL), 0);
    assert_true(f.rumour && f.base > 0 && f.count == 0);
}

static void resolved(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"上次投诉太吵的就是我，现在没问题了，给个好评。", CLEAN, LJ_OPINION_SCOPE_RESOLVED},
        {"之前反映过孩子照片没打码，客服当天就删了，满意。", CLEAN, LJ_OPINION_SCOPE_RESOLVED},
        {"噪音问题已解决，居民表示满意。", CLEAN, LJ_OPINION_SCOPE_RESOLVED},
        {"上次投诉太吵，到现在大喇叭还是天天吵得人睡不着，没人管。", LJ_OPINION_DISTURBANCE,
         LJ_OPINION_SCOPE_NONE},
        {"孩子胳膊骨折了，打电话问学校，学校说没事。", LJ_OPINION_INJURY, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void near_miss(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"球门倒下来差点砸到孩子，幸好保安扶住了。", LJ_OPINION_INJURY, LJ_OPINION_SCOPE_NEARMISS},
        {"篮架松动，今天没人受伤，但请尽快修。", LJ_OPINION_INJURY, LJ_OPINION_SCOPE_NONE},
        {"差点错过了报名，幸好赶上了。", CLEAN, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
    struct lj_opinion_findings f;
    assert_int_equal(lj_opinion_score(engine, rows[0].text, strlen(rows[0].text), &f, NULL), 0);
    assert_int_equal(f.severity, 1);
    assert_int_equal(f.route.action, LJ_OPINION_ACTION_DIGEST);
}

static void sport(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"散打课上他一拳打在教练脸上，教练哈哈大笑说好拳。", CLEAN, LJ_OPINION_SCOPE_NONE},
        {"摔跤决赛他把对手按在地上，全场喝彩。", CLEAN, LJ_OPINION_SCOPE_NONE},
        {"拳击课后，教练一耳光打在孩子脸上。", LJ_OPINION_MISCONDUCT, LJ_OPINION_SCOPE_NONE},
        {"跆拳道体验，孩子门牙被踢掉半颗，送医院缝了三针。", LJ_OPINION_INJURY,
         LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static void quote(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"孩子说教练拿球砸他的头。", LJ_OPINION_MISCONDUCT, LJ_OPINION_SCOPE_QUOTE},
        {"来电人称其女儿在活动中摔倒骨折，要求赔偿。", LJ_OPINION_INJURY, LJ_OPINION_SCOPE_QUOTE},
        {"家长说教练很耐心，孩子说还想来。", CLEAN, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

/* A page of praise that mentions an old injury, a fee not taken and a rule about discipline. */
static void a_page_of_praise_is_clean(void **state)
{
    (void)state;
    static const struct scoped rows[] = {
        {"今天跟队去了河西村小学。出发前领队把纪律又念了一遍：不收费、不吃请、不拍孩子正脸，严禁任"
         "何形式的体罚。操场是土的，孩子们早早排好了队。我给他们讲自己的故事，十六岁那年膝盖韧带断"
         "裂，医生说再也不能跳，我偏不信，练了两年又站上了赛场。孩子们听得眼睛发亮。然后教垫球，一"
         "个一个地教，没有一个孩子被落下，也没有一个孩子受伤。村支书非要塞土鸡蛋，我们谢绝了。临走"
         "的时候，有个小姑娘追着车跑，说姐姐明年还来。",
         CLEAN, LJ_OPINION_SCOPE_NONE},
        {"写封表扬信。我妈今年七十三，前年摔断过腿，走路一直不敢使劲。上个月社区来了运动员教八段锦"
         "，我起初怕是卖保健品的，跟去看了两次，一分钱没收，连水都是自己带的。教练蹲在地上给她摆脚"
         "的位置，问她疼不疼，说疼就停。现在她每天早上去广场，音乐声音调得很小，楼上没有人投诉。谢"
         "谢你们，老太太说她又能自己下楼买菜了。",
         CLEAN, LJ_OPINION_SCOPE_NONE},
        /* the same page with one event */
        {"今天跟队去了河西村小学。出发前领队把纪律又念了一遍：不收费、不吃请、不拍孩子正脸。操场是"
         "土的，孩子们早早排好了队。教垫球的时候，有个男孩从看台上摔下来，头破血流，我们抱着他跑到"
         "卫生院，缝了七针。家长赶来哭得厉害，问我们为什么没有人看着。其余的课照常上完，孩子们还是"
         "很开心，临走的时候追着车跑。",
         LJ_OPINION_INJURY, LJ_OPINION_SCOPE_NONE},
    };
    CHECK(rows);
}

static int open_engine(void **state)
{
    (void)state;
    char dir[512];
    struct lj_err err = {0};
    const char *root = getenv("LJ_SOURCE_DIR");
    (void)snprintf(dir, sizeof dir, "%s/workers/opinion/data", root ? root : ".");
    int rc = lj_opinion_open_rules(dir, &engine, &err);
    if (rc < 0)
        print_message("%s\n", err.text);
    return rc;
}

static int close_engine(void **state)
{
    (void)state;
    lj_opinion_close(&engine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neg),
        cmocka_unit_test(contra),
        cmocka_unit_test(prev),
        cmocka_unit_test(hyp),
        cmocka_unit_test(topic),
        cmocka_unit_test(past),
        cmocka_unit_test(other),
        cmocka_unit_test(deny),
        cmocka_unit_test(resolved),
        cmocka_unit_test(near_miss),
        cmocka_unit_test(sport),
        cmocka_unit_test(quote),
        cmocka_unit_test(a_page_of_praise_is_clean),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
