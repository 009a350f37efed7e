// SPDX-License-Identifier: GPL-2.0
/* tunnel add|change|replace|del|show and the same in the words of `ip link`. */
#include <errno.h>
#include <string.h>

#include "output.h"
#include "verbs.h"
#include "wire.h"

/* `NAME` or `name NAME`; @label is another word for `name`. */
static int take_name(struct args *args, const char *label, const char **name, struct error *err)
{
	const char *word = args_next(args);

	if (word && (!strcmp(word, "name") || !strcmp(word, label)))
		word = args_next(args);
	if (!word)
		return misuse(err, "the tunnel's name is missing");
	if (parse_name(word, err))
		return -EINVAL;
	*name = word;
	return 0;
}

struct tunnel_entry *tunnel_find(const struct model *model, const char *name, struct error *err)
{
	struct tunnel_entry *entry = model_find(model, name);

	if (entry)
		return entry;
	if (model_link_named(model, name))
		refuse(err, -ENOENT, "%s is a device, but not a tunnel of xtun", name);
	else
		refuse(err, -ENOENT, "there is no tunnel %s", name);
	return NULL;
}

/* The rest of the command line, from @spec on. @fresh: what is not said is as the mode has it. */
static int take_spec(struct args *args, struct tunnel_spec *spec, __u64 given, bool fresh,
		     struct error *err)
{
	int ret = args_keywords(args, tunnel_keywords, tunnel_keyword_count, spec, &given, err);

	if (!ret && !spec->mode)
		spec->mode = mode_of_name(spec->name, verbs_family);
	if (!ret)
		spec_turn(spec);
	if (!ret && fresh)
		spec_defaults(spec, given);
	return ret ?: spec_check(spec, given, err);
}

int tunnel_add(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_spec spec;
	const char *name;
	int ret;

	ret = take_name(args, "name", &name, err);
	if (ret)
		return ret;
	spec_init(&spec, name);
	ret = take_spec(args, &spec, 0, true, err);
	return ret ?: model_add(model, &spec, err);
}

/* The rest of a command line that changes @entry, of which @spec is a copy. */
static int entry_change(struct model *model, struct tunnel_entry *entry, struct tunnel_spec spec,
			struct args *args, struct error *err)
{
	int ret = take_spec(args, &spec, 0, false, err);

	spec.type = NULL; /* it points into the command line */
	if (ret)
		return ret;
	if (strcmp(spec.mode->driver, entry->spec.mode->driver))
		return refuse(err, -EBUSY,
			      "mode: a tunnel of mode %s cannot become one of mode %s; delete and "
			      "add it",
			      entry->spec.mode->name, spec.mode->name);
	if (spec.mode->family != entry->spec.mode->family)
		return refuse(err, -EBUSY,
			      "remote: a tunnel cannot go from one outer family to the other; "
			      "delete and add it");
	if (spec.anchor != entry->spec.anchor && spec.anchor != entry->record.kind)
		return refuse(
			err, -EBUSY,
			"anchor: the device of a tunnel cannot become another; delete and add it");
	return model_change(model, entry, &spec, err);
}

int tunnel_change(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry;
	const char *name;
	int ret;

	ret = take_name(args, "name", &name, err);
	if (ret)
		return ret;
	entry = tunnel_find(model, name, err);
	return entry ? entry_change(model, entry, entry->spec, args, err) : -ENOENT;
}

int tunnel_sites(struct model *model, struct args *args, struct error *err)
{
	(void)model, (void)args;
	return sites_refuse(err);
}

int tunnel_replace(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry;
	struct tunnel_spec spec;
	const char *name;
	int ret;

	ret = take_name(args, "name", &name, err);
	if (ret)
		return ret;
	spec_init(&spec, name);
	ret = take_spec(args, &spec, 0, true, err);
	if (ret)
		return ret;
	entry = model_find(model, name);
	if (!entry)
		return model_add(model, &spec, err);
	if (spec.anchor != ANCHOR_AUTO && entry->port && spec.anchor != entry->record.kind)
		return refuse(
			err, -EBUSY,
			"anchor: the device of a tunnel cannot become another; delete and add it");
	return model_change(model, entry, &spec, err);
}

static int tunnel_remove(struct model *model, struct tunnel_entry *entry, struct error *err)
{
	int ret = model_mirrored(model, entry, err);

	if (!ret)
		model_remove(model, entry);
	return ret;
}

int tunnel_del(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry;
	const char *name;
	int ret;

	ret = take_name(args, "name", &name, err);
	ret = ret ?: args_end(args, err);
	if (ret)
		return ret;
	entry = tunnel_find(model, name, err);
	if (!entry)
		return -ENOENT;
	return tunnel_remove(model, entry, err);
}

static const char *type_name(size_t i)
{
	return mode_row(i) ? mode_row(i)->driver : NULL;
}

/* `type TYPE`, as `ip link` has it; for types of several modes, `mode MODE` follows among the
 * keywords. */
static int take_type(struct args *args, struct tunnel_spec *spec, struct error *err)
{
	const char *word = args_next(args), *near;

	if (!word || strcmp(word, "type"))
		return word ? misuse(err, "\"%s\": `type TYPE` is expected here", word)
			    : misuse(err, "`type TYPE` is missing");
	spec->type = args_next(args);
	if (!spec->type)
		return misuse(err, "type: its value TYPE is missing");
	spec->mode = mode_of_type(spec->type, NULL);
	if (spec->mode)
		return 0;
	near = args_nearest(spec->type, type_name);
	if (near)
		return misuse(err, "type: \"%s\" is not a type; did you mean %s?", spec->type,
			      near);
	return misuse(err, "type: \"%s\" is not a type; see `xtun help modes`", spec->type);
}

/* The next word, which is the value of @label. */
static int take_value(struct args *args, const char *label, const char **value, struct error *err)
{
	*value = args_next(args);
	return *value ? 0 : misuse(err, "%s: its value is missing", label);
}

/* Of what `ip link` takes in front of the type: the device's @mtu and address. */
static int take_link(struct args *args, unsigned long *mtu, __u8 *mac, struct error *err)
{
	const char *value;
	int ret;

	while (args->count) {
		if (!strcmp(*args->words, "mtu")) {
			args_next(args);
			ret = take_value(args, "mtu", &value, err);
			if (!ret && parse_number(value, IPV4_MTU_MIN, IPV4_LEN_MAX, mtu))
				ret = misuse(err, "mtu: \"%s\" is not %d..%d", value, IPV4_MTU_MIN,
					     IPV4_LEN_MAX);
		} else if (!strcmp(*args->words, "address")) {
			args_next(args);
			ret = take_value(args, "address", &value, err);
			if (!ret && (parse_mac(value, mac) || mac[0] & 1))
				ret = misuse(err,
					     "address: \"%s\" is not the MAC of one host, as "
					     "02:00:00:00:00:07 is",
					     value);
		} else {
			break;
		}
		if (ret)
			return ret;
	}
	return 0;
}

int link_add(struct model *model, struct args *args, struct error *err)
{
	static const __u8 none[6];
	struct tunnel_entry *entry;
	struct tunnel_spec spec;
	unsigned long mtu = 0;
	const char *name;
	__u8 mac[6] = {};
	int ret;

	ret = take_name(args, "dev", &name, err);
	if (ret)
		return ret;
	spec_init(&spec, name);
	ret = take_link(args, &mtu, mac, err);
	ret = ret ?: take_type(args, &spec, err);
	if (!ret && spec.mode->inner != INNER_ETHERNET && memcmp(mac, none, sizeof(mac)))
		ret = misuse(err, "address: the device of a %s tunnel has none", spec.type);
	ret = ret ?: take_spec(args, &spec, GIVEN_MODE, true, err);
	spec.type = NULL; /* it points into the command line */
	ret = ret ?: model_add(model, &spec, err);
	if (ret)
		return ret;
	entry = model_find(model, spec.name);
	entry->mtu = mtu;
	memcpy(entry->mac, mac, sizeof(entry->mac));
	return 0;
}

int link_change(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_entry *entry;
	struct tunnel_spec spec;
	const char *name;
	int ret;

	ret = take_name(args, "dev", &name, err);
	if (ret)
		return ret;
	entry = tunnel_find(model, name, err);
	if (!entry)
		return -ENOENT;
	if (!args->count || strcmp(*args->words, "type"))
		return misuse(err,
			      "`type TYPE` is expected behind the name; all else of a device is "
			      "what `ip link` does");
	spec = entry->spec;
	ret = take_type(args, &spec, err);
	if (ret)
		return ret;
	if (strcmp(spec.mode->driver, entry->spec.mode->driver))
		return refuse(err, -EBUSY, "type: %s is of mode %s", name, entry->spec.mode->name);
	spec.mode = entry->spec.mode;
	return entry_change(model, entry, spec, args, err);
}

int link_del(struct model *model, struct args *args, struct error *err)
{
	struct tunnel_spec typed;
	struct tunnel_entry *entry;
	const char *name;
	int ret;

	ret = take_name(args, "dev", &name, err);
	if (ret)
		return ret;
	entry = tunnel_find(model, name, err);
	if (!entry)
		return -ENOENT;
	typed = entry->spec;
	if (args->count) {
		ret = take_type(args, &typed, err);
		ret = ret ?: args_end(args, err);
		if (ret)
			return ret;
	}
	if (strcmp(typed.mode->driver, entry->spec.mode->driver))
		return refuse(err, -ENOENT, "type: %s is of mode %s", name, entry->spec.mode->name);
	return tunnel_remove(model, entry, err);
}

/* Those @args name: one, or all. @label as in take_name(). */
static int show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, const char *label, struct error *err)
{
	const struct tunnel_entry *only = NULL;
	const char *name;
	int ret;

	if (args->count) {
		ret = take_name(args, label, &name, err);
		ret = ret ?: args_end(args, err);
		if (ret)
			return ret;
		only = tunnel_find(model, name, err);
		if (!only)
			return -ENOENT;
	}
	return output_tunnels(options, state, model, only, err);
}

int tunnel_show(const struct options *options, const struct state *state, const struct model *model,
		struct args *args, struct error *err)
{
	return show(options, state, model, args, "name", err);
}

int link_show(const struct options *options, const struct state *state, const struct model *model,
	      struct args *args, struct error *err)
{
	return show(options, state, model, args, "dev", err);
}
