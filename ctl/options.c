/* ljctl's options: one table for parsing, bounds, help, man page and completion.
 *
 * An option is named once here and means the same thing in every sub-command that takes it; a
 * command lists the names it takes (commands.c). The rows are those of common/cfg.h, so ljctl has
 * the daemons' syntax: `--name value`, `--name=value`, `--config FILE`.
 * `--dir` and `--output` are global and also allowed before the sub-command. Secrets are never
 * options: they are read from files. */
#include "ctl/ctl.h"

#include <string.h>

#define FIELD(f) offsetof(struct lj_ctl_options, f)
#define TEXT(name, field, def, help)                                                               \
    {                                                                                              \
        name, LJ_CFG_STR, FIELD(field), def, 0, 0, "", help                                        \
    }
#define NUMBER(name, field, def, lo, hi, unit, help)                                               \
    {                                                                                              \
        name, LJ_CFG_INT, FIELD(field), def, lo, hi, unit, help                                    \
    }
#define SWITCH(name, field, help)                                                                  \
    {                                                                                              \
        name, LJ_CFG_BOOL, FIELD(field), "no", 0, 0, "", help                                      \
    }

const struct lj_option lj_options[] = {
    {TEXT("dir", dir, "var", "directory of the system that `ljctl up` runs"), "DIR", NULL, 1, 0},
    {TEXT("output", output, "table", "form of the data on standard output"), "FORM",
     "table json csv", 1, 0},
    {TEXT("dsn", dsn, NULL,
          "PostgreSQL connection instead of the one in --dir; no password here: use a passfile"),
     "DSN", NULL, 1, 0},
    {TEXT("run-dir", run_dir, NULL, "folder of the broker's sockets instead of the one in --dir"),
     "DIR", NULL, 1, 0},

    {TEXT("listen", listen, "127.0.0.1:8080", "address of the gateway, HOST or HOST:PORT"),
     "ADDRESS", NULL, 0, 0},
    {NUMBER("port", port, "-1", -1, 65535, "",
            "port of the gateway, over the one in --listen; 0 = any free one"),
     "PORT", NULL, 0, 0},
    {NUMBER("workers", workers, "1", 1, 64, "", "worker processes of each kind"), "N", NULL, 0, 0},
    {TEXT("user", user, "liangjin",
          "system user that runs everything when started by root; made if missing"),
     "NAME", NULL, 0, 0},
    {TEXT("pg-bin", pg_bin, NULL,
          "folder of PostgreSQL's programs (default: the newest below /usr/lib/postgresql)"),
     "DIR", NULL, 0, 0},
    {NUMBER("demo", demo, "0", 0, 100000, "reports",
            "when the system is ready, run a demonstration with so many reports; 0 = none"),
     "N", NULL, 0, 0},
    {SWITCH("once", once, "with --demo: stop when it is over; exit code 1 when a count is off"),
     NULL, NULL, 0, 0},
    {NUMBER("seed", seed, "2024", 0, 1000000000, "", "the demonstration's world follows from it"),
     "N", NULL, 0, 0},
    {SWITCH("once-ready", once_ready, "print READY on standard output when everything runs"), NULL,
     NULL, 0, 1},

    {TEXT("unit", unit, NULL, "code of a managing unit, e.g. PS001"), "CODE", NULL, 0, 0},
    {TEXT("role", role, "client", "what the token may do"), "ROLE",
     "client centre observer operator metrics TEAM_FILLER UNIT_ADMIN UNIT_LEADER CENTRE_OPERATOR "
     "CENTRE_AUDITOR POLICY_ADMIN OPINION_DUTY OBSERVER",
     0, 0},
    {NUMBER("class", class, "1", 0, 3, "",
            "priority class: 0 urgent, 1 normal, 2 bulk import, 3 statistics"),
     "N", NULL, 0, 0},
    {NUMBER("rate", rate, "5000", 1, 1000000, "events/s", "events a second"), "N", NULL, 0, 0},
    {NUMBER("burst", burst, "10000", 1, 1000000, "events", "events at once"), "N", NULL, 0, 0},
    {NUMBER("expires", expires_days, "0", 0, 3650, "days",
            "days until the token ends by itself; 0 = never"),
     "DAYS", NULL, 0, 0},
    {TEXT("file", file, NULL,
          "file to write the secret to (made with mode 0600) instead of printing it"),
     "FILE", NULL, 0, 0},

    {TEXT("kind", kind, NULL, "name of a worker kind, e.g. validation"), "KIND", NULL, 0, 0},
    {TEXT("fingerprint", fingerprint, NULL, "all parked events with this error fingerprint"),
     "TEXT", NULL, 0, 0},
    {TEXT("reason", reason, NULL, "why, kept with the event and in the log"), "TEXT", NULL, 0, 0},
    {TEXT("name", name, NULL, "name of the person whose account it is"), "NAME", NULL, 0, 0},
    {TEXT("as", as, NULL, "who does it: the name that is kept with the event"), "NAME", NULL, 0, 0},
    {TEXT("handover", handover, NULL, "login of the account that takes the duty over"), "LOGIN",
     NULL, 0, 0},
    {SWITCH("all", all, "everything, also what is done with"), NULL, NULL, 0, 0},
    {TEXT("type", type, NULL, "only events of this type"), "TYPE", NULL, 0, 0},
    {TEXT("from", from, NULL,
          "position to start behind; `start` = from the first event (default: the last few)"),
     "POSITION", NULL, 0, 0},
    {SWITCH("follow", follow, "go on as new events come"), NULL, NULL, 0, 0},
    {NUMBER("limit", limit, "100", 1, 1000000, "rows", "at most so many rows"), "N", NULL, 0, 0},
    {NUMBER("timeout", timeout_s, "10", 1, 3600, "s", "how long to wait"), "SECONDS", NULL, 0, 0},
    {NUMBER("year", year, "0", 0, 9999, "", "calendar year; 0 = all"), "YEAR", NULL, 0, 0},
    {TEXT("quarter", quarter, NULL, "calendar quarter, e.g. 2025-Q3"), "YYYY-Qn", NULL, 0, 0},
    {TEXT("month", month, NULL, "calendar month, e.g. 2025-03"), "YYYY-MM", NULL, 0, 0},
    {TEXT("by", by, NULL, "one or two dimensions of a report, e.g. unit or province,month"),
     "DIM[,DIM]", NULL, 0, 0},
    {TEXT("rank", rank, NULL,
          "order by a column, greatest first; only where policy has switched that on"),
     "COLUMN", NULL, 0, 0},
    {TEXT("format", format, "output", "form of a report; output: as --output says"), "FORM",
     "output table json csv xlsx", 0, 0},
    {TEXT("out", out, NULL, "file to write the report to (also -o); an old one is replaced"),
     "FILE", NULL, 0, 0},
    {TEXT("person", person, NULL, "code of a person"), "CODE", NULL, 0, 0},
    {TEXT("team", team, NULL, "code of a team"), "CODE", NULL, 0, 0},
    {SWITCH("open", open,
            "only what waits: mail that must be read or signed, flags without a word"),
     NULL, NULL, 0, 0},
    {SWITCH("review", review, "activities whose signs add up to 60 or more, instead of flags"),
     NULL, NULL, 0, 0},
    {TEXT("title", title, NULL, "title of the mail, at most 40 characters"), "TEXT", NULL, 0, 0},
    {TEXT("to", to, "all",
          "receivers: all, kinds of units (PROVINCE,GAS_UNIT), or codes (PS001,NO041)"),
     "WHOM", NULL, 0, 0},
    {TEXT("needs", needs, "READ", "what the receivers have to do"), "WHAT", "NONE READ SIGN REPLY",
     0, 0},
    {NUMBER("due", due, "0", 0, 60, "working days", "within how many working days; 0 = no term"),
     "DAYS", NULL, 0, 0},
    {TEXT("id", id, NULL, "UUID of the event: sent twice with the same, it is stored once"), "UUID",
     NULL, 0, 0},
    {TEXT("source", source, NULL,
          "PostgreSQL connection of the log that is replayed instead of the one in --dir; no "
          "password here: use a passfile"),
     "DSN", NULL, 0, 0},
    {TEXT("target", target, NULL, "PostgreSQL connection of the replay's own database"), "DSN",
     NULL, 0, 0},
    {NUMBER("warning", warning_s, "30", 1, 86400, "s", "age of the oldest open event: a warning"),
     "SECONDS", NULL, 0, 0},
    {NUMBER("critical", critical_s, "300", 1, 86400, "s", "age of the oldest open event: critical"),
     "SECONDS", NULL, 0, 0},
    {NUMBER("rounds", rounds, "5", 1, 100, "", "how often each side is measured"), "N", NULL, 0, 0},
    {SWITCH("embedded", embedded, "the table built into ljctl, not the register in the database"),
     NULL, NULL, 0, 0},

    {TEXT("bundle", bundle, NULL,
          "bundle file of the opinion engine instead of the one built into the program"),
     "FILE", NULL, 0, 0},
    {TEXT("tables", tables, NULL,
          "folder with the opinion engine's rule tables and golden.tsv instead of a bundle's"),
     "DIR", NULL, 0, 0},
    {TEXT("part", part, "all",
          "which labelled texts: the fifth held back by hash, the rest for training, or all"),
     "PART", "held training all", 0, 0},
    {TEXT("writer", writer, NULL,
          "the labelled texts whose id begins so: eval takes these alone, train leaves them out "
          "and measures on them instead of on the fifth held back"),
     "PREFIX", NULL, 0, 0},

    {SWITCH("yes", yes, "do not ask"), NULL, NULL, 0, 0},
    {SWITCH("dry-run", dry_run, "show what would be done, change nothing"), NULL, NULL, 0, 0},
};
const size_t lj_options_count = sizeof lj_options / sizeof lj_options[0];

const struct lj_option *lj_option_find(const char *name, size_t n)
{
    for (size_t i = 0; i < lj_options_count; i++) {
        const char *own = lj_options[i].row.name;
        if (strlen(own) == n && memcmp(own, name, n) == 0)
            return &lj_options[i];
    }
    return NULL;
}

int lj_option_of(const struct lj_command *c, const struct lj_option *o)
{
    if (o->global)
        return 1;
    size_t n = strlen(o->row.name);
    for (const char *p = c->options; *p;) {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, o->row.name, n) == 0)
            return 1;
        p += len;
        p += strspn(p, " ");
    }
    return 0;
}
