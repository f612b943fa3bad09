"""Many stored activities in little time: copies of reports that went the whole way, written by SQL while the broker is away.

Copy g of a report is of the team (and its athletes) 7 g places further in the order of the register, on a day 9 g days earlier, at a position above all others,
with ids of its own; sites and figures stay. So a day of a team stays as empty as in life, and no cap is exceeded that was not. Ledger, totals and marks are as after a settlement, so the broker goes on from there. What the copies do not have: closures, and their own
numbers inside the short result (`validation.short`), which flags read only for rows that they found by participation.
"""
ATHLETES_EACH = 8  # world.ATHLETES

COPY = """
with base as (select min(position) as lo, %(upto)s - min(position) + 1 as span from quota_version where position <= %(upto)s),
     teams as (select count(*)::int4 as n from team)
insert into {table} ({columns}) select {values} from {table} x, base b, teams t, generate_series(%(first)s, %(last)s) g where {where}"""
TABLES = [("event", "x.position between b.lo and %(upto)s and x.type = 20"), ("validation", "x.position <= %(upto)s"), ("quota_version", "x.position <= %(upto)s"),
          ("quota_team", "x.position <= %(upto)s"), ("quota_participation", "x.position <= %(upto)s"), ("opinion_score", "x.position <= %(upto)s"),
          ("ledger_entry", "x.position <= %(upto)s")]
TEAM = "((x.{0} - 1 + g * 7) %% t.n + 1)::int4"
PERSON = "((x.{0} - 1 + g * 7 * %d) %%%% (t.n * %d) + 1)::int4" % (ATHLETES_EACH, ATHLETES_EACH)
NEW_ID = "(lpad(to_hex(g), 4, '0') || substr(x.{0}::text, 5))::uuid"


def value(table, column):
    if column == "position":
        return "x.position + g * b.span"
    if (table, column) in (("event", "id"),) or column == "activity":
        return NEW_ID.format(column)
    if column == "day":
        return "x.day - 9 * g"
    if column in ("start_at", "end_at"):
        return "x.%s - 9 * g * interval '1 day'" % column
    if (table, column) == ("ledger_entry", "year"):
        return "extract(year from x.day - 9 * g)::int2"
    if column == "team":
        return TEAM.format("team")
    if column == "person" and table in ("quota_participation", "quota_version"):
        return PERSON.format("person")
    if (table, column) == ("ledger_entry", "subject"):
        return "case x.subject_kind when 1 then %s else %s end" % (TEAM.format("subject"), PERSON.format("subject"))
    return "x." + column


def fill(s, copies, part=4):
    """copies of all that is stored; returns the number of activities then. The broker is stopped and started."""
    upto = s.one("select max(position) from event")
    assert s.broker.terminate() == 0
    for table, where in TABLES:
        columns = [r[0] for r in s.sql("select column_name from information_schema.columns where table_schema = 'liangjin' and table_name = %s"
                                       " and is_generated = 'NEVER' order by ordinal_position", (table,))]
        sql = COPY.format(table=table, columns=", ".join('"%s"' % c for c in columns), values=", ".join(value(table, c) for c in columns), where=where)
        for first in range(1, copies + 1, part):
            s.sql(sql, {"upto": upto, "first": first, "last": min(first + part - 1, copies)})
    top = s.one("select max(position) from event")
    s.sql("""
        insert into quota_total as q (changed, subject, minutes, sessions, member_minutes, duty, policy, policy_version, subject_kind, year)
        select %(top)s, o.subject, o.minutes, o.sessions, coalesce(m.through, 0), case o.subject_kind when 1 then 4 else 360 end, 1, 1, o.subject_kind, o.year
        from (select subject_kind, subject, year, sum(minutes) as minutes, sum(sessions) as sessions from ledger_entry group by 1, 2, 3) o
            left join (select team, year, sum(minutes) as through from ledger_entry where subject_kind = 2 group by 1, 2) m
                on o.subject_kind = 1 and m.team = o.subject and m.year = o.year
        on conflict (subject_kind, subject, year) do update set minutes = excluded.minutes, sessions = excluded.sessions,
            member_minutes = excluded.member_minutes""", {"top": top})
    s.sql("update kind_mark set watermark = %s where lane = 0", (top,))
    s.sql("insert into kind_mark (watermark, kind, lane) select %s, k.number, 0 from kind k on conflict (kind, lane) do update set watermark = excluded.watermark", (top,))
    s.sql("update settled set position = %s", (top,))
    s.sql("update log_head set frontier = %s where lane = 0", (top,))
    s.sql("analyze")
    s.broker.start()
    s.wait_running()
    return s.one("select count(*) from quota_version where version = 1")
