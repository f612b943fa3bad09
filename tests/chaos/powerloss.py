"""The test's side of powerloss.c: PostgreSQL on a disk that forgets, and the moment at which it does.

    disk = Disk(pg, library)       before pg.start(): the next postmaster runs under the layer
    disk.power_off()               every process of PostgreSQL dies at once
    disk.forget(rng, some=False)   what was never flushed is gone: all of it, or (some) per sector of 512 bytes and per name what rng picks
    pg.start()
"""
import collections
import mmap
import os
import shutil
import signal
import struct

import lj

SECTOR = 512
LAYOUT = "<6I"


class Disk:
    def __init__(self, pg, library, folder):
        self.pg, self.root = pg, os.path.realpath(pg.data)
        # Beside the data, on the same file system: a removed file is kept by another name of it.
        self.logs = os.path.join(os.path.realpath(folder), "unsynced")
        os.mkdir(self.logs, 0o755)
        path = os.path.join(self.logs, "control")
        with open(path, "wb") as f:
            f.write(bytes(struct.calcsize(LAYOUT)))
        for p in (self.logs, path):
            lj.own(p)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)
        # A copy: a library in a checkout that PostgreSQL's user cannot read would be left out without a word.
        preloaded = shutil.copy(library, os.path.join(os.path.realpath(folder), os.path.basename(library)))
        os.chmod(preloaded, 0o755)
        pg.process.env.update(LD_PRELOAD=preloaded, LJ_POWERLOSS_DIR=self.root, LJ_POWERLOSS_LOG=self.logs)

    def set(self, **values):
        """lie=1, delay_us=N, eio=N, enospc=1"""
        for name, value in values.items():
            at = ("lie", "delay_us", "eio", "enospc").index(name) * 4
            self.map[at:at + 4] = struct.pack("<I", value)

    def counters(self):
        """(flushes, writes) so far."""
        return struct.unpack(LAYOUT, self.map[:])[4:]

    def power_off(self):
        self.pg.freeze(signal.SIGSTOP)
        self.pg.kill_all()

    def forget(self, rng, some=False):
        """Returns (bytes put back, names put back)."""
        at = self._inodes()
        lost = sum(self._undo_data(at[ino], name, rng, some) for ino, name in self._undos() if ino in at)
        names = self._undo_names(rng, some)
        for name in os.listdir(self.logs):
            if name not in ("control", "lock"):
                os.unlink(os.path.join(self.logs, name))
        return lost, names

    def _inodes(self):
        out = {}
        for folder, _, files in os.walk(self.root):
            for f in files:
                path = os.path.join(folder, f)
                out[os.lstat(path).st_ino] = path
        for f in os.listdir(self.logs):
            if f.startswith("kept."):
                out.setdefault(os.lstat(os.path.join(self.logs, f)).st_ino, os.path.join(self.logs, f))
        return out

    def _undos(self):
        for f in sorted(os.listdir(self.logs)):
            if f.endswith(".undo"):
                yield int(f[:-5]), os.path.join(self.logs, f)

    @staticmethod
    def _records(path):
        with open(path, "rb") as f:
            data = f.read()
        at, out = 0, []
        while at + 32 <= len(data):
            where, length, size, end = struct.unpack_from("<4Q", data, at)
            if at + 32 + length > len(data):
                break  # it died while it wrote the record: the write itself was never begun
            out.append((where, data[at + 32:at + 32 + length], size, end))
            at += 32 + length
        return out

    def _undo_data(self, path, undo, rng, some):
        records = self._records(undo)
        if not records:
            return 0
        lost = 0
        size = os.path.getsize(path)
        times = collections.Counter(s for where, _, _, end in records for s in range(where // SECTOR, -(-end // SECTOR)))
        # Which of its writes has reached the disk, for each sector: the k-th, or none of them (0).
        reached = {s: rng.randrange(n + 1) for s, n in times.items()} if some else collections.Counter()
        left = dict(times)
        with open(path, "r+b") as f:
            for where, old, before, end in reversed(records):
                for s in range(where // SECTOR, -(-end // SECTOR)):
                    left[s] -= 1
                    if left[s] < reached[s]:
                        continue
                    a, b = max(where, s * SECTOR), min(end, (s + 1) * SECTOR)
                    f.seek(a)
                    content = old[a - where:b - where]
                    if some or a < before:
                        f.write(content + bytes(max(0, min(b, size) - a - len(content))))
                    lost += b - a
                if not some:
                    f.truncate(before)
            if some:
                f.truncate(max(size, max(r[2] for r in records)))
        return lost

    def _undo_names(self, rng, some):
        path = os.path.join(self.logs, "names")
        if not os.path.exists(path):
            return 0
        pending = []
        with open(path, errors="surrogateescape") as f:
            for line in f:
                if not line.endswith("\n"):
                    break
                w = line[:-1].split("\t")
                if w[0] == "D":
                    pending = [x for x in pending if os.path.dirname(x[2] if x[0] in "RC" else x[1]) != w[1]]
                elif w[0] == "S":
                    pending = [x for x in pending if x[0] != "C" or x[1] != w[1]]
                else:
                    pending.append(w)
        undone = pending[rng.randrange(len(pending) + 1):] if some else pending
        for w in reversed(undone):
            self._undo_name(*w)
        return len(undone)

    @staticmethod
    def _undo_name(what, a, b=None, kept=None):
        if what == "C" and os.path.exists(b) and os.lstat(b).st_ino == int(a):
            os.unlink(b)
        elif what == "L" and os.path.exists(a):
            os.unlink(a)
        elif what == "U" and not os.path.exists(a) and os.path.isdir(os.path.dirname(a)):
            os.link(b, a)
        elif what == "R" and os.path.exists(b) and not os.path.exists(a):
            os.rename(b, a)
            if kept != "-":
                os.link(kept, b)
