// SPDX-License-Identifier: GPL-2.0
#include "verbs.h"

#include <string.h>

#include "upgrade.h"

enum family verbs_family = FAMILY_IPV4;

static const struct verb verbs[] = {
	{ .object = "tunnel",
	  .name = "add",
	  .synopsis = "[name] NAME",
	  .tunnel_keywords = true,
	  .edit = tunnel_add,
	  .help = "make a tunnel: a network device of that name" },
	{ .object = "tunnel",
	  .name = "change",
	  .synopsis = "[name] NAME",
	  .tunnel_keywords = true,
	  .edit = tunnel_change,
	  .help = "change what is named, keep the rest" },
	{ .object = "tunnel",
	  .name = "replace",
	  .synopsis = "[name] NAME",
	  .tunnel_keywords = true,
	  .edit = tunnel_replace,
	  .help = "make a tunnel, or make an existing one as described; its addresses and routes "
		  "stay" },
	{ .object = "tunnel",
	  .name = "del",
	  .aliases = "delete",
	  .synopsis = "[name] NAME",
	  .edit = tunnel_del,
	  .help = "delete a tunnel and its device" },
	{ .object = "tunnel",
	  .name = "show",
	  .aliases = "list lst",
	  .synopsis = "[[name] NAME]",
	  .show = tunnel_show,
	  .help = "show tunnels; with -s their counters" },
	{ .object = "link",
	  .name = "add",
	  .synopsis = "[name] NAME [mtu N] [address MAC] type MODE",
	  .tunnel_keywords = true,
	  .edit = link_add,
	  .help = "tunnel add in the word order of `ip link`" },
	{ .object = "link",
	  .name = "change",
	  .aliases = "set",
	  .synopsis = "[dev] NAME type MODE",
	  .tunnel_keywords = true,
	  .edit = link_change,
	  .help = "tunnel change in the word order of `ip link`" },
	{ .object = "link",
	  .name = "del",
	  .aliases = "delete",
	  .synopsis = "[dev] NAME [type MODE]",
	  .edit = link_del,
	  .help = "tunnel del in the word order of `ip link`" },
	{ .object = "link",
	  .name = "show",
	  .aliases = "list lst",
	  .synopsis = "[[dev] NAME]",
	  .show = link_show,
	  .help = "tunnel show" },
	{ .object = "fou",
	  .name = "add",
	  .synopsis = "port N {ipproto P|gue} [-6]",
	  .edit = fou_add,
	  .help = "receive what tunnels wrap in UDP (`encap fou`, `encap gue`) at a port" },
	{ .object = "fou",
	  .name = "del",
	  .aliases = "delete",
	  .synopsis = "port N [-6]",
	  .edit = fou_del,
	  .help = "undo `xtun fou add`" },
	{ .object = "fou",
	  .name = "show",
	  .aliases = "list lst",
	  .synopsis = "",
	  .show = fou_show,
	  .help = "show the UDP ports" },
	{ .object = "peer",
	  .name = "add",
	  .synopsis = "TUNNEL {PREFIX|lladdr MAC} via ADDR",
	  .edit = peer_add,
	  .help = "remote any: send what is for PREFIX or MAC to ADDR; MAC 00:00:00:00:00:00: "
		  "what is for many or unknown" },
	{ .object = "peer",
	  .name = "replace",
	  .synopsis = "TUNNEL {PREFIX|lladdr MAC} via ADDR",
	  .edit = peer_replace,
	  .help = "add a peer, or give its PREFIX or MAC to another ADDR" },
	{ .object = "peer",
	  .name = "del",
	  .aliases = "delete",
	  .synopsis = "TUNNEL {PREFIX|lladdr MAC} [via ADDR]",
	  .edit = peer_del,
	  .help = "delete a peer" },
	{ .object = "peer",
	  .name = "flush",
	  .synopsis = "TUNNEL",
	  .edit = peer_flush,
	  .help = "delete all peers of a tunnel, and forget what it has learned" },
	{ .object = "peer",
	  .name = "load",
	  .synopsis = "TUNNEL FILE",
	  .edit = peer_load,
	  .help = "make the peers of a tunnel those of FILE (-: standard input): lines "
		  "`PREFIX via ADDR`, `lladdr MAC via ADDR`" },
	{ .object = "peer",
	  .name = "show",
	  .aliases = "list lst",
	  .synopsis = "[TUNNEL]",
	  .show = peer_show,
	  .help = "show peers; those of one TUNNEL as `peer load` reads them; what was learned "
		  "has an age in seconds" },
	{ .object = "mirror",
	  .name = "add",
	  .synopsis = "NAME dev DEV {ingress|egress|both} to TUNNEL [filter 'EXPR'] [sample N] "
		      "[snaplen N]",
	  .edit = mirror_add,
	  .help = "copy frames of a device into a layer-2 tunnel; EXPR as in pcap-filter(7)" },
	{ .object = "mirror",
	  .name = "del",
	  .aliases = "delete",
	  .synopsis = "NAME",
	  .edit = mirror_del,
	  .help = "delete a mirror" },
	{ .object = "mirror",
	  .name = "show",
	  .aliases = "list lst",
	  .synopsis = "[NAME]",
	  .show = mirror_show,
	  .help = "show mirrors; with -s their counters" },
	{ .object = "attach",
	  .synopsis = "[dev] DEV [tc | xdp [native|generic] [forward] [cpus LIST]]",
	  .edit = device_add,
	  .help = "receive tunnels on a device; xdp: before the stack; forward: without it; "
		  "cpus: spread by inner flow" },
	{ .object = "detach",
	  .synopsis = "[dev] DEV [tc | xdp]",
	  .edit = device_del,
	  .help = "undo `xtun attach`; xdp: leave the device attached at tc" },
	{ .object = "dev",
	  .name = "show",
	  .aliases = "list lst",
	  .synopsis = "[DEV]",
	  .show = device_show,
	  .help = "show the underlay devices where tunnels are received" },
	{ .object = "save",
	  .synopsis = "",
	  .show = config_save,
	  .help = "print the commands that make the present configuration" },
	{ .object = "restore",
	  .synopsis = "FILE",
	  .edit = config_restore,
	  .help = "make the configuration what FILE (-: standard input) says, no more and no "
		  "less" },
	{ .object = "flush",
	  .synopsis = "",
	  .edit = config_flush,
	  .help = "delete all tunnels of this namespace and everything that xtun has in it" },
	{ .object = "upgrade",
	  .synopsis = "",
	  .act = upgrade_run,
	  .help = "put the programs of this version in the place of those that run; no packet is "
		  "lost" },
	{ .object = "format",
	  .synopsis = "N",
	  .edit = config_format,
	  .help = "first line of a saved configuration: refuse one from a newer version" },
	{ .object = "help",
	  .synopsis = "[OBJECT [VERB] | modes | drops]",
	  .run = help_run,
	  .help = "explain" },
	{ .object = "completion",
	  .synopsis = "bash",
	  .run = completion_run,
	  .help = "print a completion script for the shell" },
	{ .object = "manual",
	  .synopsis = "",
	  .run = manual_run,
	  .help = "print the manual page, xtun(8), for `man -l`" },
	{ .object = "version", .synopsis = "", .run = version_run, .help = "print the version" },
};

/* In a journal alone: no help tells of it. */
static const struct verb journal_verb = { .object = "peer-table", .edit = peer_recall };

/* What iproute2 has: refused in words. */
static const struct verb sites_verb = { .object = "tunnel", .name = "6rd", .edit = tunnel_sites };

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

const struct verb *verb_row(size_t i)
{
	return i < VERBS ? &verbs[i] : NULL;
}

static const char *object_name(size_t i)
{
	return i < VERBS ? verbs[i].object : NULL;
}

/* For suggestions: verbs of one object, the others as empty names, which are near to nothing. */
static const char *object_of_names;

static const char *verb_name(size_t i)
{
	if (i >= VERBS)
		return NULL;
	return !strcmp(verbs[i].object, object_of_names) && verbs[i].name ? verbs[i].name : "";
}

const char *verb_title(const struct verb *verb, char *text)
{
	snprintf(text, 64, verb->name ? "%s %s" : "%s", verb->object, verb->name);
	return text;
}

static const struct verb *verb_unknown(const char *word, const char *of, const char *near,
				       struct error *err)
{
	char hint[64] = "; see `xtun help`";

	if (near)
		snprintf(hint, sizeof(hint), "; did you mean %s?", near);
	if (of)
		misuse(err, "%s: \"%s\" is no verb of it%s", of, word, hint);
	else
		misuse(err, "\"%s\" is no command%s", word, hint);
	return NULL;
}

/* `OBJECT help`, whatever follows, is `help OBJECT`. */
static const struct verb *verb_help(const char *object, struct args *args)
{
	static char *words[1];
	size_t i = 0;

	words[0] = (char *)object;
	*args = (struct args){ 1, words };
	while (strcmp(verbs[i].object, "help"))
		i++;
	return &verbs[i];
}

const struct verb *verb_find(struct args *args, struct error *err)
{
	const char *object = args_next(args), *name;
	bool known = false;
	size_t i;

	if (!object) {
		misuse(err, "no command; see `xtun help`");
		return NULL;
	}
	for (i = 0; i < VERBS; i++)
		if (!strcmp(verbs[i].object, object)) {
			if (!verbs[i].name)
				return &verbs[i];
			known = true;
		}
	if (!strcmp(object, journal_verb.object))
		return &journal_verb;
	if (!known)
		return verb_unknown(object, NULL, args_nearest(object, object_name), err);
	name = args_next(args) ?: "show";
	if (!strcmp(name, "help"))
		return verb_help(object, args);
	if (!strcmp(object, sites_verb.object) && name_in("6rd prl", name))
		return &sites_verb;
	for (i = 0; i < VERBS; i++)
		if (!strcmp(verbs[i].object, object) &&
		    (!strcmp(verbs[i].name, name) || name_in(verbs[i].aliases, name)))
			return &verbs[i];
	object_of_names = object;
	return verb_unknown(name, object, args_nearest(name, verb_name), err);
}

int args_end(struct args *args, struct error *err)
{
	const char *word = args_next(args);

	return word ? misuse(err, "\"%s\": nothing more is expected here", word) : 0;
}
