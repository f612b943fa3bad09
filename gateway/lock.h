/* Locking an account after too many wrong passwords. */
#ifndef LJ_GATEWAY_LOCK_H
#define LJ_GATEWAY_LOCK_H

struct lj_gateway;

/* Send account.locked for a person's account of that unit (number). What becomes of it is logged.
 */
void lj_lock_account(struct lj_gateway *g, const char *login, int unit);

#endif
