// SPDX-License-Identifier: GPL-2.0
/* Keywords that most modes have: addresses, device, TTL, TOS, DF, peers, the anchor. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "keywords.h"
#include "wire.h"

static const char *mode_name(size_t i)
{
	const struct mode *mode = mode_row(i);

	return mode ? mode->name : NULL;
}

int mode_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	const struct mode *mode = spec->type ? mode_of_type(spec->type, word) : mode_named(word);
	const char *near;

	if (mode) {
		spec->mode = mode;
		return 0;
	}
	if (!strcmp(word, "vti") || !strcmp(word, "vti6") || !strcmp(word, "isatap"))
		return misuse(err, "%s is not done: %s", word,
			      *word == 'v' ? "it is for IPsec, which the kernel does"
					   : "hosts find each other by `remote any` and peers or "
					     "routes of a tunnel of mode sit");
	if (spec->type)
		return misuse(err, "type %s has no mode \"%s\"", spec->type, word);
	near = args_nearest(word, mode_name);
	if (near)
		return misuse(err, "\"%s\" is not a mode; did you mean %s?", word, near);
	return misuse(err, "\"%s\" is not a mode; see `xtun help modes`", word);
}

int mode_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return fputs(spec->mode->name, out) >= 0;
}

static int address_parse(struct typed_address *typed, const char *word)
{
	struct typed_address parsed = { .af = AF_UNSPEC };

	if (!strcmp(word, "any") || !strcmp(word, "0.0.0.0") || !strcmp(word, "::"))
		parsed.af = AF_UNSPEC;
	else if (inet_pton(AF_INET, word, &parsed.address.v4) == 1)
		parsed.af = AF_INET;
	else if (inet_pton(AF_INET6, word, parsed.address.v6) == 1)
		parsed.af = AF_INET6;
	else
		return -EINVAL;
	*typed = parsed;
	return 0;
}

const char *address_text(const struct typed_address *address, char *text)
{
	if (address->af == AF_UNSPEC ||
	    !inet_ntop(address->af, &address->address, text, INET6_ADDRSTRLEN))
		strcpy(text, "any");
	return text;
}

static int address_print(const struct typed_address *address, FILE *out)
{
	char text[INET6_ADDRSTRLEN];

	return address->af != AF_UNSPEC && fputs(address_text(address, text), out) >= 0;
}

int local_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	return address_parse(&((struct tunnel_spec *)into)->local, word);
}

int local_print(const void *from, FILE *out)
{
	return address_print(&((const struct tunnel_spec *)from)->local, out);
}

int remote_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	return address_parse(&((struct tunnel_spec *)into)->remote, word);
}

int remote_print(const void *from, FILE *out)
{
	return address_print(&((const struct tunnel_spec *)from)->remote, out);
}

int dev_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	if (parse_name(word, err))
		return -EINVAL;
	strcpy(spec->dev, word);
	spec->link = 0;
	return 0;
}

int dev_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->dev[0] && word_print(spec->dev, out) > 0;
}

int ttl_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long ttl = 0;

	bool automatic = !strcmp(word, "auto");

	(void)err;
	/* Over IPv6 iproute2 says inherit with a zero, too. */
	if (!strcmp(word, "0") && spec->mode && spec->mode->family == FAMILY_IPV6)
		word = "inherit";
	if (!automatic && strcmp(word, "inherit") && parse_number(word, 1, 255, &ttl))
		return -EINVAL;
	spec->ttl = ttl;
	spec->ttl_auto = automatic;
	return 0;
}

/* Over IPv6 the default is a number, and no more said than over IPv4. */
int ttl_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (!spec->ttl)
		return (spec->mode->family == FAMILY_IPV6 || spec->mode->wrap != WRAP_NONE) &&
		       fputs("inherit", out) >= 0;
	return fprintf(out, "%u", spec->ttl) > 0;
}

/* As iproute2: a number in hexadecimal, with or without 0x. */
static int hex_take(const char *word, unsigned long max, unsigned long *number)
{
	char text[16] = "0x";

	if (strlen(word) > 10)
		return -EINVAL;
	strcat(text, !strncmp(word, "0x", 2) || !strncmp(word, "0X", 2) ? word + 2 : word);
	return parse_number(text, 0, max, number);
}

/* The classes of RFC 2474, RFC 2597 and RFC 3246 as the file rt_dsfield of iproute2 calls them. */
static int tos_named(const char *word, unsigned long *tos)
{
	if (!strncmp(word, "CS", 2) && word[2] >= '0' && word[2] <= '7' && !word[3])
		*tos = (word[2] - '0') << 5;
	else if (!strncmp(word, "AF", 2) && word[2] >= '1' && word[2] <= '4' && word[3] >= '1' &&
		 word[3] <= '3' && !word[4])
		*tos = (word[2] - '0') << 5 | (word[3] - '0') << 3;
	else if (!strcmp(word, "EF"))
		*tos = 0xb8;
	else
		return -EINVAL;
	return 0;
}

/* As iproute2 reads and shows it: `inherit`, `inherit/X`, or X, the name of a class or a number in
 * hexadecimal with or without 0x. */
int tos_parse(void *into, const char *word, struct error *err)
{
	static const char inherit[] = "inherit";
	struct tunnel_spec *spec = into;
	bool inherited = !strncmp(word, inherit, strlen(inherit));
	unsigned long tos = 0;

	if (inherited) {
		word += strlen(inherit);
		if (*word && (*word++ != '/' || !*word))
			return -EINVAL;
	}
	if (*word || !inherited) {
		if (tos_named(word, &tos) && (strlen(word) > 4 || hex_take(word, 255, &tos)))
			return -EINVAL;
	}
	if (tos & ECN_MASK)
		return misuse(
			err, "\"%s\" has ECN bits set; those come from the inner packet (RFC 6040)",
			word);
	spec->tos = tos;
	spec->flags =
		inherited ? spec->flags | TUNNEL_TOS_INHERIT : spec->flags & ~TUNNEL_TOS_INHERIT;
	return 0;
}

int tos_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->flags & TUNNEL_TOS_INHERIT)
		return fprintf(out, spec->tos ? "inherit/0x%02x" : "inherit", spec->tos) > 0;
	return spec->tos && fprintf(out, "0x%02x", spec->tos) > 0;
}

FLAG_WORD(pmtudisc, TUNNEL_DF, 0)
FLAG_WORD(nopmtudisc, 0, TUNNEL_DF)
FLAG_WORD(nosrccheck, TUNNEL_NO_SOURCE_CHECK, 0)
FLAG_WORD(srccheck, 0, TUNNEL_NO_SOURCE_CHECK)
FLAG_WORD(ignore_df, TUNNEL_IGNORE_DF, 0)
FLAG_WORD(noignore_df, 0, TUNNEL_IGNORE_DF)
FLAG_WORD(learning, TUNNEL_LEARNING, 0)
FLAG_WORD(nolearning, 0, TUNNEL_LEARNING)
FLAG_WORD(nothing, 0, 0)

FLAG_PRINT(nosrccheck, TUNNEL_NO_SOURCE_CHECK, TUNNEL_NO_SOURCE_CHECK)

int ignore_df_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->keywords & GIVEN_IGNORE_DF && spec->flags & TUNNEL_IGNORE_DF;
}

int nolearning_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->keywords & GIVEN_LEARNING && !(spec->flags & TUNNEL_LEARNING);
}

int ageing_parse(void *into, const char *word, struct error *err)
{
	unsigned long seconds;

	(void)err;
	if (parse_number(word, 0, 0xffffffff, &seconds))
		return -EINVAL;
	((struct tunnel_spec *)into)->ageing = seconds;
	return 0;
}

int ageing_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->keywords & GIVEN_AGEING && spec->ageing != AGEING_DEFAULT &&
	       fprintf(out, "%u", spec->ageing) > 0;
}

int dscp_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	if (strcmp(word, "inherit"))
		return -EINVAL;
	((struct tunnel_spec *)into)->flags |= TUNNEL_DSCP_INHERIT;
	return 0;
}

int dscp_print(const void *from, FILE *out)
{
	return ((const struct tunnel_spec *)from)->flags & TUNNEL_DSCP_INHERIT &&
	       fputs("inherit", out) >= 0;
}

int nopmtudisc_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->keywords & GIVEN_PMTUDISC && !(spec->flags & TUNNEL_DF);
}

int flowlabel_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long label = 0;

	(void)err;
	if (!strcmp(word, "inherit")) {
		spec->flags |= TUNNEL_FLOWLABEL_INHERIT;
	} else {
		if (hex_take(word, IPV6_FLOWLABEL_MASK, &label))
			return -EINVAL;
		spec->flags &= ~TUNNEL_FLOWLABEL_INHERIT;
	}
	spec->flowlabel = htonl(label);
	return 0;
}

int flowlabel_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->flags & TUNNEL_FLOWLABEL_INHERIT)
		return fputs("inherit", out) >= 0;
	return spec->flowlabel && fprintf(out, "0x%05x", ntohl(spec->flowlabel)) > 0;
}

int encaplimit_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long limit = 0;

	(void)err;
	if (!strcmp(word, "none")) {
		spec->flags &= ~TUNNEL_ENCAP_LIMIT;
	} else {
		if (parse_number(word, 0, 255, &limit))
			return -EINVAL;
		spec->flags |= TUNNEL_ENCAP_LIMIT;
	}
	spec->encap_limit = limit;
	return 0;
}

int encaplimit_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (!(spec->mode->keywords & GIVEN_ENCAPLIMIT))
		return 0;
	if (!(spec->flags & TUNNEL_ENCAP_LIMIT))
		return fputs("none", out) >= 0;
	return spec->encap_limit != 4 && fprintf(out, "%u", spec->encap_limit) > 0;
}

int fwmark_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long mark = 0;

	(void)err;
	if (!strcmp(word, "inherit")) {
		spec->flags |= TUNNEL_MARK_INHERIT;
	} else {
		if (parse_number(word, 0, 0xffffffff, &mark))
			return -EINVAL;
		spec->flags &= ~TUNNEL_MARK_INHERIT;
	}
	spec->fwmark = mark;
	return 0;
}

int fwmark_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->flags & TUNNEL_MARK_INHERIT)
		return fputs("inherit", out) >= 0;
	return spec->fwmark && fprintf(out, "0x%x", spec->fwmark) > 0;
}

int sites_refuse(struct error *err)
{
	return misuse(err,
		      "of ISATAP and 6rd nothing is done but 6to4 (2002::/16); for other prefixes "
		      "there is `remote any` with peers");
}

int sites_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return sites_refuse(err);
}

int localremote_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err, "a remote on this very host is not done: what the programs send leaves "
			   "the host; give the other end a network namespace of its own");
}

int external_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err, "addresses come from the tunnel, not from routes or tc; leave it out, "
			   "and name a remote, or give `remote any` its next hops by routes");
}

int anchor_parse(void *into, const char *word, struct error *err)
{
	enum anchor_kind kind = anchor_kind_parse(word);
	const char *near;

	if (kind == ANCHOR_AUTO && strcmp(word, "auto")) {
		near = args_nearest(word, anchor_kind_name);
		return near ? misuse(err, "\"%s\" is not a kind of anchor; did you mean %s?", word,
				     near)
			    : -EINVAL;
	}
	((struct tunnel_spec *)into)->anchor = kind;
	return 0;
}

int anchor_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->anchor != ANCHOR_AUTO && fputs(anchor_kind_name(spec->anchor - 1), out) >= 0;
}
