#!/usr/bin/python3
"""SSH transports against a private sshd and hostile servers.

Goal: both ways to another host (libssh2, the ssh program) move data whole, end
in bounded time whatever the other side does, and admit no host key and no
login that they should not.  No PostgreSQL.  Runs as an ordinary user.
"""
import atexit
import concurrent.futures
import hashlib
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("TOP_BUILDDIR", os.getcwd())
CAT = os.environ.get("REMOTE_CAT", BUILD + "/t/helpers/remote-cat")
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def drop_root():
    """Permission tests pass wrongly as root, and so does sshd."""
    if os.geteuid() != 0:
        return
    try:
        pw = pwd.getpwnam(os.environ.get("STANDBY_TEST_USER", "postgres"))
    except KeyError:
        skip_all("run as root, and there is no user postgres")
    os.setgroups([])
    os.setresgid(pw.pw_gid, pw.pw_gid, pw.pw_gid)
    os.setresuid(pw.pw_uid, pw.pw_uid, pw.pw_uid)
    os.environ.update(HOME=pw.pw_dir, USER=pw.pw_name, LOGNAME=pw.pw_name)


if not os.path.exists(SSHD):
    skip_all("no sshd: install openssh-server")
if not shutil.which("ssh") or not shutil.which("ssh-agent"):
    skip_all("no ssh: install openssh-client")
drop_root()
if not os.access(CAT, os.X_OK):
    skip_all(CAT + " is not built, or " + pwd.getpwuid(os.geteuid()).pw_name +
             " may not run it")
os.environ.pop("SSH_AUTH_SOCK", None)
os.chdir("/")

USER = pwd.getpwuid(os.geteuid()).pw_name
T = tempfile.mkdtemp(prefix="standby-ssh.")
procs = []
count = 0
failed = 0


def cleanup():
    for p in procs:
        if p.poll() is None:
            for child in children(p.pid):
                kill(child, signal.SIGKILL)
            kill(p.pid, signal.SIGKILL)
            p.wait()
    shutil.rmtree(T, ignore_errors=True)


def kill(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def children(pid):
    """All descendants of a process that we started."""
    parent = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                with open("/proc/" + d + "/stat") as f:
                    parent[int(d)] = int(f.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                pass
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        new = [c for c, pp in parent.items() if pp == p]
        found += new
        todo += new
    return found


atexit.register(cleanup)
for s in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(s, lambda *_: sys.exit(1))


def ok(good, name, *diag):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, name))
    if not good:
        failed += 1
        print("# FAILED %d: %s" % (count, name))
        for d in diag:
            for line in str(d)[-3000:].splitlines():
                print("# " + line)
    sys.stdout.flush()


def path(name):
    return os.path.join(T, name)


def write(name, text, mode=0o600):
    with open(path(name), "w") as f:
        f.write(text)
    os.chmod(path(name), mode)
    return path(name)


def keygen(name, kind="ed25519", phrase=""):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f",
                    path(name)] + (["-b", "2048"] if kind == "rsa" else []),
                   check=True, stdin=subprocess.DEVNULL)
    return path(name)


def pub(name):
    with open(path(name) + ".pub") as f:
        return " ".join(f.read().split()[:2])


def fingerprint(name):
    out = subprocess.run(["ssh-keygen", "-lf", path(name) + ".pub"],
                         capture_output=True, text=True, check=True).stdout
    return out.split()[1]


def free_port():
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Sshd:
    def __init__(self, name, hostkey, extra=""):
        self.port = free_port()
        self.host = "[127.0.0.1]:%d" % self.port
        conf = write(name + ".conf", "\n".join([
            "Port %d" % self.port, "ListenAddress 127.0.0.1",
            "HostKey " + path(hostkey), "PidFile none", "UsePAM no",
            "StrictModes no", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "MaxStartups 100",
            "AuthorizedKeysFile " + path("authorized"), extra, ""]))
        self.log = path(name + ".log")
        self.p = subprocess.Popen([SSHD, "-D", "-f", conf, "-E", self.log],
                                  stdin=subprocess.DEVNULL)
        procs.append(self.p)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("Bail out! sshd does not start: " + open(self.log).read())


class Result:
    def __init__(self, p):
        self.code, self.out = p.returncode, p.stdout
        self.err = p.stderr.decode("utf-8", "replace")

    def __str__(self):
        return "exit %d\n%s" % (self.code, self.err)

    def has(self, *words):
        return all(w in self.err for w in words)


def args(server, kind, opts, command, host="127.0.0.1"):
    port = server if isinstance(server, int) else server.port
    o = {"-K": path("known"), "-i": path("user"), "-u": USER,
         "-C": "ssh -F " + path("ssh_config"), "-t": "20000"}
    o.update(opts)
    v = [CAT, "-k", kind, "-p", str(port)]
    for k, x in o.items():
        if x is not None:
            v += [k] if x is True else [k, x]
    return v + [host, command]


def run(server, kind, command="cat", data=b"hello", env=None,
        host="127.0.0.1", **opts):
    opts = {"-" + k: v for k, v in opts.items()}
    try:
        return Result(subprocess.run(
            args(server, kind, opts, command, host), input=data, timeout=120,
            capture_output=True, env=dict(os.environ, **(env or {}))))
    except subprocess.TimeoutExpired:
        return Result(subprocess.CompletedProcess([], -1, b"",
                                                  b"TEST: hangs for 120 s"))


def known(server, *keys):
    return "".join("%s %s\n" % (server.host, pub(k)) for k in keys)


keygen("host")
keygen("host2")
keygen("host_ecdsa", "ecdsa")
keygen("host_rsa", "rsa")
keygen("user")
keygen("stranger")
keygen("user_rsa", "rsa")
keygen("user_ecdsa", "ecdsa")
keygen("user_locked", phrase="sesame")
write("authorized", "\n".join(pub(k) for k in (
    "user", "user_rsa", "user_ecdsa", "user_locked")) + "\n")
write("ssh_config", "")
flood = write("flood", """#!/bin/sh
head -c 10000000 /dev/zero | tr '\\0' 'e' >&2
cat
""", 0o700)
download = write("download", "#!/bin/sh\ncat >/dev/null\nexec cat %s\n" %
                 path("big"), 0o700)
dies = write("dies", "#!/bin/sh\necho alive\nkill -KILL $$\n", 0o700)
seven = write("seven", "#!/bin/sh\ncat\nexit 7\n", 0o700)
waits = write("waits", "#!/bin/sh\necho ready\nexec sleep 20\n", 0o700)
# libssh2 1.10 forgets the old host key (51 bytes) at each new key exchange,
# and 112 bytes of an ecdsa key.
os.environ.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions=" +
                      write("lsan", "leak:libssh2.so\nleak:libcrypto.so\n"))
sd = Sshd("main", "host", "RekeyLimit 4M")
write("known", known(sd, "host"))

# --- data -------------------------------------------------------------------
big = random.Random(1).randbytes(50_000_000)
with open(path("big"), "wb") as f:
    f.write(big)
for kind in ("libssh2", "openssh"):
    r = run(sd, kind)
    ok(r.code == 0 and r.out == b"hello", kind + ": login and echo", r)
    r = run(sd, kind, data=big)
    ok(r.code == 0 and hashlib.sha256(r.out).digest() ==
       hashlib.sha256(big).digest(),
       kind + ": 50 MB there and back, keys exchanged anew on the way", r)
    # Side by side: so there is always one that must wait for the other end
    # just when it has to tell how much more that may send.
    def differs(_):
        got = run(sd, kind, download)
        return None if got.code == 0 and got.out == big else \
            "%d bytes, %s" % (len(got.out), got)
    with concurrent.futures.ThreadPoolExecutor(8) as some:
        bad = [d for d in some.map(differs, range(8)) if d is not None]
    ok(not bad, kind + ": 8 times 50 MB from there, nothing is left out", *bad)
    r = run(sd, kind, flood, data=b"x" * 1_000_000)
    ok(r.code == 0 and len(r.out) == 1_000_000 and
       r.has("stderr kept 65536"), kind + ": B21: 10 MB on stderr", r)
    r = run(sd, kind, seven)
    ok(r.code == 7 and r.out == b"hello", kind + ": exit status arrives", r)
    r = run(sd, kind, dies)
    good = r.has("signal=KILL") if kind == "libssh2" else r.code == 255
    ok(good and r.out == b"alive\n",
       kind + ": B21: death by signal is not success", r)
    r = run(sd, kind, "/nonexistent/agent")
    ok(r.code == 5 and r.has("[agent]", "agent on " + USER + "@127.0.0.1"),
       kind + ": A15: a command that is not there is named", r)
    r = run(sd, kind, waits, x=True, w="2000")
    ok(r.out == b"ready\n" and not r.has("too long"),
       kind + ": an end with the command still running is bounded", r)
del big
r = run(sd, "libssh2", "cat;id")
ok(r.code == 2 and r.has("cannot be a command"),
   "a command that is more than a word is refused", r)
r = run(sd, "auto")
ok(r.code == 0 and not r.has("note:"), "auto uses libssh2 where it can", r)

# --- host keys (A13) --------------------------------------------------------
print_ = fingerprint("host")
wrong = fingerprint("host2")
for kind in ("libssh2", "openssh"):
    r = run(sd, kind, K=write("k1", ""))
    ok(r.code == 5 and r.has("[ssh-hostkey]", "is not known", print_,
                             "--host-fingerprint=", "each run",
                             "for all runs"),
       kind + ": A13: an unknown host is refused, its fingerprint shown", r)
    r = run(sd, kind, K=write("k2", known(sd, "host2")))
    ok(r.code == 5 and r.has("[ssh-hostkey]", "not the one in known_hosts"),
       kind + ": A13: a changed host key is refused", r)
    r = run(sd, kind, K=write("k3", known(sd, "host") + "@revoked * " +
                              pub("host") + "\n"))
    ok(r.code == 5 and r.has("[ssh-hostkey]", "revoked"),
       kind + ": A13: a revoked key is refused although it is listed", r)
    r = run(sd, kind, K=write("k4", known(sd, "host_ecdsa")))
    ok(r.code == 5 and r.has("[ssh-hostkey]"),
       kind + ": A13: a host of which another key type is known is refused", r)
    r = run(sd, kind, K=path("k1"), F=print_)
    ok(r.code == 0 and r.out == b"hello",
       kind + ": the fingerprint admits an unknown host", r)
    r = run(sd, kind, K=path("k2"), F=print_)
    ok(r.code == 0 and r.out == b"hello",
       kind + ": the fingerprint admits a host with other known keys", r)
    r = run(sd, kind, K=path("k1"), F=wrong)
    ok(r.code == 5 and r.has("[ssh-hostkey]", wrong, print_) and not r.out,
       kind + ": a wrong fingerprint does not admit an unknown host", r)
    r = run(sd, kind, F=wrong)
    ok(r.code == 5 and r.has("[ssh-hostkey]") and not r.out,
       kind + ": a wrong fingerprint is refused although the host is known", r)
    r = run(sd, kind, K=path("k3"), F=print_)
    ok(r.code == 5 and r.has("revoked"),
       kind + ": the fingerprint does not admit a revoked key", r)
r = run(sd, "libssh2", K=write("k5", "%s ssh-ed25519 %s\n%s" % (
    sd.host, "A" * 5000, known(sd, "host"))))
ok(r.code == 0 and r.has("note: 1 unusable line"),
   "A13: a bad line of 5 kB costs itself only", r)
hashed = write("k6", known(sd, "host"))
subprocess.run(["ssh-keygen", "-q", "-H", "-f", hashed], check=True,
               capture_output=True)
r = run(sd, "libssh2", K=hashed)
ok(r.code == 0 and "|1|" in open(hashed).read(), "a hashed entry matches", r)
r = run(sd, "libssh2", K=write("k7", known(sd, "host"), 0o666))
ok(r.code == 5 and r.has("may be written by others", "chmod"),
   "a known_hosts that others may write is refused", r)
r = run(sd, "libssh2", K=write("k8", "@cert-authority * %s\n* %s\n" % (
    pub("host"), pub("host"))))
ok(r.code == 5 and r.has("is not known"),
   "certificate authorities and wildcards admit nothing", r)

both = Sshd("both", "host", "HostKey " + path("host_ecdsa"))
for key in ("host", "host_ecdsa"):
    r = run(both, "libssh2", K=write("k9", known(both, key)))
    ok(r.code == 0, "of two host keys the known one is asked for: " + key, r)
    r = run(both, "libssh2", K=path("k1"), F=fingerprint(key))
    ok(r.code == 0, "a fingerprint of either host key is found: " + key, r)

r = run(sd, "libssh2", host="localhost",
        K=write("k11", "[localhost]:%d %s\n" % (sd.port, pub("host"))))
ok(r.code == 0 and r.out == b"hello",
   "a name is resolved, and each of its addresses tried", r)
r = run(sd, "libssh2", host="no-such-host.invalid", t="5000")
ok(r.code in (5, 6) and r.has("no-such-host.invalid"),
   "A12: a name that does not exist is an error in bounded time", r)

# --- login (A14) ------------------------------------------------------------
r = run(sd, "libssh2", i=path("user_ecdsa"))
ok(r.code == 0, "an ecdsa key logs in", r)
r = run(sd, "libssh2", i=path("stranger"))
ok(r.code == 5 and r.has("[ssh-auth]", path("stranger"), "offers publickey"),
   "libssh2: A14: a key that is not authorized is named", r)
ok(r.has("ssh-copy-id -p %d -i %s " % (sd.port, path("stranger"))),
   "libssh2: and how that key gets there", r)
r = run(sd, "openssh", i=path("stranger"))
ok(r.code == 5 and r.has("[ssh-auth]"),
   "openssh: A14: a key that is not authorized is an authentication error", r)
ok(r.has(" -v -o BatchMode=yes -p %d " % sd.port,
         " -i %s 127.0.0.1" % path("stranger")),
   "openssh: and the same login as a command", r)
os.chmod(path("user"), 0o644)
r = run(sd, "libssh2")
os.chmod(path("user"), 0o600)
ok(r.code == 5 and r.has("is open to others", "chmod 600"),
   "A14: a private key that others may read is refused", r)
r = run(sd, "libssh2", i=path("user_locked"))
ok(r.code == 5 and r.has("encrypted", "ssh-add"),
   "A14: an encrypted key without an agent: no prompt, a clear error", r)
r = run(sd, "libssh2", i=path("nothing"))
ok(r.code == 5 and r.has("there is no key"), "a missing key is named", r)

r = run(sd, "libssh2", i=path("user_rsa"))
old = r.code != 0
if old:
    ok(r.code == 5 and re.search(
        r"error: ssh authentication to %s@127.0.0.1:%d failed with key %s "
        r"\[ssh-(rsa-sha1|auth)\]" % (USER, sd.port, path("user_rsa")),
        r.err) and re.search(
        r"detail: libssh2 \S+ signs RSA keys with SHA-1 only; the server "
        r"refuses ssh-rsa\.\n", r.err) and r.has("hint: create another key:"),
       "RSA key, old libssh2: the error says what and why", r)
else:
    ok(r.out == b"hello", "RSA key, new libssh2: logs in", r)
r = run(sd, "auto", i=path("user_rsa"))
ok(r.code == 0 and r.out == b"hello" and old == (
    r.err.count("note: using the ssh program: libssh2") == 1),
   "A14: RSA key, auto: works, by the ssh program where it must, said once", r)

agent_sock = path("agent")
agent = subprocess.Popen(["ssh-agent", "-D", "-a", agent_sock],
                         stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
procs.append(agent)
for _ in range(200):
    if os.path.exists(agent_sock):
        break
    time.sleep(0.05)
env = {"SSH_AUTH_SOCK": agent_sock}


def ssh_add(*names):
    subprocess.run(["ssh-add", "-q", "-D"], env=dict(os.environ, **env),
                   check=True, stdin=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    for n in names:
        subprocess.run(["ssh-add", "-q", path(n)], check=True,
                       env=dict(os.environ, **env), stdin=subprocess.DEVNULL)


for key in ("user", "user_ecdsa"):
    ssh_add(key)
    r = run(sd, "libssh2", env=env, i=path("stranger"))
    ok(r.code == 0, "the agent signs: " + key, r)
ssh_add("user_rsa")
r = run(sd, "auto", env=env, i=path("stranger"), C="ssh -F %s -i %s" % (
    path("ssh_config"), path("user_rsa")))
ok(old or r.code == 0, "the agent's RSA key", r)
many = ["many%d" % i for i in range(8)]
for n in many:
    keygen(n)
ssh_add(*many)
r = run(sd, "libssh2", env=env)
ok(r.code == 0, "an agent full of other keys leaves room for the file", r)
os.kill(agent.pid, signal.SIGSTOP)
r = run(sd, "libssh2", env=env)
os.kill(agent.pid, signal.SIGCONT)
ok(r.code == 0, "an agent that hangs costs its time, not the login", r)
r = run(sd, "libssh2", env={"SSH_AUTH_SOCK": path("none")})
ok(r.code == 0, "a missing agent does not matter when a key is there", r)

# --- what libssh2 cannot ----------------------------------------------------
for name, hostkey, extra, word in (
        ("rsahost", "host_rsa", "", "host key algorithm"),
        ("chacha", "host", "Ciphers chacha20-poly1305@openssh.com",
         "cipher algorithm"),
        ("etm", "host", "Ciphers aes128-ctr\n"
         "MACs hmac-sha2-256-etm@openssh.com", "MAC algorithm")):
    s = Sshd(name, hostkey, extra)
    kh = write("kh_" + name, known(s, hostkey))
    r = run(s, "libssh2", K=kh)
    ok(not old or (r.code == 5 and r.has("no common " + word,
                                         "--transport=openssh")),
       name + ": libssh2 names what it lacks", r)
    r = run(s, "auto", K=kh)
    ok(r.code == 0 and r.out == b"hello" and old == r.has("note: using the"),
       name + ": auto goes by the ssh program", r)
write("ssh_config", "Host 127.0.0.1\n  ProxyJump nowhere.invalid\n")
r = run(sd, "libssh2")
ok(r.code == 5 and r.has("ProxyJump nowhere.invalid"),
   "ProxyJump: libssh2 says that it cannot", r)
r = run(sd, "auto")
ok(r.code == 5 and r.has("note: using the ssh program", "ProxyJump"),
   "ProxyJump: auto goes by the ssh program", r)
write("ssh_config", "Host 127.0.0.1\n  HostKeyAlias db1\n")
r = run(sd, "libssh2", K=write("k10", "db1 " + pub("host") + "\n"))
ok(r.code == 0, "HostKeyAlias of ~/.ssh/config counts", r)
write("ssh_config", "Host elsewhere\n  Port 1\n  User nobody\n")

# --- servers that behave badly (A12) ----------------------------------------


class Hostile:
    """A server whose every connection is handled by talk(socket)."""

    def __init__(self, talk):
        self.port = free_port()
        self.s = socket.socket()
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.s.bind(("127.0.0.1", self.port))
        self.s.listen(20)
        self.talk = talk
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            c, _ = self.s.accept()
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        try:
            self.talk(c)
        except OSError:
            pass
        c.close()


def silent(c):
    c.recv(1)
    while c.recv(4096):
        pass


def endless(c):
    while True:
        c.sendall(b"welcome\r\n" * 100)


def drip(c):
    while True:
        c.sendall(b"w\r\n")
        time.sleep(0.05)


def garbage(c):
    c.sendall(b"SSH-2.0-x\r\n" + os.urandom(100000))
    silent(c)


def hangs_up(c):
    c.recv(1)


def timed(server, kind, **kw):
    t = time.monotonic()
    return run(server, kind, **kw), time.monotonic() - t


r, s = timed(Hostile(silent).port, "libssh2", t="1500")
ok(r.code == 6 and r.has("timed out") and s < 30,
   "libssh2: A12: a server that says nothing: time is up", r, s)
r, s = timed(Hostile(silent).port, "openssh", t="1500")
ok(r.code == 6 and r.has("timed out") and s < 30,
   "openssh: A12: a server that says nothing: time is up", r, s)
r, s = timed(Hostile(endless).port, "libssh2", t="20000")
ok(r.code == 5 and r.has("kB before login"),
   "A12: a banner without end is cut off", r, s)
r, s = timed(Hostile(drip).port, "libssh2", t="1500")
ok(r.code == 6 and r.has("timed out"), "A12: a banner that drips", r)
r = run(Hostile(garbage).port, "libssh2", t="3000")
ok(r.code in (5, 6), "garbage instead of keys is an error", r)
for kind in ("libssh2", "openssh"):
    r = run(Hostile(hangs_up).port, kind)
    ok(r.code == 5 and r.has("[ssh-connect]"),
       kind + ": a server that hangs up is a connection error", r)
    r = run(free_port(), kind)
    ok(r.code == 5 and r.has("[ssh-connect]", "refused"),
       kind + ": A12: nobody listens", r)

for kind in ("libssh2", "openssh"):
    p = subprocess.Popen(args(sd, kind, {"-w": "5000"}, waits),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    procs.append(p)
    first = p.stdout.readline()
    stopped = [c for c in children(sd.p.pid)]
    for c in stopped:
        kill(c, signal.SIGSTOP)
    p.send_signal(signal.SIGTERM)
    try:
        _, err = p.communicate(timeout=60)
        good = first == b"ready\n" and p.returncode == 143 and \
            b"too long" not in err and len(stopped) > 0
    except subprocess.TimeoutExpired:
        good, err = False, b"hangs"
    for c in stopped:
        kill(c, signal.SIGCONT)
    ok(good, kind + ": B20: with a stopped sshd it ends", first, err)
    for _ in range(200):
        if not children(sd.p.pid):
            break
        time.sleep(0.05)
    for c in children(sd.p.pid):
        kill(c, signal.SIGKILL)

p = subprocess.Popen(args(Hostile(silent).port, "libssh2", {}, "cat"),
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
procs.append(p)
time.sleep(0.3)     # any moment of the connection will do
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=60)
ok(p.returncode == 130 and b"[interrupted]" in err,
   "an interrupt ends a connection that hangs", p.returncode, err)

for kind in ("libssh2", "openssh"):
    p = subprocess.Popen(args(sd, kind, {}, "cat"), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    procs.append(p)
    p.stdin.write(b"x")
    p.stdin.flush()
    first = p.stdout.read(1)
    mine = children(p.pid)
    p.kill()
    p.wait()
    left = [1]
    for _ in range(400):
        left = children(sd.p.pid) + [c for c in mine
                                     if os.path.exists("/proc/%d/fd" % c)]
        if not left:
            break
        time.sleep(0.05)
    ok(first == b"x" and not left,
       kind + ": B22: killed ourselves, nothing stays on either side", left)

for kind in ("libssh2", "openssh"):
    p = subprocess.Popen(args(sd, kind, {}, waits), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    procs.append(p)
    p.stdout.readline()
    for c in children(sd.p.pid):
        kill(c, signal.SIGKILL)
    out, err = p.communicate(timeout=60)
    ok(p.returncode != 0, kind + ": B20: a killed sshd is not success", err)

print("1..%d" % count)
sys.exit(1 if failed else 0)
