/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading the BPF programs of this binary, and pinning them in a namespace's directory. Functions
 * return 0 or a negative errno, those with @err with a sentence there.
 */
#ifndef XTUN_PROGRAMS_H
#define XTUN_PROGRAMS_H

#include "loader.h"

/* The pins of the programs at tc. */
#define PIN_ENCAP   "encap"
#define PIN_DECAP   "decap"
#define PIN_HANDOFF "handoff"

struct tunnel_tc_bpf;
struct tunnel_xdp_bpf;

/*
 * The programs at tc over new maps, NULL with errno; pin all of that in the open directory @dir,
 * and tell what maps they are, which last until programs_unload().
 */
struct tunnel_tc_bpf *programs_load(void);
int programs_pin(const struct tunnel_tc_bpf *skel, int dir, struct maps *maps);
void programs_unload(struct tunnel_tc_bpf *skel);

/*
 * The program for XDP, @frags: the one for packets in several buffers, @forward: that forwards. It
 * is loaded when it is asked for first, and stays until xdp_programs_remove().
 */
int xdp_program(struct state *state, bool frags, bool forward, int *fd, struct error *err);
void xdp_programs_remove(struct state *state);

/* The object of that program, over the maps of the namespace, but not loaded yet; for
 * tunnel_xdp_bpf__destroy(). NULL with errno. */
struct tunnel_xdp_bpf *xdp_open(struct state *state, bool frags, bool forward);

/*
 * The other programs that this binary has: load those that the namespace uses, over its maps, and
 * pin them under names with PIN_NEXT in front; and give them the names of those before, each in one
 * step. May be repeated.
 */
#define PIN_NEXT "next-"
int programs_stage(struct state *state, struct error *err);
int programs_adopt(struct state *state, struct error *err);

/* The pin of the program for XDP that a device with @flags runs. */
const char *xdp_program_name(__u32 flags);

#endif
