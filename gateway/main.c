/* liangjin-gateway: options in, exit status out. Everything else is in gateway.c.
 *
 * Exit status: 0 drained, 1 failed at run, 2 bad configuration (docs/contracts.md). */
#include <stdio.h>

#include "common/log.h"
#include "gateway/gateway.h"

int main(int argc, char **argv)
{
    struct lj_gw_config config;
    struct lj_err err = {0};
    lj_log_open("gateway", LJ_INFO);
    int rc = lj_gw_config_load(argc, argv, &config, &err);
    if (rc > 0) {
        return 0; /* --help, --version */
    }
    if (rc < 0) {
        fprintf(stderr, "liangjin-gateway: %s\n", err.text);
        return 2;
    }
    lj_log_open("gateway", lj_log_level_of(config.log_level));
    int status = lj_gateway_run(&config);
    lj_gw_config_free(&config);
    return status;
}
