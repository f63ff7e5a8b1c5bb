/*
 * Is the server of a directory running?  Two answers for two uses: may we write
 * to that directory (doubt means no), and is it proven that the server is down
 * (doubt is doubt).
 */
#include "base/std.h"
#include "flow/pidfile.h"
#include "flow/server.h"

#include <dirent.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/vfs.h>

#define NFS_MAGIC 0x6969 /* NFS_SUPER_MAGIC of linux/magic.h */
/* The pid namespace of the kernel's own init, PROC_PID_INIT_INO; its number is
 * part of the kernel's interface. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

/* Works a process of PostgreSQL with this directory as its working directory?
 * Every server process does (ChangeToDataDir), and nothing else that is called
 * postgres.  1 yes, 0 no, -1 may not be looked at. */
static int
works_in(long pid, const struct stat *dir)
{
	char path[64], comm[32] = "";
	struct stat st;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, comm, sizeof(comm) - 1);
	(void)close(fd);
	if (n <= 0 || (strncmp(comm, "postgres", 8) != 0 &&
			  strncmp(comm, "postmaster", 10) != 0))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%ld/cwd", pid);
	if (stat(path, &st) == -1)
		return errno == EACCES || errno == EPERM ? -1 : 0;
	return st.st_dev == dir->st_dev && st.st_ino == dir->st_ino;
}

bool
server_has_process(int pgdata_fd, long pid)
{
	struct stat dir;

	return pid > 0 && fstat(pgdata_fd, &dir) == 0 &&
	       works_in(pid, &dir) == 1;
}

/* Is it a live process of the directory's owner? */
static bool
is_of(long pid, uid_t uid)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%ld", pid);
	return stat(path, &st) == 0 && st.st_uid == uid;
}

/* A server process that works there, whatever postmaster.pid says: in a
 * container its pid is another one.  0: none is seen; *hidden: of the owner's
 * processes one may not be looked at. */
static long
find_worker(const struct stat *dir, bool *hidden)
{
	DIR *d = opendir("/proc");
	const struct dirent *de;
	long pid, found = 0;
	char *end;
	int rc;

	*hidden = d == NULL;
	if (d == NULL)
		return 0;
	while (found == 0 && (de = readdir(d)) != NULL) {
		pid = strtol(de->d_name, &end, 10);
		if (pid <= 0 || *end != '\0')
			continue;
		rc = works_in(pid, dir);
		if (rc == 1)
			found = pid;
		else if (rc == -1 && is_of(pid, dir->st_uid))
			*hidden = true;
	}
	(void)closedir(d);
	return found;
}

/* Do processes hold the server's shared memory?  Left-over backends do, after
 * their postmaster was killed.  -1: it is not there (any more, or in our IPC
 * namespace). */
static long
shmem_users(const struct pidfile *p)
{
	struct shmid_ds ds;

	if (p->shmid < 0 || p->shmid > INT_MAX ||
	    shmctl((int)p->shmid, IPC_STAT, &ds) == -1)
		return -1;
	/* The id may be somebody else's by now. */
	if (p->shmkey != 0 && (unsigned long)(uint32_t)ds.shm_perm.__key !=
				  (p->shmkey & UINT32_MAX))
		return -1;
	return (long)ds.shm_nattch;
}

static void say(struct buf *why, const char *fmt, ...) PRINTFLIKE(2, 3);
static void
say(struct buf *why, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (why != NULL)
		buf_adds(why, text);
}

/* The pid of the file is alive, or dead: is that a server of this directory? */
static int
judge_pid(
    int fd, const struct pidfile *p, const struct stat *dir, struct buf *why)
{
	struct statfs fs;
	long users;

	if (p->pid == 0) {
		say(why, "postmaster.pid cannot be understood");
		return 1;
	}
	/* Looked at first, so that a process that ends meanwhile is gone. */
	if (works_in(p->pid, dir) == -1 &&
	    (kill((pid_t)p->pid, 0) == 0 || errno == EPERM)) {
		say(why,
		    "process %ld of postmaster.pid lives and may not be "
		    "looked at",
		    p->pid);
		return 1;
	}
	users = shmem_users(p);
	if (users > 0) {
		say(why,
		    "%ld processes use the shared memory of "
		    "postmaster.pid",
		    users);
		return 1;
	}
	if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == NFS_MAGIC) {
		say(why, "postmaster.pid is there, and on NFS another host "
			 "may run the server");
		return 1;
	}
	return 0;
}

int
server_running(int pgdata_fd, long *pid, struct buf *why, struct err *e)
{
	struct pidfile p;
	struct stat dir;
	bool hidden;
	long worker;
	int have;

	*pid = 0;
	if (fstat(pgdata_fd, &dir) == -1)
		return err_set_errno(
		    e, ERR_IO, "could not stat the data directory");
	have = pidfile_read(pgdata_fd, &p, e);
	if (have == -1)
		return -1;
	worker = find_worker(&dir, &hidden);
	if (worker != 0) {
		*pid = have == 1 && works_in(p.pid, &dir) == 1 ? p.pid : worker;
		say(why, "process %ld works in it", *pid);
		return 1;
	}
	if (have == 0)
		return 0;
	*pid = p.pid;
	return judge_pid(pgdata_fd, &p, &dir, why);
}

/* --- is it proven? -------------------------------------------------------- */

/* May a server of another machine work on this file system? */
static bool
is_shared(int fd)
{
	static const uint32_t magics[] = {
	    NFS_MAGIC, 0xFF534D42, /* CIFS */
	    0xFE534D42,            /* SMB2 */
	    0x00C36400,            /* Ceph */
	    0x01161970,            /* GFS2 */
	    0x7461636F,            /* OCFS2 */
	    0x0BD00BD0,            /* Lustre */
	    0x65735546,            /* FUSE: GlusterFS and others */
	    0x01021997,            /* 9P: the host of a virtual machine */
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return true;
	for (size_t i = 0; i < NELEM(magics); i++)
		if ((uint32_t)fs.f_type == magics[i])
			return true;
	return false;
}

/* Do we see every process of this kernel? */
static bool
sees_all(void)
{
	char name[64];
	ssize_t n = readlink("/proc/self/ns/pid", name, sizeof(name) - 1);

	if (n <= 0)
		return false;
	name[n] = '\0';
	return strcmp(name, FIRST_PID_NAMESPACE) == 0;
}

/* postmaster.pid is there and no process is seen: a server that was killed, or
 * one that we cannot see? */
static int
judge_absence(int fd, const struct pidfile *p, struct buf *why)
{
	long users = shmem_users(p);

	if (users > 0) {
		say(why,
		    "%ld processes use the shared memory of postmaster.pid",
		    users);
		return -1;
	}
	if (is_shared(fd)) {
		say(why, "postmaster.pid is there, and on this file system a "
			 "server of another host may use the directory");
		return -1;
	}
	/* Every process of the server is attached to it, wherever it is. */
	if (users == 0 || sees_all())
		return 0;
	say(why, "postmaster.pid is there, and a server in another container "
		 "would not be seen from this one");
	return -1;
}

int
server_alive(int pgdata_fd, long *pid, struct buf *why, struct err *e)
{
	struct pidfile p;
	struct stat dir;
	bool hidden;
	long worker;
	int have;

	*pid = 0;
	if (fstat(pgdata_fd, &dir) == -1) {
		(void)err_set_errno(
		    e, ERR_IO, "could not stat the data directory");
		return -2;
	}
	have = pidfile_read(pgdata_fd, &p, e);
	if (have == -1)
		return -2;
	worker = find_worker(&dir, &hidden);
	if (worker != 0) {
		*pid = have == 1 && works_in(p.pid, &dir) == 1 ? p.pid : worker;
		say(why, "process %ld works in it", *pid);
		return 1;
	}
	if (hidden) {
		say(why, "a process of its owner may not be looked at");
		return -1;
	}
	return have == 0 ? 0 : judge_absence(pgdata_fd, &p, why);
}
