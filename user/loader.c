// SPDX-License-Identifier: GPL-2.0
#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpffs.h"
#include "netlink.h"
#include "programs.h"
#include "sysctl.h"

#define UNFINISHED "new-"
#define DISCARDED  "old-"
#define JOURNAL    "journal"
#define UPGRADE    "upgrade"

typedef char pin_path[128];

/* The path of @name below the open directory @dir, which may lie in a mount namespace that is not
 * ours. */
static const char *pin_at(pin_path path, int dir, const char *name)
{
	snprintf(path, sizeof(pin_path), "/proc/self/fd/%d/%s", dir, name);
	return path;
}

int pin_get(int dir, const char *name)
{
	pin_path path;

	return bpf_obj_get(pin_at(path, dir, name));
}

int pin_put(int fd, int dir, const char *name)
{
	pin_path path;

	return bpf_obj_pin(fd, pin_at(path, dir, name));
}

/* Remove @name with all that is in it. */
static void tree_remove(int dir, const char *name)
{
	struct dirent *entry;
	DIR *tree;
	int fd;

	if (!unlinkat(dir, name, 0) || errno == ENOENT)
		return;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree = fd < 0 ? NULL : fdopendir(fd);
	if (!tree)
		return;
	while ((entry = readdir(tree)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			tree_remove(fd, entry->d_name);
	closedir(tree);
	unlinkat(dir, name, AT_REMOVEDIR);
}

/* The kernel's own words, of which libbpf prints the last as a warning; kept for the error message.
 */
static char loader_words[256];

static int loader_print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && !loader_words[0])
		vsnprintf(loader_words, sizeof(loader_words), format, args);
	loader_words[strcspn(loader_words, "\n")] = 0;
	return 0;
}

const char *kernel_words(void)
{
	const char *words = strstr(loader_words, "message: ");

	return words ? words + strlen("message: ") : loader_words;
}

void kernel_words_clear(void)
{
	loader_words[0] = 0;
}

static int cookie_read(uint64_t *cookie, struct error *err)
{
#ifndef SO_NETNS_COOKIE
	enum { SO_NETNS_COOKIE = 71 };
#endif
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret = 0;
	socklen_t len = sizeof(*cookie);

	if (fd < 0)
		return refuse_kernel(err, -errno, "opening a socket");
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len))
		ret = -errno;
	close(fd);
	if (ret == -ENOPROTOOPT)
		return refuse(
			err, ret,
			"this kernel is too old: it has no network namespace cookies (Linux 5.14)");
	return ret ? refuse_kernel(err, ret, "reading the network namespace's cookie") : 0;
}

static void state_forget(struct state *state)
{
	size_t i;

	for (i = 0; i < MAP_COUNT; i++)
		if (*map_fd(&state->maps, i) >= 0)
			close(*map_fd(&state->maps, i));
	if (state->encap >= 0)
		close(state->encap);
	if (state->decap >= 0)
		close(state->decap);
	if (state->handoff >= 0)
		close(state->handoff);
	if (state->dir >= 0)
		close(state->dir);
	for (i = 0; i < MAP_COUNT; i++)
		*map_fd(&state->maps, i) = -1;
	state->encap = state->decap = state->handoff = state->dir = -1;
}

/* Refuse when another layout's directory stands where ours would. */
static int layout_check(struct state *state, struct error *err)
{
	size_t len = strcspn(state->name, "-") + 1;
	int fd = openat(state->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	struct dirent *entry;
	DIR *root = fd < 0 ? NULL : fdopendir(fd);

	if (!root)
		return refuse_kernel(err, -errno,
				     "reading xtun's directory in the BPF file system");
	while (!ret && (entry = readdir(root)))
		if (!strncmp(entry->d_name, state->name, len) && strcmp(entry->d_name, state->name))
			ret = refuse(
				err, -EPROTO,
				"this namespace was set up by another version of xtun (layout %s, "
				"this one has %d); use that version, or its `xtun flush` first",
				entry->d_name + len, TUNNEL_LAYOUT);
	closedir(root);
	return ret;
}

static int pin_open(struct state *state, const char *name, int *fd)
{
	*fd = pin_get(state->dir, name);
	return *fd < 0 ? *fd : 0;
}

int state_reopen(struct state *state, struct error *err)
{
	size_t i;
	int ret;

	state_forget(state);
	if (state->root < 0)
		return 0;
	ret = layout_check(state, err);
	if (ret)
		return ret;
	state->dir = openat(state->root, state->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->dir < 0)
		return errno == ENOENT
			       ? 0
			       : refuse_kernel(err, -errno, "opening this namespace's state");
	for (i = 0; i < MAP_COUNT && !ret; i++)
		ret = pin_open(state, map_name(i), map_fd(&state->maps, i));
	ret = ret ?: pin_open(state, PIN_ENCAP, &state->encap);
	ret = ret ?: pin_open(state, PIN_DECAP, &state->decap);
	ret = ret ?: pin_open(state, PIN_HANDOFF, &state->handoff);
	if (ret) {
		/* A writer may be removing it at this moment, and then there is nothing. */
		state_forget(state);
		if (!state->locked && ret == -ENOENT)
			return 0;
		return refuse_kernel(err, ret, "opening this namespace's maps and programs");
	}
	return 0;
}

int state_open(struct state *state, bool create, struct error *err)
{
	uint64_t cookie;
	int ret;

	*state = (struct state){ .root = -1, .dir = -1, .encap = -1, .decap = -1, .handoff = -1 };
	memset(&state->maps, -1, sizeof(state->maps));
	libbpf_set_print(loader_print);
	ret = cookie_read(&cookie, err);
	if (ret)
		return ret;
	snprintf(state->name, sizeof(state->name), "%" PRIu64 "-%d", cookie, TUNNEL_LAYOUT);
	ret = bpffs_open(create, &state->root, err);
	if (ret)
		return ret;
	return state_reopen(state, err);
}

void state_close(struct state *state)
{
	state_forget(state);
	if (state->root >= 0)
		close(state->root);
	state->root = -1;
}

int state_lock(struct state *state, bool wait, struct error *err)
{
	if (flock(state->root, LOCK_EX | (wait ? 0 : LOCK_NB))) {
		if (errno == EWOULDBLOCK)
			return -EAGAIN;
		return refuse_kernel(err, -errno, "taking the writers' lock");
	}
	state->locked = true;
	return 0;
}

/* Fill the maps that are never empty, and set what is a setting of the namespace. */
static int state_prepare(const struct maps *maps)
{
	struct config config = {};
	bool forwarding;
	int ret;

	ret = netlink_lo_forwarding_get(&forwarding);
	if (!ret && !forwarding)
		config.flags |= CONFIG_LO_FORWARDING;
	ret = ret ?: config_write(maps, &config);
	return ret ?: canary_set(maps);
}

int state_create(struct state *state, struct error *err)
{
	char unfinished[sizeof(state->name) + sizeof(UNFINISHED)];
	struct tunnel_tc_bpf *skel;
	struct maps maps;
	int dir = -1, ret;

	kernel_words_clear();
	skel = programs_load();
	if (!skel) {
		ret = -errno;
		return refuse(err, ret,
			      "this kernel refuses the BPF programs, which need Linux 6.1 (%s)",
			      loader_words[0] ? loader_words : strerror(-ret));
	}
	snprintf(unfinished, sizeof(unfinished), UNFINISHED "%s", state->name);
	tree_remove(state->root, unfinished);
	if (mkdirat(state->root, unfinished, 0700) ||
	    (dir = openat(state->root, unfinished, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		ret = -errno;
	else
		ret = programs_pin(skel, dir, &maps) ?: state_prepare(&maps);
	programs_unload(skel);
	if (dir >= 0)
		close(dir);
	if (!ret && renameat(state->root, unfinished, state->root, state->name))
		ret = -errno;
	return ret ? refuse_kernel(err, ret, "pinning maps and programs")
		   : state_reopen(state, err);
}

void pins_remove(struct state *state, const char *prefix)
{
	int fd = openat(state->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *pins = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!pins)
		return;
	while ((entry = readdir(pins)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			unlinkat(state->dir, entry->d_name, 0);
	closedir(pins);
}

int state_remove(struct state *state, struct error *err)
{
	char discarded[sizeof(state->name) + sizeof(DISCARDED)];
	struct config config;

	if (!config_read(&state->maps, &config) && config.flags & CONFIG_LO_FORWARDING)
		netlink_lo_forwarding_set(false);
	if (!config_read(&state->maps, &config) && config.flags & CONFIG_LO_FORWARDING6)
		sysctl_lo_forwarding6_set(false);
	state_forget(state);
	snprintf(discarded, sizeof(discarded), DISCARDED "%s", state->name);
	tree_remove(state->root, discarded);
	if (renameat(state->root, state->name, state->root, discarded))
		return refuse_kernel(err, -errno, "removing this namespace's state");
	tree_remove(state->root, discarded);
	return 0;
}

static bool namespace_gone(int root, const char *name)
{
	int dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	bool gone = false;

	if (dir < 0)
		return false;
	fd = pin_get(dir, "canary");
	if (fd >= 0) {
		gone = !canary_alive(fd);
		close(fd);
	}
	close(dir);
	return gone;
}

void state_collect(struct state *state)
{
	int fd = openat(state->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *root = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!root)
		return;
	while ((entry = readdir(root))) {
		if (!strncmp(entry->d_name, UNFINISHED, strlen(UNFINISHED)) ||
		    !strncmp(entry->d_name, DISCARDED, strlen(DISCARDED)))
			tree_remove(state->root, entry->d_name);
		else if (entry->d_name[0] != '.' && strcmp(entry->d_name, state->name) &&
			 namespace_gone(state->root, entry->d_name))
			tree_remove(state->root, entry->d_name);
	}
	closedir(root);
}

int journal_write(struct state *state, const char *text, struct error *err)
{
	int fd = -1, ret;

	/* It may hold what an earlier command did not finish, which this one includes. */
	unlinkat(state->dir, JOURNAL, 0);
	ret = blob_create(text, strlen(text), &fd);
	if (!ret) {
		ret = pin_put(fd, state->dir, JOURNAL);
		close(fd);
	}
	return ret ? refuse_kernel(err, ret, "writing down the new configuration") : 0;
}

int journal_read(struct state *state, char **text, struct error *err)
{
	int fd = pin_get(state->dir, JOURNAL), ret;

	*text = NULL;
	if (fd < 0)
		return fd == -ENOENT ? 0 : refuse_kernel(err, fd, "opening the journal");
	ret = blob_read(fd, text);
	close(fd);
	return ret ? refuse_kernel(err, ret, "reading the journal") : 0;
}

int journal_remove(struct state *state, struct error *err)
{
	if (unlinkat(state->dir, JOURNAL, 0) && errno != ENOENT)
		return refuse_kernel(err, -errno, "removing the journal");
	return 0;
}

int upgrade_mark(struct state *state, struct error *err)
{
	int fd = -1, ret;

	ret = blob_create(UPGRADE, strlen(UPGRADE), &fd);
	if (!ret) {
		ret = pin_put(fd, state->dir, UPGRADE);
		close(fd);
	}
	return ret ? refuse_kernel(err, ret, "writing down the decision") : 0;
}

bool upgrade_marked(struct state *state)
{
	return !faccessat(state->dir, UPGRADE, F_OK, 0);
}

int upgrade_unmark(struct state *state, struct error *err)
{
	return unlinkat(state->dir, UPGRADE, 0) && errno != ENOENT
		       ? refuse_kernel(err, -errno, "forgetting that an upgrade was under way")
		       : 0;
}
