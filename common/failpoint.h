/* Named fail points, compiled in by -DLJ_FAILPOINTS (test builds). LJ_FAIL_AT="name:n" kills the
 * process (SIGKILL) at the n-th passage of that point; LJ_BREAK="word" switches a deliberate fault
 * on, for negative controls ("ack_before_commit", "async_commit"). In a product build both cost
 * nothing; CMake refuses a Release build with them. */
#ifndef LJ_COMMON_FAILPOINT_H
#define LJ_COMMON_FAILPOINT_H

#ifdef LJ_FAILPOINTS
void lj_failpoint_hit(const char *name);
int lj_broken(const char *word);
#define LJ_FAILPOINT(name) lj_failpoint_hit(name)
#define LJ_BROKEN(word)    lj_broken(word)
#else
#define LJ_FAILPOINT(name) ((void)0)
#define LJ_BROKEN(word)    0
#endif

#endif
