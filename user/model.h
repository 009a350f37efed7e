/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of one namespace in memory. A command reads it from the kernel, edits it or
 * prints it; what is to become of an edited one is apply.h's. Functions return 0 or a negative
 * errno with @err.
 */
#ifndef XTUN_MODEL_H
#define XTUN_MODEL_H

#include <stdbool.h>
#include <stdio.h>

#include "loader.h"
#include "mode.h"

/* The number in the first line of what `xtun save` prints. */
enum { SAVE_FORMAT = 1 };

/* One of the peer tables of a tunnel: for inner IPv4, inner IPv6, MACs. */
struct peer_table {
	enum {
		PEERS_UNSAID, /* nothing was said: what the tunnel has, or nothing if it is new */
		PEERS_KEPT,   /* as the tunnel has it (in a journal) */
		PEERS_LISTED, /* as in the list */
		PEERS_MADE,   /* as in the table that is made already */
	} source;
	struct peers list;
	int fd;  /* of the table that is made, -1: none is wanted */
	int pin; /* its number in the journal */
};

enum { PEER_TABLES = 3 };

struct tunnel_entry {
	struct tunnel_spec spec;
	__u32 port;               /* 0: not created yet */
	struct tunnel record;     /* as the kernel has it, when it is created */
	struct peer_table *peers; /* PEER_TABLES, NULL: nothing was said of any */
	bool forget;              /* what was learned is to be forgotten */
	__u32 mtu;                /* what its device is made with, 0: as the underlay has it, */
	__u8 mac[6];              /* 0: by chance */
};

struct port_entry {
	struct port_key key;
	struct port port;
};

struct device_entry {
	__u32 ifindex;
	__u32 flags; /* DEVICE_CHOSEN */
	struct cpu_list spread;
};

/* A mirror in a user's terms. */
struct mirror_entry {
	char name[MIRROR_NAME_MAX];
	char dev[IFNAMSIZ], tunnel[IFNAMSIZ];
	__u32 directions, sample, snaplen; /* as in struct mirror */
	char filter[MIRROR_FILTER_MAX];
	__u32 id; /* MAX_MIRRORS: not made yet */
	struct mirror record;
};

struct model {
	const struct state *state; /* that it was read from */
	struct tunnel_entry *tunnels;
	size_t count, room;
	struct device_entry *manual; /* that `xtun attach` named */
	size_t manual_count;
	struct port_entry *ports; /* where FOU and GUE packets arrive */
	size_t port_count;
	struct mirror_entry *mirrors;
	size_t mirror_count;
	struct link *links; /* the namespace's devices when it was read, by ifindex */
	size_t link_count;
	__u32 *owned; /* ifindexes of xtun's devices when it was read, ascending */
	size_t owned_count;
	bool leftovers; /* the kernel holds more or less than this: something is to be cleaned up */
	bool quiet;     /* no warnings: nobody is typing */
	bool journal;   /* what is read is a journal */
};

/* Read the configuration, without half tunnels: those whose device is gone or was never finished.
 */
int model_read(const struct state *state, struct model *model, struct error *err);
void model_free(struct model *model);

/* An empty configuration over the devices of @model, which must outlive it. */
void model_empty_like(const struct model *model, struct model *empty);
/* Free such a one. */
void model_free_like(struct model *model);

/* Let tunnels of @want that @now has too keep their devices, with addresses and routes, where their
 * kind allows. */
void model_adopt(struct model *want, const struct model *now);

/* Put the tunnels and devices of @want, an empty_like() of @model, in the place of its own. */
void model_replace(struct model *model, struct model *want);

/* NULL when there is none. */
struct tunnel_entry *model_find(const struct model *model, const char *name);
const struct link *model_link(const struct model *model, __u32 ifindex);
const struct link *model_link_named(const struct model *model, const char *name);

/* Whether a device was xtun's when @model was read: an anchor or its hidden half. */
bool model_owns(const struct model *model, __u32 ifindex);

/* The name of a device, or `if7` for one that is gone, in IFNAMSIZ bytes of @text; returns @text.
 */
const char *model_link_name(const struct model *model, __u32 ifindex, char *text);

/*
 * Add a tunnel, or put @spec in the place of @old. Refused: a name that another device has, a
 * device that does not exist, the same local, remote and key as another tunnel.
 */
int model_add(struct model *model, const struct tunnel_spec *spec, struct error *err);
int model_change(struct model *model, struct tunnel_entry *old, const struct tunnel_spec *spec,
		 struct error *err);
void model_remove(struct model *model, struct tunnel_entry *entry);

/*
 * `xtun attach` and `xtun detach`; in model_devices.c. @as: with flags of DEVICE_CHOSEN. @xdp: that alone.
 * Refused: what tunnels need, with their names; of a device with XDP, that goes and the rest stays.
 */
int model_attach(struct model *model, const char *dev, const struct device *as,
		 struct error *err);
int model_detach(struct model *model, const char *dev, bool xdp, struct error *err);
/* Without asking. */
int model_manual_append(struct model *model, __u32 ifindex, const struct device *as,
			struct error *err);

/* `xtun fou add` and `xtun fou del`. */
int model_port_add(struct model *model, const struct port_entry *entry, struct error *err);
int model_port_del(struct model *model, const struct port_key *key, struct error *err);

/* Where a tunnel with a wrap of its own mode receives. */
struct port_key spec_port(const struct tunnel_spec *spec);
/*
 * Refuse what @spec, of VXLAN or GENEVE, cannot have for others than @self: one port receives one
 * kind of packet, and one number at it is one tunnel's; in GENEVE also of one remote.
 */
int model_port_free(const struct model *model, const struct tunnel_spec *spec,
		    const struct tunnel_entry *self, struct error *err);

/* What the kernel has; in model_ports.c, as all of these. */
int model_read_ports(const struct state *state, struct model *model, struct error *err);

/* Write what `xtun attach` reads behind the name of a device: ` xdp generic`, or nothing. */
void device_print(__u32 flags, const struct cpu_list *spread, FILE *out);
/* Write CPUs as `1-3,5`, and read them so, ascending. False: no such list. */
void cpu_list_print(const struct cpu_list *list, FILE *out);
bool cpu_list_parse(const char *word, struct cpu_list *list);

/* Write a port as `xtun fou add` reads it: `port 5555 gue`. */
void port_print(const struct port_entry *entry, FILE *out);

/*
 * `xtun mirror add` and `xtun mirror del`. Refused: a name that another mirror has, a device or
 * tunnel that does not exist, a tunnel that carries no Ethernet or is what is mirrored.
 */
int model_mirror_add(struct model *model, const struct mirror_entry *entry, struct error *err);
int model_mirror_del(struct model *model, const char *name, struct error *err);
struct mirror_entry *model_mirror_find(const struct model *model, const char *name);

/* Refuse when a mirror sends its copies into @tunnel. */
int model_mirrored(const struct model *model, const struct tunnel_entry *tunnel, struct error *err);

/* What the kernel has; in model_mirrors.c, as all of these. */
int model_read_mirrors(const struct state *state, struct model *model, struct error *err);

/* Write a mirror as `xtun mirror add` reads it: `m1 dev eth0 both to t1`. */
void mirror_print(const struct mirror_entry *entry, FILE *out);

/* A model without anything, for `flush`. */
void model_clear(struct model *model);
bool model_is_empty(const struct model *model);

/*
 * Tunnels one after the other, each behind the one that it runs inside: *@i is the next that is not
 * @done yet (model->count flags, false at first; *@i is 0 then). False at the end.
 */
bool model_next(const struct model *model, bool *done, size_t *i);

/*
 * Write the commands that make this configuration: what `xtun save` prints and `xtun restore`
 * reads; @peers writes those for the peers of a tunnel.
 */
int model_save(const struct model *model,
	       int (*peers)(const struct model *model, struct tunnel_entry *entry, FILE *out,
			    struct error *err),
	       FILE *out, struct error *err);

#endif
