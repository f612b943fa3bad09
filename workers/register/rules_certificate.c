/* Rule of certificates: that one was issued, of whom, for which year, over how many minutes, by the
 * ledger as settled up to a position. The register cannot see the ledger (it knows its own event
 * alone), so it takes the form and the person; whether the figure stood and still stands is asked
 * of the ledger by whoever looks (db/functions/certificate.sql), so a wrong one is void from the
 * start. Nothing changes a certificate, so it has one row and no versions. */
#include "workers/register/reg.h"

#include <string.h>

void reg_certificate_issued(struct reg_ctx *x)
{
    static const char *const columns[] = {"through", "person", "minutes", "year", NULL};
    const struct reg_entity *person = reg_require(x, REG_PERSON, "person", true);
    const char *through = reg_text(x->payload, "through");
    json_t *row = reg_row_new(x, columns);
    if (through[strspn(through, "0123456789")] != '\0') {
        reg_refuse(x, "/through", REG_R_INVALID);
    }
    if (person != NULL) {
        reg_put(x, row, "person", json_integer(person->number));
    }
    reg_copy(x, row, "through", "through");
    reg_copy(x, row, "minutes", "minutes");
    reg_copy(x, row, "year", "year");
    if (x->reasons == 0) {
        reg_write(x, "certificate", row);
    }
    json_decref(row);
}
