// SPDX-License-Identifier: GPL-2.0
#include "apply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "batch.h"
#include "endpoints.h"
#include "mirrors.h"
#include "peers_apply.h"
#include "settle.h"
#include "sysctl.h"
#include "upgrade.h"
#include "watch.h"

/* The ports where something is to be received: what `xtun fou add` said, and those of tunnels that
 * have one of their own. NULL: no memory. */
static struct port_entry *ports_wanted(const struct model *want, size_t *count)
{
	struct port_entry *ports = calloc(want->port_count + want->count + 1, sizeof(*ports)), port;
	size_t i, j;

	if (!ports)
		return NULL;
	for (i = 0; i < want->port_count; i++)
		ports[i] = want->ports[i];
	*count = want->port_count;
	for (i = 0; i < want->count; i++) {
		const struct tunnel_spec *spec = &want->tunnels[i].spec;

		if (spec->mode->wrap == WRAP_NONE)
			continue;
		port = (struct port_entry){ spec_port(spec), { .wrap = spec->wrap } };
		/* Of tunnels at one port, neighbours as a rule. */
		for (j = *count; j--;)
			if (!memcmp(&ports[j].key, &port.key, sizeof(port.key)))
				break;
		if (j == (size_t)-1)
			ports[(*count)++] = port;
	}
	return ports;
}

/* The map `ports`, and before it the masks of the ports in it. */
static int ports_apply(const struct maps *maps, const struct model *want)
{
	size_t count = 0, i, j;
	struct port_entry *ports = ports_wanted(want, &count);
	struct port_masks masks = {};
	struct elements now = {};
	__u64 bit;
	int ret;

	if (!ports)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		bit = 1ULL << port_bit(ports[i].key.port);
		masks.all |= bit;
		masks.frames |= ports[i].port.wrap >= WRAP_VXLAN ? bit : 0;
	}
	ret = port_masks_put(maps, &masks);
	ret = ret ?: ports_read(maps, &now);
	for (i = 0; i < now.count && !ret; i++) {
		const struct port_key *key = (struct port_key *)now.keys + i;

		for (j = 0; j < count; j++)
			if (!memcmp(&ports[j].key, key, sizeof(*key)))
				break;
		if (j == count)
			ret = ports_delete(maps, key);
	}
	elements_free(&now);
	for (i = 0; i < count && !ret; i++)
		ret = ports_put(maps, &ports[i].key, &ports[i].port);
	free(ports);
	return ret;
}

/* Whether a tunnel asks for IPv6 routes: to its remote, or for the gateway of an inner address. */
static bool asks_ipv6(const struct tunnel_spec *spec)
{
	return spec->mode->family == FAMILY_IPV6 ||
	       (spec->remote.af == AF_UNSPEC && spec->mode->inner & INNER_IPV6);
}

/* Forwarding on lo, without which the FIB cannot be asked: see bpf/route.h. */
static int forwarding_apply(struct state *state, const struct model *want, struct error *err)
{
	struct config config;
	bool ipv6 = false, on;
	size_t i;
	int ret;

	if (!want->count)
		return 0;
	ret = netlink_lo_forwarding_set(true);
	if (ret)
		return refuse_kernel(err, ret, "setting forwarding on lo");
	for (i = 0; i < want->count; i++)
		ipv6 |= asks_ipv6(&want->tunnels[i].spec);
	if (!ipv6 || sysctl_lo_forwarding6_get(&on) || on)
		return 0;
	ret = config_read(&state->maps, &config);
	config.flags |= CONFIG_LO_FORWARDING6;
	ret = ret ?: config_write(&state->maps, &config);
	ret = ret ?: sysctl_lo_forwarding6_set(true);
	return ret ? refuse_kernel(err, ret, "setting IPv6 forwarding on lo") : 0;
}

/* Programs learn the time of day from CLOCK_TAI, see bpf/payload_erspan.h. */
static int clock_apply(const struct maps *maps)
{
	struct timex clock = {};
	struct config config;
	int ret;

	ret = config_read(maps, &config);
	if (ret || adjtimex(&clock) < 0 || config.tai == clock.tai)
		return ret;
	config.tai = clock.tai;
	return config_write(maps, &config);
}

/* Bring the kernel's objects to @want. Every step is harmless to repeat. */
static int converge(struct state *state, struct model *want, struct error *err)
{
	int ret;

	ret = mirrors_remove(state, want, err);
	ret = ret ?: tunnels_remove(state, want, err);
	ret = ret ?: tunnels_settle(state, want, err);
	if (ret)
		return ret;
	ret = endpoints_apply(&state->maps, want);
	if (ret)
		return refuse_kernel(err, ret, "storing where tunnels end");
	ret = peers_retire(&state->maps, want);
	if (ret)
		return refuse_kernel(err, ret, "deleting peers");
	ret = ports_apply(&state->maps, want);
	if (ret)
		return refuse_kernel(err, ret, "storing the UDP ports");
	ret = clock_apply(&state->maps);
	if (ret)
		return refuse_kernel(err, ret, "reading the clock");
	ret = forwarding_apply(state, want, err);
	ret = ret ?: watch_apply(state, want, err);
	ret = ret ?: mirrors_settle(state, want, err);
	ret = ret ?: tunnels_finish(state, want, err);
	if (!ret && generation_next(&state->maps))
		ret = refuse_kernel(err, -ENOMEM, "telling the programs that it is another one");
	return ret;
}

/* The end of a configuration: without a tunnel or a device there is no state. */
static int finish(struct state *state, const struct model *want, struct error *err)
{
	int ret;

	if (model_is_empty(want))
		return state_remove(state, err);
	ret = journal_remove(state, err);
	if (!ret)
		peers_finish(state);
	return ret;
}

static int journal_peers(const struct model *model, struct tunnel_entry *entry, FILE *out,
			 struct error *err)
{
	(void)model, (void)err;
	peers_journal(entry, out);
	return 0;
}

static int save_text(const struct model *model, char **text, struct error *err)
{
	size_t len;
	FILE *out = open_memstream(text, &len);
	int ret;

	if (!out)
		return refuse_kernel(err, -errno, "writing down the configuration");
	ret = model_save(model, journal_peers, out, err);
	if (fclose(out) && !ret)
		ret = refuse_kernel(err, -errno, "writing down the configuration");
	return ret;
}

/* Make the kernel have what @text says. */
static int replay(struct state *state, const char *text, struct error *err)
{
	struct model now, want;
	int ret;

	ret = model_read(state, &now, err);
	if (ret)
		return ret;
	now.quiet = now.journal = true;
	model_empty_like(&now, &want);
	ret = batch_text(&want, text, "journal", err);
	if (!ret) {
		model_adopt(&want, &now);
		ret = converge(state, &want, err);
		ret = ret ?: finish(state, &want, err);
	}
	model_free_like(&want);
	model_free(&now);
	return ret;
}

int recover(struct state *state, struct error *err)
{
	struct model now;
	char *text;
	int ret;

	if (state->dir >= 0) {
		ret = upgrade_recover(state, err);
		ret = ret ?: journal_read(state, &text, err);
		if (ret)
			return ret;
		if (text) {
			ret = replay(state, text, err);
			free(text);
			if (!ret)
				return 0;
			/* The world may have changed since; what can no longer be made must not
			 * block all else. */
			warn("an interrupted command cannot be finished: %s", err->text);
			ret = journal_remove(state, err);
			if (ret)
				return ret;
		}
		peers_finish(state);
	}
	ret = model_read(state, &now, err);
	if (ret)
		return ret;
	if (now.leftovers)
		ret = state->dir >= 0 ? converge(state, &now, err) : unfinished_remove(err);
	if (!ret && state->dir >= 0 && model_is_empty(&now))
		ret = state_remove(state, err);
	model_free(&now);
	return ret;
}

/* @want was refused by the kernel halfway: bring @text back and keep the first error. */
static void roll_back(struct state *state, const char *text)
{
	struct error second = {};

	if (journal_write(state, text, &second) || replay(state, text, &second))
		warn("going back to the old configuration failed too: %s", second.text);
}

int apply(struct state *state, struct model *before, struct model *want, struct error *err)
{
	char *old = NULL, *new = NULL;
	int ret = 0;

	if (state->dir < 0 && model_is_empty(want))
		return 0;
	if (state->dir < 0)
		ret = state_create(state, err);
	ret = ret ?: peers_prepare(state, before, want, err);
	ret = ret ?: save_text(before, &old, err);
	ret = ret ?: save_text(want, &new, err);
	ret = ret ?: journal_write(state, new, err);
	if (!ret) {
		ret = converge(state, want, err);
		if (ret)
			roll_back(state, old);
		else
			ret = finish(state, want, err);
	} else {
		peers_finish(state);
	}
	free(old);
	free(new);
	return ret;
}
