"""PostgreSQL alone: rows that a run of ours left, written again by binary COPY into tables made like ours, in the same cluster.

The rows are fetched before the clock runs, cut into parts of 1,000 events; a part is one transaction that COPYs each table's rows, flushed
like ours (fsync and synchronous_commit on). Threads hand ready bytes to libpq: what is measured is PostgreSQL's own work. Foreign keys are not
made anew, which favours the yardstick.
"""
import io
import threading
import time

import psycopg2

SCHEMA = "liangjin_yard"
PART = 1000


class Table:
    """where: a condition with %(low)s and %(high)s, positions of a part; None: all rows that are not in `before`, in one part at the end."""

    def __init__(self, name, where):
        self.name, self.where = name, where


def connect(s):
    return psycopg2.connect(s.pg.dsn("postgres"))


def literal(where, low, high):
    return where.replace("%(low)s", str(low)).replace("%(high)s", str(high))


def fetch(conn, table, condition):
    out = io.BytesIO()
    with conn.cursor() as c:
        c.copy_expert("copy (select * from liangjin.%s where %s) to stdout (format binary)" % (table, condition), out)
    return out.getvalue()


EMPTY = 11 + 4 + 4 + 2  # header and trailer of a binary COPY without rows


def parts(s, tables, bounds):
    """[[(table, bytes)]]: one list a transaction. bounds: positions that cut the parts."""
    out = []
    with connect(s) as conn:
        for low, high in zip(bounds, bounds[1:]):
            rows = [(t.name, fetch(conn, t.name, literal(t.where, low, high))) for t in tables]
            out.append([(name, data) for name, data in rows if len(data) > EMPTY])
    return out


def make(s, tables):
    with connect(s) as conn, conn.cursor() as c:
        c.execute("drop schema if exists %s cascade; create schema %s" % (SCHEMA, SCHEMA))
        for t in tables:
            c.execute("create table %s.%s (like liangjin.%s including all)" % (SCHEMA, t.name, t.name))


def drop(s):
    with connect(s) as conn, conn.cursor() as c:
        c.execute("drop schema if exists %s cascade" % SCHEMA)


def load(s, transactions, connections):
    """Seconds to write all of them, in turns over so many connections."""
    failed = []

    def work(conn, mine):
        try:
            with conn.cursor() as c:
                for part in mine:
                    for name, data in part:
                        c.copy_expert("copy %s.%s from stdin (format binary)" % (SCHEMA, name), io.BytesIO(data))
                    conn.commit()
        except psycopg2.Error as e:
            failed.append(e)
    conns = [connect(s) for _ in range(connections)]
    threads = [threading.Thread(target=work, args=(conn, transactions[i::connections])) for i, conn in enumerate(conns)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    spent = time.monotonic() - began
    for conn in conns:
        conn.close()
    if failed:
        raise failed[0]
    return spent


def count(s, name):
    with connect(s) as conn, conn.cursor() as c:
        c.execute("select count(*) from %s.%s" % (SCHEMA, name))
        return c.fetchone()[0]
