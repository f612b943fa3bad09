/* Handlers of the sub-commands, named in commands.c; each stands in the cmd_<noun>.c of its noun
 * and returns an lj_exit. */
#ifndef LJ_CTL_CMD_H
#define LJ_CTL_CMD_H

#include "ctl/ctl.h"

int lj_cmd_up(struct lj_ctl *ctl);
int lj_cmd_status(struct lj_ctl *ctl);
int lj_cmd_doctor(struct lj_ctl *ctl);
int lj_cmd_migrate(struct lj_ctl *ctl);
int lj_cmd_token_create(struct lj_ctl *ctl);
int lj_cmd_token_ls(struct lj_ctl *ctl);
int lj_cmd_token_revoke(struct lj_ctl *ctl);
int lj_cmd_account_create(struct lj_ctl *ctl);
int lj_cmd_account_ls(struct lj_ctl *ctl);
int lj_cmd_account_passwd(struct lj_ctl *ctl);
int lj_cmd_account_disable(struct lj_ctl *ctl);
int lj_cmd_account_activate(struct lj_ctl *ctl);
int lj_cmd_account_unlock(struct lj_ctl *ctl);
int lj_cmd_account_link(struct lj_ctl *ctl);
int lj_cmd_events_show(struct lj_ctl *ctl);
int lj_cmd_events_tail(struct lj_ctl *ctl);
int lj_cmd_events_submit(struct lj_ctl *ctl);
int lj_cmd_parked_ls(struct lj_ctl *ctl);
int lj_cmd_parked_show(struct lj_ctl *ctl);
int lj_cmd_parked_redrive(struct lj_ctl *ctl);
int lj_cmd_parked_drop(struct lj_ctl *ctl);
int lj_cmd_pause(struct lj_ctl *ctl);
int lj_cmd_resume(struct lj_ctl *ctl);
int lj_cmd_drain(struct lj_ctl *ctl);
int lj_cmd_activity_ls(struct lj_ctl *ctl);
int lj_cmd_activity_show(struct lj_ctl *ctl);
int lj_cmd_activity_sample(struct lj_ctl *ctl);
int lj_cmd_activity_approve(struct lj_ctl *ctl);
int lj_cmd_activity_return(struct lj_ctl *ctl);
int lj_cmd_activity_link(struct lj_ctl *ctl);
int lj_cmd_flag_ls(struct lj_ctl *ctl);
int lj_cmd_flag_show(struct lj_ctl *ctl);
int lj_cmd_quota_show(struct lj_ctl *ctl);
int lj_cmd_quota_coverage(struct lj_ctl *ctl);
int lj_cmd_quota_recompute(struct lj_ctl *ctl);
int lj_cmd_quota_diff(struct lj_ctl *ctl);
int lj_cmd_certificate_issue(struct lj_ctl *ctl);
int lj_cmd_certificate_verify(struct lj_ctl *ctl);
int lj_cmd_certificate_ls(struct lj_ctl *ctl);
int lj_cmd_report(struct lj_ctl *ctl);
int lj_cmd_replay_copy(struct lj_ctl *ctl);
int lj_cmd_replay_compare(struct lj_ctl *ctl);
int lj_cmd_mail_ls(struct lj_ctl *ctl);
int lj_cmd_mail_show(struct lj_ctl *ctl);
int lj_cmd_mail_broadcast(struct lj_ctl *ctl);
int lj_cmd_mail_recall(struct lj_ctl *ctl);
int lj_cmd_opinion_explain(struct lj_ctl *ctl);
int lj_cmd_opinion_eval(struct lj_ctl *ctl);
int lj_cmd_opinion_train(struct lj_ctl *ctl);
int lj_cmd_opinion_agree(struct lj_ctl *ctl);
int lj_cmd_check(struct lj_ctl *ctl);
int lj_cmd_demo(struct lj_ctl *ctl);
int lj_cmd_bench(struct lj_ctl *ctl);
int lj_cmd_policy_show(struct lj_ctl *ctl);
int lj_cmd_policy_propose(struct lj_ctl *ctl);
int lj_cmd_policy_approve(struct lj_ctl *ctl);
int lj_cmd_policy_withdraw(struct lj_ctl *ctl);
int lj_cmd_units(struct lj_ctl *ctl);
int lj_cmd_man(struct lj_ctl *ctl);
int lj_cmd_completion(struct lj_ctl *ctl);

#endif
