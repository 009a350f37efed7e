// SPDX-License-Identifier: GPL-2.0
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apply.h"
#include "batch.h"

int session_permitted(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	__u64 effective;

	if (syscall(SYS_capget, &header, data))
		return refuse_kernel(err, -errno, "reading this process's capabilities");
	effective = data[0].effective | (__u64)data[1].effective << 32;
	if (!(effective & 1ULL << CAP_NET_ADMIN))
		return refuse(err, -EPERM, "needs the capability CAP_NET_ADMIN; run it as root");
	if (!(effective & (1ULL << CAP_BPF | 1ULL << CAP_SYS_ADMIN)))
		return refuse(err, -EPERM, "needs the capability CAP_BPF; run it as root");
	return 0;
}

int session_enter(const char *name, struct error *err)
{
	char path[256];
	int fd, ret = 0;

	if (!*name || strchr(name, '/') ||
	    (size_t)snprintf(path, sizeof(path), "/run/netns/%s", name) >= sizeof(path))
		return misuse(err, "-n: \"%s\" is no name of a network namespace", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			       ? refuse(err, -ENOENT, "-n: there is no network namespace \"%s\"",
					name)
			       : refuse_kernel(err, -errno, "-n: opening network namespace \"%s\"",
					       name);
	if (setns(fd, CLONE_NEWNET))
		ret = refuse_kernel(err, -errno, "-n: entering network namespace \"%s\"", name);
	close(fd);
	return ret;
}

/* What is edited, so that it can be done twice. */
struct edit {
	const struct verb *verb;
	const struct args *args;
	const char *batch;
};

static int edit_model(const struct edit *edit, struct model *model, struct error *err)
{
	struct args args;
	char title[64];
	int ret;

	if (!edit->verb)
		return batch_file(model, edit->batch, err);
	args = *edit->args;
	ret = edit->verb->edit(model, &args, err);
	if (ret)
		error_prefix(err, "%s", verb_title(edit->verb, title));
	return ret;
}

/* Would the edit be refused? Asked where nothing of xtun exists yet, so that a refusal leaves no
 * trace. */
static int edit_try(const struct state *state, const struct edit *edit, struct error *err)
{
	struct model model;
	int ret;

	ret = model_read(state, &model, err);
	if (ret)
		return ret;
	model.quiet = true;
	ret = edit_model(edit, &model, err);
	model_free(&model);
	return ret;
}

static int edit_locked(struct state *state, const struct edit *edit, struct error *err)
{
	struct model before, model;
	int ret;

	state_collect(state);
	ret = recover(state, err);
	ret = ret ?: state_reopen(state, err);
	ret = ret ?: model_read(state, &before, err);
	if (ret)
		return ret;
	ret = model_read(state, &model, err);
	if (!ret) {
		ret = edit_model(edit, &model, err);
		ret = ret ?: apply(state, &before, &model, err);
		model_free(&model);
	}
	model_free(&before);
	return ret;
}

int session_edit(const struct verb *verb, const struct args *args, const char *batch,
		 struct error *err)
{
	struct edit edit = { .verb = verb, .args = args, .batch = batch };
	struct state state;
	int ret;

	ret = state_open(&state, false, err);
	if (!ret && state.root < 0) {
		ret = edit_try(&state, &edit, err);
		state_close(&state);
		ret = ret ?: state_open(&state, true, err);
	}
	ret = ret ?: state_lock(&state, true, err);
	/* Whoever had the lock before us may have changed everything. */
	ret = ret ?: state_reopen(&state, err);
	ret = ret ?: edit_locked(&state, &edit, err);
	state_close(&state);
	return ret;
}

int session_act(const struct verb *verb, struct args *args, struct error *err)
{
	struct state state;
	char title[64];
	int ret;

	ret = state_open(&state, false, err);
	if (!ret && state.root >= 0) {
		ret = state_lock(&state, true, err);
		ret = ret ?: state_reopen(&state, err);
		ret = ret ?: recover(&state, err);
		ret = ret ?: state_reopen(&state, err);
	}
	ret = ret ?: verb->act(&state, args, err);
	if (ret)
		error_prefix(err, "%s", verb_title(verb, title));
	state_close(&state);
	return ret;
}

/*
 * Show what a writer at work has decided on, instead of what it has carried out so far. When the
 * journal does not fit what there is, it is about to go, and what there is counts.
 */
static void show_decided(struct model *model, const char *journal)
{
	struct error ignored;
	struct model want;

	model->quiet = model->journal = true;
	model_empty_like(model, &want);
	if (batch_text(&want, journal, "journal", &ignored)) {
		model_free_like(&want);
		return;
	}
	model_adopt(&want, model);
	model_replace(model, &want);
}

/*
 * Clean up behind a killed command, or a device that went without us, if nobody is writing at this
 * moment. A reader never waits: beside a writer it shows what that has decided on.
 */
static int show_clean(struct state *state, struct model *model, struct error *err)
{
	char *journal = NULL;
	int ret = 0;

	if (state->dir >= 0)
		ret = journal_read(state, &journal, err);
	if (ret || (!journal && !model->leftovers))
		return ret;
	ret = state_lock(state, false, err);
	if (ret == -EAGAIN) {
		if (journal)
			show_decided(model, journal);
		ret = 0;
	} else if (!ret) {
		model_free(model);
		ret = state_reopen(state, err);
		ret = ret ?: recover(state, err);
		ret = ret ?: state_reopen(state, err);
		ret = ret ?: model_read(state, model, err);
	}
	free(journal);
	return ret;
}

int session_show(const struct verb *verb, struct args *args, const struct options *options,
		 struct error *err)
{
	struct model model = {};
	struct state state;
	char title[64];
	int ret;

	ret = state_open(&state, false, err);
	ret = ret ?: model_read(&state, &model, err);
	if (!ret && state.root >= 0)
		ret = show_clean(&state, &model, err);
	if (!ret) {
		ret = verb->show(options, &state, &model, args, err);
		if (ret)
			error_prefix(err, "%s", verb_title(verb, title));
	}
	model_free(&model);
	state_close(&state);
	return ret;
}
