/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs: what one can type behind `xtun`. Parsing, help and completion come from these rows and
 * the keyword rows. */
#ifndef XTUN_VERBS_H
#define XTUN_VERBS_H

#include <stdbool.h>
#include <stdio.h>

#include "model.h"

/* The options before the object. */
struct options {
	bool json, stats, details;
};

struct verb {
	const char *object;
	const char *name;     /* NULL: the object is the whole command (save, flush) */
	const char *aliases;  /* of name, separated by spaces */
	const char *synopsis; /* what follows, without the keywords */
	const char *help;     /* one line */
	bool tunnel_keywords; /* what follows ends with the keywords of a tunnel */
	/* Verbs that change something edit the model; a batch file holds these. */
	int (*edit)(struct model *model, struct args *args, struct error *err);
	/* Verbs that show it. */
	int (*show)(const struct options *options, const struct state *state,
		    const struct model *model, struct args *args, struct error *err);
	/* Verbs that change something else than the configuration, under the lock. */
	int (*act)(struct state *state, struct args *args, struct error *err);
	/* Verbs that need none of these. */
	int (*run)(const struct options *options, struct args *args, struct error *err);
};

/* The options as help tells of them. */
struct option_row {
	const char *usage, *help;
};

/* Row @i, NULL behind the last. */
const struct option_row *option_row(size_t i);

#ifndef XTUN_VERSION
#define XTUN_VERSION "unknown"
#endif

/* The outer family that the options -4 and -6 name, for verbs whose words do not tell. */
extern enum family verbs_family;

/* Row @i, NULL behind the last. */
const struct verb *verb_row(size_t i);

/*
 * Take object and verb from @args. An object alone means its `show`. NULL with @err when there is
 * no such thing.
 */
const struct verb *verb_find(struct args *args, struct error *err);

/* `tunnel add`, in at least 64 bytes of @text; returns @text. */
const char *verb_title(const struct verb *verb, char *text);

/* Refuse what is left of a command line that should have ended. */
int args_end(struct args *args, struct error *err);

/* cmd_tunnel.c */
/* The tunnel of @model called @name; NULL with @err, which says what it is instead. */
struct tunnel_entry *tunnel_find(const struct model *model, const char *name, struct error *err);
int tunnel_add(struct model *model, struct args *args, struct error *err);
int tunnel_change(struct model *model, struct args *args, struct error *err);
int tunnel_replace(struct model *model, struct args *args, struct error *err);
int tunnel_del(struct model *model, struct args *args, struct error *err);
int tunnel_show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err);
int tunnel_sites(struct model *model, struct args *args, struct error *err);
int link_add(struct model *model, struct args *args, struct error *err);
int link_change(struct model *model, struct args *args, struct error *err);
int link_del(struct model *model, struct args *args, struct error *err);
int link_show(const struct options *options, const struct state *state, const struct model *model,
	      struct args *args, struct error *err);

/* cmd_device.c */
int device_add(struct model *model, struct args *args, struct error *err);
int device_del(struct model *model, struct args *args, struct error *err);
int device_show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err);

/* cmd_fou.c */
int fou_add(struct model *model, struct args *args, struct error *err);
int fou_del(struct model *model, struct args *args, struct error *err);
int fou_show(const struct options *options, const struct state *state, const struct model *model,
	     struct args *args, struct error *err);

/* cmd_peer.c */
int peer_add(struct model *model, struct args *args, struct error *err);
int peer_replace(struct model *model, struct args *args, struct error *err);
int peer_del(struct model *model, struct args *args, struct error *err);
int peer_flush(struct model *model, struct args *args, struct error *err);
int peer_load(struct model *model, struct args *args, struct error *err);
int peer_recall(struct model *model, struct args *args, struct error *err);
int peer_show(const struct options *options, const struct state *state, const struct model *model,
	      struct args *args, struct error *err);

/* cmd_mirror.c */
int mirror_add(struct model *model, struct args *args, struct error *err);
int mirror_del(struct model *model, struct args *args, struct error *err);
int mirror_show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err);

/* cmd_config.c */
int config_save(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err);
int config_restore(struct model *model, struct args *args, struct error *err);
int config_flush(struct model *model, struct args *args, struct error *err);
int config_format(struct model *model, struct args *args, struct error *err);

/* cmd_help.c */
int help_run(const struct options *options, struct args *args, struct error *err);
int version_run(const struct options *options, struct args *args, struct error *err);
int completion_run(const struct options *options, struct args *args, struct error *err);

/* cmd_manual.c */
int manual_run(const struct options *options, struct args *args, struct error *err);

/* Write `xtun tunnel add NAME [mode MODE] ...` and what it means. */
void help_verb(const struct verb *verb, FILE *out);
/* Write the options, the verbs and where to read on. */
void help_overview(FILE *out);

#endif
