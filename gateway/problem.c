/* Refusals as problem+json.
 *
 * The table err.def says everything that does not depend on the case: status, stable code, title,
 * both languages. A case adds where (a JSON pointer) and, if there is more to say, a sentence in
 * each language. One writer serves the whole body and the answer line of a batch, so the two cannot
 * differ. */
#include "gateway/problem.h"

#include <stdio.h>
#include <string.h>

#include "gateway/jsonw.h"

int lj_problem_set(struct lj_problem *p, int code, const char *pointer, const char *detail,
                   const char *detail_zh)
{
    p->code = code;
    p->retry_after_s = 0;
    snprintf(p->pointer, sizeof p->pointer, "%s", pointer ? pointer : "");
    snprintf(p->detail, sizeof p->detail, "%s", detail ? detail : "");
    snprintf(p->detail_zh, sizeof p->detail_zh, "%s", detail_zh ? detail_zh : "");
    return code;
}

int lj_problem_json(struct lj_problem *p, const struct lj_json_error *json)
{
    lj_problem_set(p, lj_json_reason_code(json->reason), json->pointer, NULL, NULL);
    snprintf(p->detail, sizeof p->detail, "%s at byte %zu", lj_json_reason_name(json->reason),
             json->offset);
    snprintf(p->detail_zh, sizeof p->detail_zh, "%s,位于第 %zu 字节",
             lj_json_reason_name(json->reason), json->offset);
    return p->code;
}

int lj_problem_status(const struct lj_problem *p)
{
    return lj_err_info(p->code)->http;
}

unsigned lj_problem_retry_after(const struct lj_problem *p)
{
    return p->retry_after_s ? p->retry_after_s : lj_err_info(p->code)->retry ? 1 : 0;
}

static void sentence(struct lj_buf *b, const char *name, const char *general, const char *separator,
                     const char *special)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%s%s%s", general, special[0] ? separator : "", special);
    lj_buf_printf(b, ",\"%s\":", name);
    lj_jsonw_text(b, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void lj_problem_put_members(struct lj_buf *b, const struct lj_problem *p)
{
    const struct lj_err_info *info = lj_err_info(p->code);
    lj_buf_printf(b, "\"code\":\"%s\",\"pointer\":", info->name);
    lj_jsonw_text(b, p->pointer, strlen(p->pointer));
    sentence(b, "detail", info->en, ": ", p->detail);
    sentence(b, "detail_zh", info->zh, ":", p->detail_zh);
    if (lj_problem_retry_after(p)) {
        lj_buf_printf(b, ",\"retry_after\":%u", lj_problem_retry_after(p));
    }
}

void lj_problem_put(struct lj_buf *b, const struct lj_problem *p)
{
    const struct lj_err_info *info = lj_err_info(p->code);
    lj_buf_printf(b, "{\"type\":\"urn:liangjin:problem:%s\",\"title\":", info->name);
    lj_jsonw_text(b, info->en, strlen(info->en));
    lj_buf_printf(b, ",\"status\":%d,", info->http);
    lj_problem_put_members(b, p);
    lj_buf_u8(b, '}');
}
