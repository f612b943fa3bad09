"""What each process of a running system has cost: processor time from /proc, WAL from PostgreSQL."""
import os


def ticks(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def taken(s):
    """{process: seconds} and WAL bytes so far. PostgreSQL's own helpers (writer, checkpointer, ...) are one name."""
    out = {"broker": ticks(s.broker.pid)}
    for name, p in s.workers.items():
        out[name.rsplit("-", 1)[0]] = out.get(name.rsplit("-", 1)[0], 0) + ticks(p.pid)
    for pid, name, kind in s.sql("select pid, application_name, backend_type from pg_stat_activity where pid <> pg_backend_pid()"):
        key = "postgres: " + (name.replace("liangjin-", "") if kind == "client backend" else "own processes")
        out[key] = out.get(key, 0) + ticks(pid)
    return out, float(s.one("select pg_current_wal_lsn() - '0/0'::pg_lsn"))


def difference(before, after, n):
    """Microseconds an event of each process, the largest first, and WAL bytes an event."""
    (a, wal_a), (b, wal_b) = before, after
    micros = {k: (v - a.get(k, 0)) * 1e6 / n for k, v in b.items()}
    return sorted(((v, k) for k, v in micros.items() if v >= 0.05), reverse=True), (wal_b - wal_a) / n
