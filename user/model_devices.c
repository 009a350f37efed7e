// SPDX-License-Identifier: GPL-2.0
/* The devices under the tunnels, in the model. */
#include "model.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

void cpu_list_print(const struct cpu_list *list, FILE *out)
{
	unsigned int i, j;

	for (i = 0; i < list->count; i = j) {
		for (j = i + 1; j < list->count && list->cpus[j] == list->cpus[j - 1] + 1; j++)
			;
		fprintf(out, "%s%u", i ? "," : "", list->cpus[i]);
		if (j > i + 1)
			fprintf(out, "-%u", list->cpus[j - 1]);
	}
}

/* A number that begins at *@word, which moves behind it. */
static bool cpu_parse(const char **word, unsigned int *cpu)
{
	const char *at = *word;

	for (*cpu = 0; *at >= '0' && *at <= '9' && *cpu < 10000; at++)
		*cpu = *cpu * 10 + (*at - '0');
	if (at == *word || *cpu >= 10000)
		return false;
	*word = at;
	return true;
}

bool cpu_list_parse(const char *word, struct cpu_list *list)
{
	unsigned int first, last;

	*list = (struct cpu_list){};
	do {
		if (!cpu_parse(&word, &first))
			return false;
		last = first;
		if (*word == '-' && (word++, !cpu_parse(&word, &last)))
			return false;
		if (last < first || (list->count && first <= list->cpus[list->count - 1]))
			return false;
		if (last - first >= (unsigned int)CPU_LIST_MAX - list->count)
			return false;
		for (; first <= last; first++)
			list->cpus[list->count++] = first;
	} while (*word == ',' && *++word);
	return !*word && word[-1] != ',';
}

void device_print(__u32 flags, const struct cpu_list *spread, FILE *out)
{
	if (!(flags & DEVICE_XDP))
		return;
	fprintf(out, " xdp%s%s", flags & DEVICE_GENERIC ? " generic" : "",
		flags & DEVICE_FORWARD ? " forward" : "");
	if (!spread->count)
		return;
	fputs(" cpus ", out);
	cpu_list_print(spread, out);
}

int model_manual_append(struct model *model, __u32 ifindex, const struct device *as,
			struct error *err)
{
	struct device_entry *manual =
		realloc(model->manual, (model->manual_count + 1) * sizeof(*manual));

	if (!manual)
		return refuse_kernel(err, -ENOMEM, "adding a device");
	model->manual = manual;
	manual[model->manual_count++] =
		(struct device_entry){ ifindex, (as->flags | DEVICE_MANUAL) & DEVICE_CHOSEN,
				       as->spread };
	return 0;
}

static struct device_entry *manual_find(struct model *model, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < model->manual_count; i++)
		if (model->manual[i].ifindex == ifindex)
			return &model->manual[i];
	return NULL;
}

int model_attach(struct model *model, const char *dev, const struct device *as, struct error *err)
{
	const struct link *link = model_link_named(model, dev);
	struct device_entry *found = link ? manual_find(model, link->ifindex) : NULL;

	if (!link)
		return refuse(err, -ENODEV, "there is no device \"%s\"", dev);
	if (link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK)
		return refuse(err, -EOPNOTSUPP,
			      "%s is not an Ethernet device; xtun cannot receive tunnels on it",
			      dev);
	/* What is at tc alone may get XDP besides. */
	if (found && !(as->flags & ~found->flags & DEVICE_XDP))
		return refuse(err, -EEXIST, "%s is attached already; `xtun detach` it first", dev);
	if (as->flags & DEVICE_XDP && model_owns(model, link->ifindex))
		return refuse(err, -EOPNOTSUPP,
			      "xdp: %s carries a tunnel; XDP is for the devices under tunnels",
			      dev);
	if (!(link->flags & IFF_UP) && !model->quiet)
		warn("%s is down; nothing is received until it is up", dev);
	if (found) {
		found->flags |= as->flags;
		found->spread = as->spread;
		return 0;
	}
	return model_manual_append(model, link->ifindex, as, err);
}

/* Sets of families, by enum family: in which the host has addresses on a device. */
static __u32 families_of(const struct model *model, const struct link *link)
{
	static const int af[FAMILY_MAX] = { [FAMILY_IPV4] = AF_INET, [FAMILY_IPV6] = AF_INET6 };
	__u32 *addressed = NULL, families = 0;
	size_t count, i, j;

	if (!model->state || model->state->dir < 0 || link->type != ARPHRD_ETHER)
		return 0;
	for (i = 0; i < FAMILY_MAX; i++) {
		if (netlink_addressed(af[i], &addressed, &count))
			continue;
		for (j = 0; j < count; j++)
			if (addressed[j] == link->ifindex)
				families |= 1u << i;
		free(addressed);
		addressed = NULL;
	}
	return families;
}

/*
 * The tunnels that receive on a device: by `dev`, by the route to their remote, or because they
 * receive wherever the host has an address. ` t1 t2 and 7 more` in @text; false: there are none.
 */
static bool users_text(const struct model *model, const struct link *link, char *text, size_t size)
{
	__u32 families = families_of(model, link);
	size_t used = 0, more = 0, i;

	*text = 0;
	for (i = 0; i < model->count; i++) {
		const struct tunnel_entry *entry = &model->tunnels[i];

		if (entry->spec.link ? entry->spec.link != link->ifindex
				     : !(families >> entry->spec.mode->family & 1) &&
					       entry->record.route != link->ifindex)
			continue;
		/* What follows has room behind the longest name. */
		if (more || used + IFNAMSIZ + 32 > size)
			more++;
		else
			used += snprintf(text + used, size - used, " %s", entry->spec.name);
	}
	if (more)
		snprintf(text + used, size - used, " and %zu more", more);
	return used;
}

int model_detach(struct model *model, const char *dev, bool xdp, struct error *err)
{
	const struct link *link = model_link_named(model, dev);
	struct device_entry *found = link ? manual_find(model, link->ifindex) : NULL;
	char users[256];
	bool used;

	if (!link)
		return refuse(err, -ENODEV, "there is no device \"%s\"", dev);
	used = users_text(model, link, users, sizeof(users));
	if (xdp && !(found && found->flags & DEVICE_XDP))
		return refuse(err, -ENOENT, "xdp: %s is not attached at XDP", dev);
	if (!found)
		return refuse(err, -ENOENT,
			      "%s was not attached by `xtun attach`; what tunnels attached goes "
			      "with them%s%s",
			      dev, used ? ":" : "", users);
	if (xdp) {
		found->flags = DEVICE_MANUAL;
		found->spread.count = 0;
		return 0;
	}
	if (used && !(found->flags & DEVICE_XDP))
		return refuse(err, -EBUSY,
			      "%s is in use by tunnels, and stays attached as long as they are:%s",
			      dev, users);
	if (used && !model->quiet)
		warn("%s: XDP is detached; tc stays, which tunnels use:%s", dev, users);
	memmove(found, found + 1,
		(model->manual + model->manual_count - found - 1) * sizeof(*found));
	model->manual_count--;
	return 0;
}
