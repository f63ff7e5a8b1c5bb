#!/usr/bin/python3
"""Writers that keep a record of every acknowledged row, and the checker.

    writers.py run DIR ROUND [-c CLIENTS] [-p PACE_MS] NAME=PORT...
        until SIGTERM: CLIENTS sessions insert rows with ids of their own into
        table acked on whichever node takes writes, and a sampler per node
        tries a write into table probe every 100 ms.  Files in DIR:
        acked    id lsn node sent done      a line per acknowledged row
        unknown  id node sent done error    outcome not known
        samples  tick node sent done result ok, or why not
    writers.py stat DIR             acked=N nodes=a:N,b:N
    writers.py check DIR ROUND OLD NEW NAME=PORT...
        key=value lines: rows acknowledged and not there on NEW, the nodes that
        took writes, nodes whose rows differ from NEW's, the gap
    writers.py first PORT           poll until a write works; prints READY when
                                    it was refused once, then the time
    writers.py weigh PORT           bytes of WAL of one row, at least
    writers.py self                 the checker finds what it must find

The wire protocol (version 3) is spoken here, with trust authentication: a row
counts as acknowledged when CommandComplete and ReadyForQuery have arrived.
"""

import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

TICK = 0.1
PAD = 'x' * 80


class PgError(Exception):
    """The server said no."""

    def __init__(self, state, text):
        super().__init__(text)
        self.state = state


class Session:
    """One connection; simple queries only."""

    def __init__(self, port, name, options='', timeout=5.0):
        self.buf = b''
        self.sock = socket.create_connection(('127.0.0.1', port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = ['user', 'postgres', 'database', 'postgres',
                 'application_name', name]
        if options:
            words += ['options', options]
        body = b''.join(w.encode() + b'\0' for w in words) + b'\0'
        try:
            self.sock.sendall(struct.pack('!ii', len(body) + 8, 196608) + body)
            self.drain()
        except BaseException:
            self.close()
            raise

    def exactly(self, n):
        while len(self.buf) < n:
            more = self.sock.recv(65536)
            if not more:
                raise OSError('closed by the server')
            self.buf += more
        head, self.buf = self.buf[:n], self.buf[n:]
        return head

    def drain(self):
        """Messages up to ReadyForQuery; rows as lists of texts."""
        rows, error = [], None
        while True:
            kind, size = struct.unpack('!ci', self.exactly(5))
            body = self.exactly(size - 4)
            if kind == b'Z':
                if error:
                    raise error
                return rows
            if kind == b'D':
                rows.append(self.row(body))
            elif kind == b'E':
                f = {x[:1]: x[1:].decode('utf-8', 'replace')
                     for x in body.split(b'\0') if x}
                error = PgError(f.get(b'C', '?'), f.get(b'M', '?'))
                # FATAL: nothing will follow
                if f.get(b'S', '') in ('FATAL', 'PANIC'):
                    raise error
            elif kind == b'R' and struct.unpack('!i', body[:4])[0] != 0:
                raise PgError('28000', 'trust authentication is needed')

    @staticmethod
    def row(body):
        out, at = [], 2
        for _ in range(struct.unpack('!h', body[:2])[0]):
            n = struct.unpack('!i', body[at:at + 4])[0]
            at += 4
            out.append(None if n < 0 else body[at:at + n].decode())
            at += max(n, 0)
        return out

    def query(self, sql):
        body = sql.encode() + b'\0'
        self.sock.sendall(b'Q' + struct.pack('!i', len(body) + 4) + body)
        return self.drain()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


def lsn_of(text):
    high, low = text.split('/')
    return int(high, 16) << 32 | int(low, 16)


# --- run ---------------------------------------------------------------------

class Record:
    """A file of lines that several threads write."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, 'a', encoding='ascii')

    def line(self, *words):
        text = ' '.join(str(w) for w in words) + '\n'
        with self.lock:
            self.file.write(text)
            self.file.flush()


class Load:
    def __init__(self, folder, round_no, nodes, clients, pace):
        self.nodes = nodes
        self.round = round_no
        self.clients = clients
        self.pace = pace
        self.stop = threading.Event()
        self.sessions = {}
        self.acked = Record(os.path.join(folder, 'acked'))
        self.unknown = Record(os.path.join(folder, 'unknown'))
        self.samples = Record(os.path.join(folder, 'samples'))

    def open(self, key, port, options='', timeout=5.0):
        s = Session(port, 'writers', options, timeout)
        self.sessions[key] = s
        return s

    def drop(self, key):
        s = self.sessions.pop(key, None)
        if s:
            s.close()

    def find(self, me, last):
        """A session on a node that takes writes, or None."""
        for name, port in self.nodes[last:] + self.nodes[:last]:
            try:
                s = self.open(me, port)
                if s.query('SELECT pg_is_in_recovery()') == [['f']]:
                    # A commit that waits for a synchronous standby waits.
                    s.sock.settimeout(120)
                    return s, name
            except (OSError, PgError):
                pass
            self.drop(me)
        return None, None

    def client(self, number):
        me = 'client%d' % number
        seq, s, node = 0, None, None
        while not self.stop.is_set():
            if s is None:
                s, node = self.find(me, number % len(self.nodes))
                if s is None:
                    self.stop.wait(0.05)
                    continue
            seq += 1
            key = (self.round * 100 + number) * 10 ** 8 + seq
            sent = time.time()
            try:
                rows = s.query(
                    "INSERT INTO acked VALUES (%d, %d, '%s') "
                    "RETURNING pg_current_wal_insert_lsn()"
                    % (key, self.round, PAD))
                self.acked.line(key, lsn_of(rows[0][0]), node,
                                '%.6f' % sent, '%.6f' % time.time())
            except (OSError, PgError) as e:
                self.unknown.line(key, node, '%.6f' % sent,
                                  '%.6f' % time.time(),
                                  getattr(e, 'state', type(e).__name__))
                self.drop(me)
                s = None
            if self.pace:
                self.stop.wait(self.pace / 1000)
        self.drop(me)

    def sampler(self, name, port, begin):
        me, s = 'sampler ' + name, None
        while not self.stop.is_set():
            tick = int((time.time() - begin) / TICK) + 1
            wait = begin + tick * TICK - time.time()
            if self.stop.wait(max(wait, 0)):
                break
            sent = time.time()
            try:
                if s is None:
                    # Accepted is accepted, also without its standbys.
                    s = self.open(me, port, '-c synchronous_commit=local', 2.0)
                s.query("INSERT INTO probe VALUES (%d, %d, '%s')"
                        % (self.round, tick, name))
                result = 'ok'
            except PgError as e:
                result = e.state
                if result != '25006':
                    self.drop(me)
                    s = None
            except OSError as e:
                result = type(e).__name__
                self.drop(me)
                s = None
            self.samples.line(tick, name, '%.6f' % sent,
                              '%.6f' % time.time(), result)
        self.drop(me)

    def run(self):
        begin = time.time()
        threads = [threading.Thread(target=self.client, args=(i,), daemon=True)
                   for i in range(self.clients)]
        threads += [threading.Thread(target=self.sampler, daemon=True,
                                     args=(n, p, begin))
                    for n, p in self.nodes]
        for t in threads:
            t.start()
        # A handler, not sigwait: threads must not take the signal.
        while not self.stop.wait(0.2):
            pass
        for t in threads:
            t.join(2)
        # Those that wait for a commit that never comes.
        for s in list(self.sessions.values()):
            try:
                s.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for t in threads:
            t.join(5)


def cmd_run(args):
    clients, pace, nodes = 8, 5, []
    folder, round_no = args[0], int(args[1])
    rest = args[2:]
    while rest:
        if rest[0] == '-c':
            clients, rest = int(rest[1]), rest[2:]
        elif rest[0] == '-p':
            pace, rest = float(rest[1]), rest[2:]
        else:
            nodes.append(node_of(rest[0]))
            rest = rest[1:]
    os.makedirs(folder, exist_ok=True)
    load = Load(folder, round_no, nodes, clients, pace)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, lambda *_: load.stop.set())
    load.run()
    return 0


def node_of(word):
    name, port = word.split('=')
    return name, int(port)


# --- check -------------------------------------------------------------------

def lines(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding='ascii') as f:
        # The last one may be half a line, while it is written.
        return [x.split() for x in f.read().split('\n')[:-1]]


def read_acked(folder):
    return [(int(i), int(lsn), node, float(sent), float(done))
            for i, lsn, node, sent, done in lines(folder, 'acked')]


def accepted(folder):
    """(node, sent, done) of every write that a node said yes to."""
    out = [(node, sent, done)
           for _, _, node, sent, done in read_acked(folder)]
    return out + [(w[1], float(w[2]), float(w[3]))
                  for w in lines(folder, 'samples') if w[4] == 'ok']


def two_writable(folder):
    """Ticks at which more than one node took the sampler's write."""
    by_tick = {}
    for w in lines(folder, 'samples'):
        if w[4] == 'ok':
            by_tick.setdefault(int(w[0]), set()).add(w[1])
    return sorted(t for t, nodes in by_tick.items() if len(nodes) > 1)


def judge(folder, old, new, final, others):
    """final: ids on NEW; others: {name: ids}."""
    rows = read_acked(folder)
    lost = [r for r in rows if r[0] not in final]
    yes = accepted(folder)
    on_old = [y for y in yes if y[0] == old]
    on_new = [y for y in yes if y[0] == new]
    first = min((y[2] for y in on_new), default=None)
    last = max((y[2] for y in on_old), default=None)
    ticks = sorted({int(w[0]) for w in lines(folder, 'samples')})
    return {
        'acked': len(rows),
        'acked_old': sum(r[2] == old for r in rows),
        'acked_new': sum(r[2] == new for r in rows),
        'acked_elsewhere': sum(r[2] not in (old, new) for r in rows),
        'unknown': len(lines(folder, 'unknown')),
        'final': len(final),
        'lost': len(lost),
        'lost_new': sum(r[2] != old for r in lost),
        'lost_lsn': max((r[1] for r in lost), default=0),
        'last_lsn': max((r[1] for r in rows if r[2] == old), default=0),
        'samples': len(ticks),
        'two': len(two_writable(folder)),
        # Sent to the old one after the new one had said yes, and accepted.
        'late': sum(first is not None and y[1] > first for y in on_old),
        'elsewhere': len({y[0] for y in yes} - {old, new}),
        'gap_ms': int((first - last) * 1000)
                  if first is not None and last is not None else -1,
        'differ': ','.join(n for n, ids in others.items() if ids != final)
                  or '-',
    }


def ids_of(port, round_no):
    s = Session(port, 'checker', timeout=60)
    try:
        return {int(r[0]) for r in s.query(
            'SELECT id FROM acked WHERE round = %d' % round_no)}
    finally:
        s.close()


def cmd_check(args):
    folder, round_no, old, new = args[0], int(args[1]), args[2], args[3]
    ports = dict(node_of(w) for w in args[4:])
    final = ids_of(ports[new], round_no)
    others = {n: ids_of(p, round_no) for n, p in ports.items() if n != new}
    for key, value in judge(folder, old, new, final, others).items():
        print('%s=%s' % (key, value))
    return 0


def cmd_stat(args):
    rows = read_acked(args[0])
    by = {}
    for r in rows:
        by[r[2]] = by.get(r[2], 0) + 1
    print('acked=%d nodes=%s' % (len(rows), ','.join(
        '%s:%d' % x for x in sorted(by.items())) or '-'))
    return 0


# --- small ones --------------------------------------------------------------

def cmd_first(args):
    """A server that was refused once gets a fresh connection each time."""
    s, told, end = None, False, time.time() + 120
    while time.time() < end:
        try:
            if s is None:
                s = Session(int(args[0]), 'first',
                            '-c synchronous_commit=local', 2.0)
            s.query("INSERT INTO probe VALUES (0, 0, 'first')")
            print('%.4f' % time.time(), flush=True)
            return 0
        except (OSError, PgError) as e:
            if getattr(e, 'state', '') != '25006':
                if s:
                    s.close()
                s = None
        if not told:
            print('READY', flush=True)
            told = True
        time.sleep(0.003)
    return 1


def cmd_weigh(args):
    """The least of many: no page images, nobody else's records."""
    s, last, least = Session(int(args[0]), 'weigh'), 0, 0
    for i in range(60):
        s.query("INSERT INTO acked VALUES (%d, -1, '%s')" % (-1 - i, PAD))
        now = lsn_of(s.query('SELECT pg_current_wal_insert_lsn()')[0][0])
        if last and (not least or now - last < least):
            least = now - last
        last = now
    s.query('DELETE FROM acked WHERE round = -1')
    s.close()
    print(least)
    return 0


# --- the checker is checked --------------------------------------------------

def cmd_self(_):
    def case(name, acked, samples, final, others, want):
        with tempfile.TemporaryDirectory() as d:
            for file, text in (('acked', acked), ('samples', samples)):
                with open(os.path.join(d, file), 'w', encoding='ascii') as f:
                    f.write(''.join(x + '\n' for x in text))
            got = judge(d, 'a', 'b', final, others)
            bad = {k: got[k] for k in want if got[k] != want[k]}
            print('%s - %s%s' % ('not ok' if bad else 'ok', name,
                                 ' %s' % bad if bad else ''))
            return not bad

    good = ['1 100 a 1.0 1.1', '2 200 a 1.2 1.3', '3 300 b 2.0 2.1']
    seen = ['10 a 1.0 1.01 ok', '10 b 1.0 1.01 25006',
            '20 a 2.0 2.01 ConnectionRefusedError', '20 b 2.2 2.21 ok']
    fine = {'lost': 0, 'two': 0, 'late': 0, 'elsewhere': 0, 'differ': '-',
            'acked': 3, 'acked_old': 2, 'acked_new': 1, 'gap_ms': 800}
    full = {1, 2, 3}
    results = [
        case('a clean failover', good, seen, full, {'c': full}, fine),
        case('a lost row', good, seen, {1, 3}, {},
             {'lost': 1, 'lost_lsn': 200, 'lost_new': 0}),
        case('a lost row of the new primary', good, seen, {1, 2}, {},
             {'lost': 1, 'lost_new': 1}),
        case('two at one sample', good, seen + ['20 a 2.0 2.02 ok'], full, {},
             {'two': 1}),
        case('the old one accepts after the new one',
             good + ['4 400 a 2.3 2.4'], seen, full | {4}, {}, {'late': 1}),
        case('the old one took it before', good + ['4 400 a 2.05 2.4'], seen,
             full | {4}, {}, {'late': 0}),
        case('a third node', good, seen + ['21 c 2.3 2.31 ok'], full, {},
             {'elsewhere': 1}),
        case('a node that differs', good, seen, full,
             {'c': {1, 2}, 'a': full}, {'differ': 'c'}),
    ]
    return 0 if all(results) else 1


def main():
    commands = {'run': cmd_run, 'check': cmd_check, 'stat': cmd_stat,
                'first': cmd_first, 'weigh': cmd_weigh, 'self': cmd_self}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.stderr.write(__doc__)
        return 2
    return commands[sys.argv[1]](sys.argv[2:])


if __name__ == '__main__':
    sys.exit(main())
