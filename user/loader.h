/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the state of a namespace lives: a directory of pinned maps, programs and links in a BPF
 * file system that outlives the command, with one directory per network namespace, named by the
 * namespace's cookie and the layout's number. Making, finding, locking and removing it.
 * Functions return 0 or a negative errno with @err.
 */
#ifndef XTUN_LOADER_H
#define XTUN_LOADER_H

#include <stdbool.h>

#include "anchor.h"
#include "log.h"
#include "tunnels.h"

struct state {
	int root;      /* .../xtun, also what is locked */
	int dir;       /* this namespace's, -1: it has no state */
	char name[40]; /* of that directory */
	bool locked;
	struct maps maps;
	int encap, decap, handoff; /* programs at tc */
};

/*
 * Open what there is. @create: mount the BPF file system and make the root when they are missing;
 * without it a missing one is no error. A directory of another layout is refused.
 */
int state_open(struct state *state, bool create, struct error *err);
void state_close(struct state *state);

/* Take the writers' lock. Without @wait, -EAGAIN (and no @err) when someone has it. The process's
 * end releases it. */
int state_lock(struct state *state, bool wait, struct error *err);

/* Look again whether this namespace has state: another writer may have made or removed it before we
 * got the lock. */
int state_reopen(struct state *state, struct error *err);

/* Load the programs and make this namespace's directory; it appears complete or not at all. Under
 * the lock. */
int state_create(struct state *state, struct error *err);

/* Remove this namespace's directory. Nothing may be attached any more. Under the lock. */
int state_remove(struct state *state, struct error *err);

/* Remove what killed commands left unfinished and the state of namespaces that are gone. Under the
 * lock. */
void state_collect(struct state *state);

/* The journal: a configuration that was decided on but may not be carried out yet. Its pin appears
 * whole. */
int journal_write(struct state *state, const char *text, struct error *err);
/* *@text is NULL when there is none; else the caller frees it. */
int journal_read(struct state *state, char **text, struct error *err);
int journal_remove(struct state *state, struct error *err);

/* A pin @name in the open directory @dir: its file descriptor, or a negative errno; and make one.
 */
int pin_get(int dir, const char *name);
int pin_put(int fd, int dir, const char *name);

/* The mark of an upgrade that was decided on: all of its programs are there. */
int upgrade_mark(struct state *state, struct error *err);
bool upgrade_marked(struct state *state);
int upgrade_unmark(struct state *state, struct error *err);

/* What libbpf had to say, in the kernel's words where it passes them on, since
 * kernel_words_clear(). */
const char *kernel_words(void);
void kernel_words_clear(void);

/* Remove the pins of this namespace whose names begin with @prefix. */
void pins_remove(struct state *state, const char *prefix);

#endif
