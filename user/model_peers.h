/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The peer tables of the tunnels in a model. Tables are large, so that one is only read when
 * somebody edits or prints it; all others stay as they are in the kernel. Functions return 0 or a
 * negative errno with @err.
 */
#ifndef XTUN_MODEL_PEERS_H
#define XTUN_MODEL_PEERS_H

#include "model.h"

/* What table @i of PEER_TABLES has peers for, and its reverse; the flag of a tunnel that has one. */
enum inner peer_table_inner(size_t i);
size_t peer_table_of(enum inner inner);
__u32 peer_table_flag(size_t i);

/* A peer as typed. */
struct typed_peer {
	enum inner inner;
	struct peer peer;
	int via_af; /* AF_UNSPEC: not given */
};

/* `ADDRESS[/LENGTH]` into @typed. A prefix with host bits is refused, and said without them. */
int peer_prefix_parse(const char *word, struct typed_peer *typed, struct error *err);
/* The MAC behind `lladdr`, of one host, or zero for a peer that gets what is for many. */
int peer_mac_parse(const char *word, struct typed_peer *typed, struct error *err);
/* The address behind `via`. */
int peer_via_parse(const char *word, struct typed_peer *typed, struct error *err);

/* Whether @peer gets what is for many. */
bool peer_floods(const struct peer *peer, enum inner inner);

/* `PREFIX` or `lladdr MAC`, in PREFIX_STRLEN bytes of @text, which is returned; and write `PREFIX via ADDRESS`. */
enum { PREFIX_STRLEN = 64 };
const char *prefix_text(const struct peer *peer, enum inner inner, char *text);
void peer_print(const struct peer *peer, enum inner inner, int via_af, FILE *out);

/*
 * The peers of @entry for inner addresses of kind @inner, for reading or editing; they are read
 * from the kernel unless they are in the model already.
 */
int model_peers(const struct model *model, struct tunnel_entry *entry, enum inner inner,
		struct peers **list, struct error *err);

/* Whether @entry has peers in table @i. */
bool entry_has_peers(const struct tunnel_entry *entry, size_t i);

/* Refuse peers that a tunnel of @spec cannot have: with a fixed remote, of a family that its mode
 * does not carry. */
int peers_allowed(const struct tunnel_entry *entry, const struct tunnel_spec *spec,
		  struct error *err);

/* Whether @typed may be a peer of @entry. */
int peer_check(const struct tunnel_entry *entry, const struct typed_peer *typed, struct error *err);

/* Say of table @i where it comes from; what was said before is forgotten. NULL: no memory. */
struct peer_table *entry_peers(struct tunnel_entry *entry, size_t i);
void entry_peers_free(struct tunnel_entry *entry);

/* Write the commands that make the peers of @entry. */
int model_peers_save(const struct model *model, struct tunnel_entry *entry, FILE *out,
		     struct error *err);

#endif
