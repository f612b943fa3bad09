/* A broker that only plays one: for tests of what talks to it. It keeps events in memory, gives
 * positions, answers, publishes the stream, and can be told to misbehave. With a database it writes
 * events and closures into the log, so that gaps can be filled and provenance read. */
#ifndef LJ_TESTS_FAKEBROKER_H
#define LJ_TESTS_FAKEBROKER_H

struct lj_fakebroker;

/* Binds intake.sock and stream.sock in run_dir. dsn: superuser on a migrated database, or NULL.
 * NULL after a message on stderr. */
struct lj_fakebroker *lj_fakebroker_open(const char *run_dir, const char *dsn);
void lj_fakebroker_free(struct lj_fakebroker **b);

/* Serve what comes within ms. 0, or -1 when a socket broke. */
int lj_fakebroker_serve(struct lj_fakebroker *b, int ms);

/* One command; 0, or -1 for one that it does not know.
 *   mode store|busy|unknown|silent|full   what is answered from now on (silent: nothing; full:
 * LJ_E_RATE) publish on|off                        the stream's messages are sent, or only written
 * to the log head on|off                           HEAD every second close KIND FROM TO VERDICT a
 * closure of the positions FROM..TO that there are restart                               forget who
 * is connected, take a new nonce, begin `prev` at the log's end skip N the next position is N
 * further on: a hole */
int lj_fakebroker_command(struct lj_fakebroker *b, const char *line);

#endif
