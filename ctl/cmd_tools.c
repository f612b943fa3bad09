/* ljctl man, ljctl completion: texts made from the command table. */
#include "ctl/cmd.h"

int lj_cmd_man(struct lj_ctl *ctl)
{
    lj_man(ctl->out);
    return LJ_EXIT_OK;
}

int lj_cmd_completion(struct lj_ctl *ctl)
{
    lj_completion(ctl->out);
    return LJ_EXIT_OK;
}
