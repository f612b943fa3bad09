/* main of ljctl: everything stands in ctl.c, so that tests can call it in-process. SIGPIPE is
 * ignored: `ljctl events tail | head` ends with a write error, not in the middle of a cleanup. */
#include <signal.h>

#include "ctl/ctl.h"

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    return lj_ctl_main(argc, argv, stdout);
}
