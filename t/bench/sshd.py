"""A private sshd of the ordinary user, for logging in as that user: own keys,
own port on 127.0.0.1, nothing of /etc/ssh or ~/.ssh (as t/lib/sshd.sh)."""
import os
import subprocess

from common import poll_until, run

SERVER = "/usr/sbin/sshd"


class Sshd:
    def __init__(self, place):
        self.dir = place.path("ssh")
        self.user = place.user
        self.port = place.port()
        self.key = os.path.join(self.dir, "user_ed25519")
        self.known = os.path.join(self.dir, "known_hosts")
        self.config = os.path.join(self.dir, "ssh_config")
        self.process = None
        self.make_keys()
        place.at_end(self.stop)

    def file(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="ascii") as f:
            f.write(text)

    def make_keys(self):
        os.makedirs(self.dir, exist_ok=True)
        for name in ("user_ed25519", "host_ed25519"):
            path = os.path.join(self.dir, name)
            if not os.path.exists(path):
                run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                     "-C", "bench", "-f", path])

    def know(self, ports):
        """The host key is good at all of these ports: relays stand there."""
        with open(os.path.join(self.dir, "host_ed25519.pub"),
                  encoding="ascii") as f:
            key = " ".join(f.read().split()[:2])
        self.file("known_hosts", "".join(
            "[127.0.0.1]:%d %s\n" % (p, key) for p in ports))

    def start(self):
        self.file("sshd_config", "\n".join((
            "Port %d" % self.port,
            "ListenAddress 127.0.0.1",
            "PidFile none",
            "HostKey %s/host_ed25519" % self.dir,
            "AuthorizedKeysFile %s/user_ed25519.pub" % self.dir,
            "UsePAM no", "StrictModes no", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "PrintMotd no",
            "MaxStartups 100", "")))
        # The same for rsync and for ours over openssh: the cipher that costs
        # least where the CPU has AES.
        self.file("ssh_config", "\n".join((
            "Host *",
            " User %s" % self.user,
            " IdentityFile %s" % self.key,
            " IdentitiesOnly yes",
            " UserKnownHostsFile %s" % self.known,
            " GlobalKnownHostsFile /dev/null",
            " StrictHostKeyChecking yes",
            " BatchMode yes",
            " LogLevel ERROR",
            " Ciphers aes128-gcm@openssh.com,aes128-ctr", "")))
        self.know([self.port])
        # Its log is inherited; a session must not hold run.log open.
        self.process = subprocess.Popen(
            [SERVER, "-D", "-f", os.path.join(self.dir, "sshd_config"),
             "-E", os.path.join(self.dir, "log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        poll_until(10, self.answers, "sshd")

    def answers(self):
        return "ok" in run(["ssh", "-F", self.config, "-p", str(self.port),
                            "127.0.0.1", "echo ok"], may_fail=True)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
