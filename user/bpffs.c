// SPDX-License-Identifier: GPL-2.0
#include "bpffs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define BPFFS  "/sys/fs/bpf"
#define SUBDIR "xtun"

/* Whether our mounts are those of process 1. */
static bool mounts_shared(void)
{
	struct stat ours, first;

	/* Without /proc there is nothing to compare with, and nowhere else to look. */
	if (stat("/proc/self/ns/mnt", &ours) || stat("/proc/1/ns/mnt", &first))
		return true;
	return ours.st_ino == first.st_ino && ours.st_dev == first.st_dev;
}

static bool is_bpffs(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* Mount where process 1 sees it: a mount made from another mount namespace is refused, so a child
 * goes there. */
static int bpffs_mount(bool shared)
{
	int status, ret;
	pid_t child;

	if (shared)
		return mount("bpf", BPFFS, "bpf", 0, "mode=0700") ? -errno : 0;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		int ns = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

		if (ns < 0 || setns(ns, CLONE_NEWNS) || mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
			_exit(errno);
		_exit(0);
	}
	do {
		ret = waitpid(child, &status, 0);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int bpffs_open(bool create, int *fd, struct error *err)
{
	bool shared = mounts_shared();
	const char *path = shared ? BPFFS : "/proc/1/root" BPFFS;
	int base, ret;

	*fd = -1;
	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base >= 0 && !is_bpffs(base)) {
		close(base);
		base = -1;
		errno = ENOENT;
		if (create) {
			ret = bpffs_mount(shared);
			if (ret)
				return refuse_kernel(err, ret,
						     "no BPF file system that outlives this "
						     "command, and mounting one at %s fails",
						     path);
			base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
	}
	if (base < 0)
		return errno == ENOENT && !create
			       ? 0
			       : refuse_kernel(err, -errno,
					       "no BPF file system that outlives this command: %s",
					       path);
	if (create && mkdirat(base, SUBDIR, 0700) && errno != EEXIST) {
		ret = refuse_kernel(err, -errno, "making %s/" SUBDIR, path);
		close(base);
		return ret;
	}
	*fd = openat(base, SUBDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = *fd < 0 && (create || errno != ENOENT)
		      ? refuse_kernel(err, -errno, "opening %s/" SUBDIR, path)
		      : 0;
	close(base);
	return ret;
}
