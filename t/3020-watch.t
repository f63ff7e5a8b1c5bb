#!/bin/bash
# Goal: a screen that is drawn again and again takes nothing with it: however
# it ends, the terminal is as it was.  t/helpers/watchdemo is cmd/watch without
# a server, on a pseudo-terminal.

: "${TOP_BUILDDIR:=.}"
demo=$TOP_BUILDDIR/t/helpers/watchdemo
skip() { echo "1..0 # SKIP $*"; exit 0; }
[ -x "$demo" ] || skip "t/helpers/watchdemo is not built"
for python in /usr/bin/python3 "$(command -v python3)"; do
	[ -x "$python" ] && break
done
[ -x "$python" ] || skip "python3 is missing"

exec "$python" - "$demo" <<'END'
import fcntl, os, pty, re, select, signal, struct, subprocess, sys, termios
import time

DEMO = sys.argv[1]
ENTER, LEAVE = b'\033[?1049h', b'\033[?1049l'
WAIT = 20          # s for anything to happen
count = failed = 0


def ok(cond, name, *more):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if cond else 'not ', count, name), flush=True)
    if not cond:
        failed += 1
        print("# FAILED %d: %s" % (count, name))
        for m in more:
            print('# %r' % (m,))
    return cond


class Tty:
    """watchdemo on a terminal of its own; `out` is all that it wrote."""

    def __init__(self, *args, cols=60, rows=10, env=None):
        self.master, self.slave = pty.openpty()
        self.size(cols, rows)
        self.before = termios.tcgetattr(self.slave)
        self.out = b''
        self.taken = 0
        e = dict(os.environ, LC_ALL='C', TERM='xterm', **(env or {}))

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            # core files of the crash test
            import resource
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        self.p = subprocess.Popen(
            [DEMO] + [str(a) for a in args], stdin=self.slave,
            stdout=self.slave, stderr=self.slave, env=e, preexec_fn=own)

    def size(self, cols, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack('HHHH', rows, cols, 0, 0))

    def read(self, timeout):
        if select.select([self.master], [], [], timeout)[0]:
            self.out += os.read(self.master, 65536)
            return True
        return False

    def until(self, what):
        """what, in what was written since the last until."""
        end = time.monotonic() + WAIT
        while True:
            m = re.compile(what, re.S).search(self.out, self.taken)
            if m:
                self.taken = m.end()
                return m
            if not self.read(max(0, end - time.monotonic())):
                return None

    def type(self, keys):
        os.write(self.master, keys)

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def wait_for(self, cond):
        end = time.monotonic() + WAIT
        while not cond() and time.monotonic() < end:
            self.read(0.02)
        return cond()

    def end(self):
        """The exit status; all output is read."""
        if not self.wait_for(lambda: self.p.poll() is not None):
            self.p.kill()
            self.p.wait()
        while self.read(0):
            pass
        os.close(self.slave)
        os.close(self.master)
        return self.p.returncode

    def stopped(self):
        with open('/proc/%d/stat' % self.p.pid) as f:
            return f.read().rpartition(')')[2].split()[0] == 'T'


def pending(pid, sig):
    with open('/proc/%d/status' % pid) as f:
        m = re.search(r'^ShdPnd:\s*(\w+)', f.read(), re.M)
    return m is not None and int(m[1], 16) >> (sig - 1) & 1


def restored(t, rc, want, name, attributes):
    """attributes: of the terminal, read before end() closed it."""
    ok(rc == want, name + ': exit status %d' % want, rc, t.out[-300:])
    ok(attributes == t.before, name + ': the settings are those from before',
       attributes, t.before)
    last = t.out.rpartition(LEAVE)
    ok(last[1] != b'' and ENTER not in last[2],
       name + ': the screen from before is there', t.out[-300:])
    for seq, what in ((b'\033[?25h', 'the cursor'), (b'\033[?7h', 'wrapping')):
        ok(t.out.rfind(seq) > t.out.rfind(seq[:-1] + b'l'),
           '%s: %s is there' % (name, what))


def finish(t):
    t.wait_for(lambda: t.p.poll() is not None)
    a = t.attributes()
    return t.end(), a


# --- refused where nobody looks
for name in 'input', 'output':
    m, s = pty.openpty()
    before = termios.tcgetattr(s)
    if name == 'input':
        r = subprocess.run([DEMO, '1000', '1'], stdin=subprocess.DEVNULL,
                           stdout=s)
        said = os.read(m, 4096)
    else:
        r = subprocess.run([DEMO, '1000', '1'], stdin=s,
                           stdout=subprocess.PIPE)
        said = r.stdout
    ok(r.returncode == 2 and b'must be a terminal' in said and
       b'\033' not in said, 'standard %s is no terminal: refused' % name,
       r.returncode, said)
    ok(termios.tcgetattr(s) == before,
       'standard %s is no terminal: nothing was changed' % name)
    os.close(m)
    os.close(s)

# --- q
t = Tty(600000, 3)
ok(t.until(re.escape(ENTER)), 'the alternate screen is entered')
ok(t.until(rb'line 3 of look 1 draw 1 width 60\.'), 'the first look is shown')
a = t.attributes()
ok(not a[3] & (termios.ECHO | termios.ICANON) and a[3] & termios.ISIG,
   'keys are read one by one, without echo')
ok(b'\033[?25l' in t.out, 'the cursor is hidden')
t.type(b' ')
ok(t.until(rb'line 1 of look 2 draw 2'), 'space looks again at once')
t.type(b'r')
ok(t.until(rb'line 1 of look 3 draw 3'), 'r looks again at once')
t.type(b'\014')
ok(t.until(rb'line 1 of look 3 draw 4'), 'Ctrl-L draws what is known')
t.type(b'x\033OQ\033[A')
t.size(33, 10)
ok(t.until(rb'look 3 draw 5 width 33\.'),
   'a new size is drawn at once, without a look')
# The last line is cleared to its end, and all below it.
ok(t.until(rb'line 3 of look 3 draw 5 width 33\.(\033\[K)?\r+\n\033\[J'),
   'what is below is cleared', t.out[-120:])
ok(t.out.count(b'\033[2J') == 0 and t.out.count(b'\033[H\033[J') == 1,
   'the screen is not cleared between drawings')
ok(t.p.poll() is None, 'other keys, and the Q of F2, end nothing')
t.type(b'q')
rc, a = finish(t)
restored(t, rc, 0, 'q', a)
ok(t.out.endswith(b'end 0 \r\n'), 'q is no error', t.out[-100:])

t = Tty(600000, 1)
t.until(rb'draw 1 ')
t.type(b'Q')
rc, a = finish(t)
restored(t, rc, 0, 'Q', a)

# --- signals
for sig in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
    t = Tty(600000, 1)
    t.until(rb'draw 1 ')
    t.p.send_signal(sig)
    rc, a = finish(t)
    restored(t, rc, 128 + sig, sig.name, a)
t = Tty(600000, 1)
t.until(rb'draw 1 ')
t.type(b'\003')
rc, a = finish(t)
restored(t, rc, 130, 'Ctrl-C', a)

# --- while a look takes long
for key, want in ((b'q', 0), (b'\003', 130)):
    t = Tty(600000, 1, 600000)
    t.until(re.escape(ENTER))
    t.wait_for(lambda: t.attributes() != t.before)
    t.type(b'zz')
    t.type(key)
    rc, a = finish(t)
    restored(t, rc, want, '%r during a look' % key, a)

t = Tty(600000, 1, -1)            # one that hears nothing
t.until(re.escape(ENTER))
t.p.send_signal(signal.SIGTERM)
t.wait_for(lambda: not pending(t.p.pid, signal.SIGTERM))
t.p.send_signal(signal.SIGTERM)
rc, a = finish(t)
restored(t, rc, 143, 'a second TERM', a)

# --- a look that fails, a crash
t = Tty(100, 1, 0, 3)
ok(t.until(rb'look 2 draw 2'), 'the next look comes by itself')
rc, a = finish(t)
restored(t, rc, 1, 'a look that fails', a)
ok(b'end 1 the look failed' in t.out, 'and its error is told afterwards')
t = Tty(600000, 1, env={'WATCHDEMO_ABORT': '1',
                        'ASAN_OPTIONS': 'handle_abort=0'})
rc, a = finish(t)
restored(t, rc, -signal.SIGABRT, 'a crash', a)

# --- Ctrl-Z
t = Tty(600000, 1, 600000)        # in the middle of a look, too
t.until(re.escape(ENTER))
t.wait_for(lambda: t.attributes() != t.before)
# Its group has no shell above it, so only a STOP would be real; the handler
# is what counts: it leaves, and enters again when it goes on.
t.taken = len(t.out)
t.p.send_signal(signal.SIGTSTP)
ok(t.until(re.escape(LEAVE)), 'TSTP: the screen is left')
if t.wait_for(lambda: t.stopped() or t.out.count(ENTER) > 1) and t.stopped():
    ok(t.attributes() == t.before, 'TSTP: the settings are those from before')
    t.p.send_signal(signal.SIGCONT)
else:
    ok(True, 'TSTP: the settings # SKIP an orphaned group does not stop')
ok(t.until(re.escape(ENTER)), 'CONT: the screen is entered again')
ok(t.wait_for(lambda: not t.attributes()[3] & termios.ECHO),
   'CONT: without echo')
t.type(b'q')
rc, a = finish(t)
restored(t, rc, 0, 'q after CONT', a)

# The same below a parent in another group of the session, as a shell is.
m, s = pty.openpty()
before = termios.tcgetattr(s)
pid = os.fork()
if pid == 0:
    os.close(m)
    os.setsid()
    fcntl.ioctl(s, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(s, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        for fd in 0, 1, 2:
            os.dup2(s, fd)
        os.execv(DEMO, [DEMO, '600000', '1'])
    _, st = os.waitpid(child, os.WUNTRACED)
    bad = 0
    if not os.WIFSTOPPED(st):
        bad |= 1
    elif termios.tcgetattr(s) != before:
        bad |= 2
    os.tcsetpgrp(s, os.getpgrp())
    os.write(s, b'shell')
    os.tcsetpgrp(s, child)
    os.kill(child, signal.SIGCONT)
    _, st = os.waitpid(child, 0)
    if not os.WIFEXITED(st) or os.WEXITSTATUS(st) != 0:
        bad |= 4
    if termios.tcgetattr(s) != before:
        bad |= 8
    os._exit(bad)


class Shell(Tty):
    def __init__(self):
        self.master, self.slave, self.out, self.taken = m, s, b'', 0


t = Shell()
ok(t.until(rb'look 1 draw 1'), 'below a shell: drawn')
t.type(b'\032')
ok(t.until(re.escape(LEAVE) + rb'.*shell'), 'Ctrl-Z: the shell is back',
   t.out[-200:])
ok(t.until(re.escape(ENTER) + rb'.*look 1 draw [23]'),
   'fg: entered and drawn again', t.out[-200:])
t.type(b'q')
end = time.monotonic() + WAIT
p, st = 0, 0
while p == 0 and time.monotonic() < end:
    t.read(0.02)
    p, st = os.waitpid(pid, os.WNOHANG)
if p == 0:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
ok(p == pid and st == 0, 'Ctrl-Z and fg: stopped, the settings from before, '
   'and again after q', p, st >> 8)
os.close(m)
os.close(s)

# --- screens that do not fit
t = Tty(600000, 30, rows=10)
ok(t.until(rb'line 9 of [^\n]*\r\n\.\.\. 21 more lines\033\[K$'),
   'what is too high is cut, and said so', t.out[-200:])
ok(b'line 10 ' not in t.out, 'and not a line more')
t.size(60, 31)
ok(t.until(rb'line 30 of [^\n]*\r\n\033\[J'), 'with more room all is there',
   t.out[-200:])
t.size(60, 30)
ok(t.until(rb'line 30 of [^\n]*[^\n]$'), 'a screen that is just full '
   'does not scroll', t.out[-200:])
t.size(60, 1)
ok(t.until(rb'\033\[H\.\.\. 30 more lines'), 'one line is enough to say so')
t.type(b'q')
ok(t.end() == 0, 'and it ends')
t = Tty(600000, 3, cols=33)       # exactly as wide as a line
t.until(rb'line 3 of look 1 draw 1 width 33\.[^\n]*\n\033\[J')
ok(b'width 33.\r' in t.out and b'33.\033[K' not in t.out,
   'the last character of a full line is not cleared', t.out[-120:])
t.type(b'q')
t.end()

# --- the terminal is gone; idle time
t = Tty(600000, 1)
t.until(rb'draw 1 ')


def ticks():
    with open('/proc/%d/stat' % t.p.pid) as f:
        v = f.read().rpartition(')')[2].split()
    return int(v[11]) + int(v[12])


t.wait_for(lambda: open('/proc/%d/stat' % t.p.pid).read()
           .rpartition(')')[2].split()[0] == 'S')
was = ticks()
t.read(1)
ok(ticks() - was <= 10, 'it sleeps between two looks', was, ticks())
os.close(t.slave)
os.close(t.master)
try:
    t.p.wait(WAIT)
except subprocess.TimeoutExpired:
    t.p.kill()
    t.p.wait()
ok(t.p.returncode in (1, 129), 'a terminal that goes away ends it',
   t.p.returncode)

print('1..%d' % count)
sys.exit(failed != 0)
END
