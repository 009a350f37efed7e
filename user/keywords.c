// SPDX-License-Identifier: GPL-2.0
/* The keywords of a tunnel: how each is parsed, printed and explained. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "mode.h"
#include "wire.h"

static const char *mode_name(size_t i)
{
	const struct mode *mode = mode_row(i);

	return mode ? mode->name : NULL;
}

static int mode_parse(void *into, const char *word, struct error *err)
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

static int mode_print(const void *from, FILE *out)
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

static int local_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	return address_parse(&((struct tunnel_spec *)into)->local, word);
}

static int local_print(const void *from, FILE *out)
{
	return address_print(&((const struct tunnel_spec *)from)->local, out);
}

static int remote_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	return address_parse(&((struct tunnel_spec *)into)->remote, word);
}

static int remote_print(const void *from, FILE *out)
{
	return address_print(&((const struct tunnel_spec *)from)->remote, out);
}

static int dev_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	if (parse_name(word, err))
		return -EINVAL;
	strcpy(spec->dev, word);
	spec->link = 0;
	return 0;
}

static int dev_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->dev[0] && word_print(spec->dev, out) > 0;
}

static int ttl_parse(void *into, const char *word, struct error *err)
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
static int ttl_print(const void *from, FILE *out)
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
static int tos_parse(void *into, const char *word, struct error *err)
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

static int tos_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->flags & TUNNEL_TOS_INHERIT)
		return fprintf(out, spec->tos ? "inherit/0x%02x" : "inherit", spec->tos) > 0;
	return spec->tos && fprintf(out, "0x%02x", spec->tos) > 0;
}

/* Words without a value: flags of the tunnel that they set and clear. */
#define FLAG_WORD(name, set, clear)                                                                \
	static int name##_parse(void *into, const char *word, struct error *err)                   \
	{                                                                                          \
		struct tunnel_spec *spec = into;                                                   \
                                                                                                   \
		(void)word, (void)err;                                                             \
		spec->flags = (spec->flags | (set)) & ~(clear);                                    \
		return 0;                                                                          \
	}

FLAG_WORD(pmtudisc, TUNNEL_DF, 0)
FLAG_WORD(nopmtudisc, 0, TUNNEL_DF)
FLAG_WORD(nosrccheck, TUNNEL_NO_SOURCE_CHECK, 0)
FLAG_WORD(srccheck, 0, TUNNEL_NO_SOURCE_CHECK)
FLAG_WORD(ignore_df, TUNNEL_IGNORE_DF, 0)
FLAG_WORD(noignore_df, 0, TUNNEL_IGNORE_DF)
FLAG_WORD(csum, TUNNEL_ICSUM | TUNNEL_OCSUM, 0)
FLAG_WORD(icsum, TUNNEL_ICSUM, 0)
FLAG_WORD(ocsum, TUNNEL_OCSUM, 0)
FLAG_WORD(nocsum, 0, TUNNEL_ICSUM | TUNNEL_OCSUM)
FLAG_WORD(noicsum, 0, TUNNEL_ICSUM)
FLAG_WORD(noocsum, 0, TUNNEL_OCSUM)
FLAG_WORD(seq, TUNNEL_ISEQ | TUNNEL_OSEQ, 0)
FLAG_WORD(iseq, TUNNEL_ISEQ, 0)
FLAG_WORD(oseq, TUNNEL_OSEQ, 0)
FLAG_WORD(noseq, 0, TUNNEL_ISEQ | TUNNEL_OSEQ)
FLAG_WORD(noiseq, 0, TUNNEL_ISEQ)
FLAG_WORD(nooseq, 0, TUNNEL_OSEQ)
FLAG_WORD(encap_csum, TUNNEL_WRAP_CSUM, 0)
FLAG_WORD(noencap_csum, 0, TUNNEL_WRAP_CSUM)
FLAG_WORD(udp6_rx, TUNNEL_UDP_ZERO_RX, 0)
FLAG_WORD(noudp6_rx, 0, TUNNEL_UDP_ZERO_RX)
FLAG_WORD(learning, TUNNEL_LEARNING, 0)
FLAG_WORD(nolearning, 0, TUNNEL_LEARNING)
FLAG_WORD(nothing, 0, 0)

/* Printed when of the flags @all exactly those of @set are there. */
#define FLAG_PRINT(name, all, set)                                                                 \
	static int name##_print(const void *from, FILE *out)                                       \
	{                                                                                          \
		(void)out;                                                                         \
		return (((const struct tunnel_spec *)from)->flags & (all)) == (set);               \
	}

FLAG_PRINT(udp6_rx, TUNNEL_UDP_ZERO_RX, TUNNEL_UDP_ZERO_RX)
FLAG_PRINT(nosrccheck, TUNNEL_NO_SOURCE_CHECK, TUNNEL_NO_SOURCE_CHECK)
FLAG_PRINT(csum, TUNNEL_ICSUM | TUNNEL_OCSUM, TUNNEL_ICSUM | TUNNEL_OCSUM)
FLAG_PRINT(icsum, TUNNEL_ICSUM | TUNNEL_OCSUM, TUNNEL_ICSUM)
FLAG_PRINT(ocsum, TUNNEL_ICSUM | TUNNEL_OCSUM, TUNNEL_OCSUM)
FLAG_PRINT(seq, TUNNEL_ISEQ | TUNNEL_OSEQ, TUNNEL_ISEQ | TUNNEL_OSEQ)
FLAG_PRINT(iseq, TUNNEL_ISEQ | TUNNEL_OSEQ, TUNNEL_ISEQ)
FLAG_PRINT(oseq, TUNNEL_ISEQ | TUNNEL_OSEQ, TUNNEL_OSEQ)

static int ignore_df_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->keywords & GIVEN_IGNORE_DF && spec->flags & TUNNEL_IGNORE_DF;
}

static int nolearning_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->keywords & GIVEN_LEARNING && !(spec->flags & TUNNEL_LEARNING);
}

static int ageing_parse(void *into, const char *word, struct error *err)
{
	unsigned long seconds;

	(void)err;
	if (parse_number(word, 0, 0xffffffff, &seconds))
		return -EINVAL;
	((struct tunnel_spec *)into)->ageing = seconds;
	return 0;
}

static int ageing_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->keywords & GIVEN_AGEING && spec->ageing != AGEING_DEFAULT &&
	       fprintf(out, "%u", spec->ageing) > 0;
}

static int dscp_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	if (strcmp(word, "inherit"))
		return -EINVAL;
	((struct tunnel_spec *)into)->flags |= TUNNEL_DSCP_INHERIT;
	return 0;
}

static int dscp_print(const void *from, FILE *out)
{
	return ((const struct tunnel_spec *)from)->flags & TUNNEL_DSCP_INHERIT &&
	       fputs("inherit", out) >= 0;
}

static int encap_csum_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->family == FAMILY_IPV4 && spec->mode->wrap == WRAP_NONE &&
	       spec->flags & TUNNEL_WRAP_CSUM;
}

static int noencap_csum_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->family == FAMILY_IPV6 && spec->mode->wrap == WRAP_NONE &&
	       spec->wrap != WRAP_NONE && !(spec->flags & TUNNEL_WRAP_CSUM);
}

static int nopmtudisc_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->keywords & GIVEN_PMTUDISC && !(spec->flags & TUNNEL_DF);
}

/* A number or a dotted quad, as tnl_parse_key() of iproute2 takes them. */
static int key_take(const char *word, __be32 *key)
{
	unsigned long number;
	struct in_addr quad;

	if (strchr(word, '.')) {
		if (inet_pton(AF_INET, word, &quad) != 1)
			return -EINVAL;
		*key = quad.s_addr;
		return 0;
	}
	if (parse_number(word, 0, 0xffffffff, &number))
		return -EINVAL;
	*key = htonl(number);
	return 0;
}

static int ikey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)err;
	if (key_take(word, &spec->ikey))
		return -EINVAL;
	spec->flags |= TUNNEL_IKEY;
	return 0;
}

static int okey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)err;
	if (key_take(word, &spec->okey))
		return -EINVAL;
	spec->flags |= TUNNEL_OKEY;
	return 0;
}

static int key_parse(void *into, const char *word, struct error *err)
{
	return ikey_parse(into, word, err) ?: okey_parse(into, word, err);
}

static int noikey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)word, (void)err;
	spec->flags &= ~TUNNEL_IKEY;
	spec->ikey = 0;
	return 0;
}

static int nookey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)word, (void)err;
	spec->flags &= ~TUNNEL_OKEY;
	spec->okey = 0;
	return 0;
}

static int nokey_parse(void *into, const char *word, struct error *err)
{
	return noikey_parse(into, word, err) ?: nookey_parse(into, word, err);
}

static bool key_common(const struct tunnel_spec *spec)
{
	return spec->flags & TUNNEL_IKEY && spec->flags & TUNNEL_OKEY && spec->ikey == spec->okey;
}

static int key_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return key_common(spec) && fprintf(out, "%u", ntohl(spec->ikey)) > 0;
}

static int ikey_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->flags & TUNNEL_IKEY && !key_common(spec) &&
	       fprintf(out, "%u", ntohl(spec->ikey)) > 0;
}

static int okey_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->flags & TUNNEL_OKEY && !key_common(spec) &&
	       fprintf(out, "%u", ntohl(spec->okey)) > 0;
}

static int flowlabel_parse(void *into, const char *word, struct error *err)
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

static int flowlabel_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->flags & TUNNEL_FLOWLABEL_INHERIT)
		return fputs("inherit", out) >= 0;
	return spec->flowlabel && fprintf(out, "0x%05x", ntohl(spec->flowlabel)) > 0;
}

static int encaplimit_parse(void *into, const char *word, struct error *err)
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

static int encaplimit_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (!(spec->mode->keywords & GIVEN_ENCAPLIMIT))
		return 0;
	if (!(spec->flags & TUNNEL_ENCAP_LIMIT))
		return fputs("none", out) >= 0;
	return spec->encap_limit != 4 && fprintf(out, "%u", spec->encap_limit) > 0;
}

static int erspan_ver_parse(void *into, const char *word, struct error *err)
{
	unsigned long version;

	(void)err;
	if (parse_number(word, 0, 2, &version))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_version = version;
	return 0;
}

static const struct tunnel_spec *erspan_of(const void *from)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->payload == PAYLOAD_ERSPAN ? spec : NULL;
}

static int erspan_ver_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && fprintf(out, "%u", spec->erspan_version) > 0;
}

static int erspan_parse(void *into, const char *word, struct error *err)
{
	unsigned long index;

	(void)err;
	if (parse_number(word, 0, ERSPAN_INDEX, &index))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_index = index;
	return 0;
}

static int erspan_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && spec->erspan_version == 1 && spec->erspan_index &&
	       fprintf(out, "%u", spec->erspan_index) > 0;
}

static int erspan_dir_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	if (strcmp(word, "ingress") && strcmp(word, "egress"))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_egress = !strcmp(word, "egress");
	return 0;
}

static int erspan_dir_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && spec->erspan_version == 2 && spec->erspan_egress &&
	       fputs("egress", out) >= 0;
}

static int erspan_hwid_parse(void *into, const char *word, struct error *err)
{
	unsigned long hwid;

	(void)err;
	if (parse_number(word, 0, ERSPAN_HWID_MAX, &hwid))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_hwid = hwid;
	return 0;
}

static int erspan_hwid_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && spec->erspan_version == 2 && spec->erspan_hwid &&
	       fprintf(out, "%u", spec->erspan_hwid) > 0;
}

static const char *const wraps[WRAP_MAX] = {
	[WRAP_NONE] = "none", [WRAP_FOU] = "fou", [WRAP_GUE] = "gue"
};

/* Those that `encap` knows; others are modes. */
enum { WRAPS = WRAP_GUE + 1 };

static int encap_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	size_t i;

	(void)err;
	for (i = 0; i < WRAPS; i++)
		if (!strcmp(wraps[i], word)) {
			spec->wrap = i;
			if (i == WRAP_NONE) {
				spec->sport = spec->dport = 0;
				spec->flags &= ~TUNNEL_WRAP_CSUM;
			}
			return 0;
		}
	return -EINVAL;
}

static int encap_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->wrap != WRAP_NONE && spec->mode->wrap == WRAP_NONE &&
	       fputs(wraps[spec->wrap], out) >= 0;
}

static int encap_sport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long port = 0;

	(void)err;
	if (strcmp(word, "auto") && parse_number(word, 1, 65535, &port))
		return -EINVAL;
	spec->sport = htons(port);
	return 0;
}

static int encap_sport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->sport && fprintf(out, "%u", ntohs(spec->sport)) > 0;
}

static int encap_dport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long port;

	(void)err;
	if (parse_number(word, 1, 65535, &port))
		return -EINVAL;
	spec->dport = htons(port);
	return 0;
}

static int encap_dport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->dport && spec->mode->wrap == WRAP_NONE &&
	       fprintf(out, "%u", ntohs(spec->dport)) > 0;
}

/* ---- VXLAN and GENEVE ---- */

static int id_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long id;

	(void)err;
	if (parse_number(word, 0, VNI_MAX, &id))
		return -EINVAL;
	spec->ikey = spec->okey = htonl(id << VNI_SHIFT);
	spec->has_id = true;
	return 0;
}

static int id_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->wrap != WRAP_NONE &&
	       fprintf(out, "%u", ntohl(spec->okey) >> VNI_SHIFT) > 0;
}

static int dstport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long port;

	(void)err;
	if (parse_number(word, 1, 65535, &port))
		return -EINVAL;
	spec->dport = htons(port);
	return 0;
}

static int dstport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->wrap != WRAP_NONE && fprintf(out, "%u", ntohs(spec->dport)) > 0;
}

/* Two numbers, `0 0`: the range of the kernel. */
static int srcport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long low, high;
	char first[8];
	size_t len = strcspn(word, " ");

	if (len >= sizeof(first))
		return -EINVAL;
	memcpy(first, word, len);
	first[len] = 0;
	if (!word[len] || parse_number(first, 0, 65535, &low) ||
	    parse_number(word + len + 1, 0, 65535, &high) || (!low && high))
		return -EINVAL;
	if (low > high)
		return misuse(err, "\"%s\": the range ends before it begins", word);
	spec->srcport_low = low;
	spec->srcport_high = high;
	return 0;
}

static int srcport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->srcport_low &&
	       fprintf(out, "%u %u", spec->srcport_low, spec->srcport_high) > 0;
}

static int df_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	__u32 df;

	(void)err;
	if (!strcmp(word, "set"))
		df = TUNNEL_DF;
	else if (!strcmp(word, "unset"))
		df = TUNNEL_IGNORE_DF;
	else if (!strcmp(word, "inherit"))
		df = 0;
	else
		return -EINVAL;
	spec->flags = (spec->flags & ~(TUNNEL_DF | TUNNEL_IGNORE_DF)) | df;
	return 0;
}

static int df_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (!(spec->mode->keywords & GIVEN_DF) || spec->mode->family != FAMILY_IPV4 ||
	    spec->flags & TUNNEL_IGNORE_DF)
		return 0;
	return fputs(spec->flags & TUNNEL_DF ? "set" : "inherit", out) >= 0;
}

/* Words without a value that set a member. */
#define MEMBER_WORD(name, member, value)                                                           \
	static int name##_parse(void *into, const char *word, struct error *err)                   \
	{                                                                                          \
		(void)word, (void)err;                                                             \
		((struct tunnel_spec *)into)->member = value;                                      \
		return 0;                                                                          \
	}

MEMBER_WORD(udpcsum, udpcsum, true)
MEMBER_WORD(noudpcsum, udpcsum, false)
MEMBER_WORD(udp6_tx, udp6_zero_tx, true)
MEMBER_WORD(noudp6_tx, udp6_zero_tx, false)

static int udpcsum_print(const void *from, FILE *out)
{
	(void)out;
	return ((const struct tunnel_spec *)from)->udpcsum;
}

static int udp6_tx_print(const void *from, FILE *out)
{
	(void)out;
	return ((const struct tunnel_spec *)from)->udp6_zero_tx;
}

static int maxaddress_parse(void *into, const char *word, struct error *err)
{
	unsigned long count;

	(void)into;
	if (!strcmp(word, "unlimited") || !parse_number(word, 0, 0, &count))
		return 0;
	return parse_number(word, 0, 0xffffffff, &count)
		       ? -EINVAL
		       : misuse(err,
				"no tunnel has a limit of its own: all of a namespace learn up to "
				"%d MACs, and those that were least asked for go; leave it out",
				MAX_FDB);
}

/* The value of a hexadecimal digit, -1: it is none. */
static int hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = digit ? strchr(digits, digit) : NULL;

	return found ? (found - digits) % 16 : -1;
}

/* A number of 1 to @digits hexadecimal digits at *@text, and the colon behind it. -1: it is none.
 */
static int hex_field(const char **text, int digits)
{
	int number = 0, i;

	for (i = 0; i < digits && hex_digit((*text)[i]) >= 0; i++)
		number = number << 4 | hex_digit((*text)[i]);
	if (!i || (*text)[i] != ':')
		return -1;
	*text += i + 1;
	return number;
}

/* Bytes in hexadecimal from *@text up to a comma or the end, at most @room of them, into @bytes.
 * Returns how many, or -1. */
static int hex_bytes(const char **text, __u8 *bytes, int room)
{
	int high, low, count = 0;

	for (; **text && **text != ','; *text += 2) {
		high = hex_digit((*text)[0]);
		low = high < 0 ? -1 : hex_digit((*text)[1]);
		if (low < 0 || count == room)
			return -1;
		bytes[count++] = high << 4 | low;
	}
	return count;
}

/* One CLASS:TYPE:DATA at *@word, behind what @options has. Data are whole words (RFC 8926 section
 * 3.5). Returns 0 or -EINVAL. */
static int option_take(struct geneve_options *options, const char **word, struct error *err)
{
	__u8 *at = options->bytes + options->len;
	int room = GENEVE_OPTIONS_MAX - options->len - GENEVE_OPTION_HLEN, count;
	__u8 data[GENEVE_OPTIONS_MAX];
	int class = hex_field(word, 4), type = class < 0 ? -1 : hex_field(word, 2);

	if (type < 0)
		return -EINVAL;
	count = hex_bytes(word, data, sizeof(data));
	if (count < 0)
		return -EINVAL;
	if (count % 4 || count > GENEVE_OPTION_LEN_MASK * 4)
		return misuse(err,
			      "the data of an option are whole words of four bytes, up to %d "
			      "bytes; here are %d",
			      GENEVE_OPTION_LEN_MASK * 4, count);
	if (count > room)
		return misuse(err, "all options together have at most %d bytes",
			      GENEVE_OPTIONS_MAX);
	at[0] = class >> 8;
	at[1] = class;
	at[2] = type;
	at[3] = count / 4;
	memcpy(at + GENEVE_OPTION_HLEN, data, count);
	options->len += GENEVE_OPTION_HLEN + count;
	options->critical |= type & GENEVE_OPTION_CRITICAL ? 1 : 0;
	return 0;
}

static int options_more(void *into, const char *word, struct error *err)
{
	struct geneve_options options = ((struct tunnel_spec *)into)->options;

	do {
		if (option_take(&options, &word, err))
			return -EINVAL;
	} while (*word++ == ',');
	((struct tunnel_spec *)into)->options = options;
	return 0;
}

/* The first that a command gives takes the place of what there was. */
static int options_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	struct geneve_options before = spec->options;
	int ret;

	spec->options = (struct geneve_options){};
	ret = !strcmp(word, "none") ? 0 : options_more(into, word, err);
	if (ret)
		spec->options = before;
	return ret;
}

static int options_print(const void *from, FILE *out)
{
	const struct geneve_options *options = &((const struct tunnel_spec *)from)->options;
	const __u8 *bytes = options->bytes;
	int at, end, i;

	for (at = 0; at < options->len; at = end) {
		end = at + GENEVE_OPTION_HLEN + (bytes[at + 3] & GENEVE_OPTION_LEN_MASK) * 4;
		fprintf(out, "%s%02x%02x:%02x:", at ? "," : "", bytes[at], bytes[at + 1],
			bytes[at + 2]);
		for (i = at + GENEVE_OPTION_HLEN; i < end; i++)
			fprintf(out, "%02x", bytes[i]);
	}
	return options->len > 0;
}

/* Keywords of the kernel's drivers that mean something else here, or nothing. */
#define REFUSED_WORD(name, text)                                                                   \
	static int name##_parse(void *into, const char *word, struct error *err)                   \
	{                                                                                          \
		(void)into, (void)word;                                                            \
		return misuse(err, text);                                                          \
	}

REFUSED_WORD(group, "multicast between the ends is not done; leave it out, and give a remote, or "
		    "peers to whom frames for many are sent one by one")
REFUSED_WORD(extension, "this extension of VXLAN is not done: its bits are reserved in RFC 7348; "
			"leave it out")
REFUSED_WORD(remcsum, "remote checksum offload is not done: no standard has it; leave it out, "
		      "udpcsum is the checksum that all know")
REFUSED_WORD(proxy, "answers to ARP and misses for a daemon are the bridge's, or that daemon's, to "
		    "care for; leave it out")
REFUSED_WORD(inner_proto, "GENEVE carries Ethernet frames here and nothing else; leave it out")

static int encap_remcsum_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err, "remote checksum offload is not done: no standard has it and few "
			   "receivers; leave it out, `encap-csum` is the checksum that all know");
}

static int fwmark_parse(void *into, const char *word, struct error *err)
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

static int fwmark_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (spec->flags & TUNNEL_MARK_INHERIT)
		return fputs("inherit", out) >= 0;
	return spec->fwmark && fprintf(out, "0x%x", spec->fwmark) > 0;
}

static int noencap_parse(void *into, const char *word, struct error *err)
{
	(void)word;
	return encap_parse(into, wraps[WRAP_NONE], err);
}

int sites_refuse(struct error *err)
{
	return misuse(err,
		      "of ISATAP and 6rd nothing is done but 6to4 (2002::/16); for other prefixes "
		      "there is `remote any` with peers");
}

static int sites_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return sites_refuse(err);
}

static int localremote_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err, "a remote on this very host is not done: what the programs send leaves "
			   "the host; give the other end a network namespace of its own");
}

static int external_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err, "addresses come from the tunnel, not from routes or tc; leave it out, "
			   "and name a remote, or give `remote any` its next hops by routes");
}

static int anchor_parse(void *into, const char *word, struct error *err)
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

static int anchor_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->anchor != ANCHOR_AUTO && fputs(anchor_kind_name(spec->anchor - 1), out) >= 0;
}

const struct keyword tunnel_keywords[] = {
	{ .name = "mode",
	  .value = "MODE",
	  .expects = "a mode",
	  .bit = GIVEN_MODE,
	  .parse = mode_parse,
	  .print = mode_print,
	  .help = "how packets are encapsulated" },
	{ .name = "local",
	  .value = "ADDR",
	  .expects = "an address or any",
	  .bit = GIVEN_LOCAL,
	  .parse = local_parse,
	  .print = local_print,
	  .help = "outer source address, or any (default): what the route says" },
	{ .name = "remote",
	  .value = "ADDR",
	  .expects = "an address or any",
	  .bit = GIVEN_REMOTE,
	  .parse = remote_parse,
	  .print = remote_print,
	  .help = "address of the other end, or any (default): receive only" },
	{ .name = "dev",
	  .value = "DEV",
	  .expects = "a device",
	  .bit = GIVEN_DEV,
	  .parse = dev_parse,
	  .print = dev_print,
	  .help = "underlay device; default: as the routes say" },
	{ .name = "ttl",
	  .aliases = "hoplimit hlim",
	  .value = "N|inherit",
	  .expects = "1..255 or inherit",
	  .bit = GIVEN_TTL,
	  .parse = ttl_parse,
	  .print = ttl_print,
	  .help = "TTL of outer packets; default inherit: that of the inner packet" },
	{ .name = "tos",
	  .aliases = "tclass dsfield",
	  .value = "X|inherit[/X]",
	  .expects = "00..fc, a class (CS0..CS7, AF11..AF43, EF), inherit or inherit/00..fc",
	  .bit = GIVEN_TOS,
	  .parse = tos_parse,
	  .print = tos_print,
	  .help = "TOS of outer packets, in hexadecimal or a class (EF); default 0; its ECN bits "
		  "always follow RFC 6040" },
	{ .name = "pmtudisc",
	  .bit = GIVEN_PMTUDISC,
	  .parse = pmtudisc_parse,
	  .help = "set DF in outer packets (default)" },
	{ .name = "nopmtudisc",
	  .bit = GIVEN_PMTUDISC,
	  .parse = nopmtudisc_parse,
	  .print = nopmtudisc_print,
	  .help = "DF of outer packets is that of the inner packet" },
	{ .name = "ignore-df",
	  .bit = GIVEN_IGNORE_DF,
	  .parse = ignore_df_parse,
	  .print = ignore_df_print,
	  .help = "with nopmtudisc: the inner DF is not copied" },
	{ .name = "noignore-df",
	  .bit = GIVEN_IGNORE_DF,
	  .parse = noignore_df_parse,
	  .help = "undo ignore-df (default)" },
	{ .name = "dscp",
	  .value = "inherit",
	  .expects = "inherit",
	  .bit = GIVEN_DSCP,
	  .parse = dscp_parse,
	  .print = dscp_print,
	  .help = "received packets: the outer DSCP goes to the inner header" },
	{ .name = "flowlabel",
	  .value = "X|inherit",
	  .expects = "a flow label, 0..fffff, or inherit",
	  .bit = GIVEN_FLOWLABEL,
	  .parse = flowlabel_parse,
	  .print = flowlabel_print,
	  .help = "flow label in hexadecimal; default 0: of the inner flow" },
	{ .name = "encaplimit",
	  .value = "N|none",
	  .expects = "0..255 or none",
	  .bit = GIVEN_ENCAPLIMIT,
	  .parse = encaplimit_parse,
	  .print = encaplimit_print,
	  .help = "how many more tunnels a packet may enter, RFC 2473; default 4" },
	{ .name = "key",
	  .value = "K",
	  .expects = "a key: 0..4294967295 or a dotted quad",
	  .bit = GIVEN_KEY,
	  .parse = key_parse,
	  .print = key_print,
	  .help = "GRE key of both directions; of ERSPAN the session, 0..1023" },
	{ .name = "ikey",
	  .value = "K",
	  .expects = "a key: 0..4294967295 or a dotted quad",
	  .bit = GIVEN_IKEY,
	  .parse = ikey_parse,
	  .print = ikey_print,
	  .help = "GRE key of incoming packets" },
	{ .name = "okey",
	  .value = "K",
	  .expects = "a key: 0..4294967295 or a dotted quad",
	  .bit = GIVEN_OKEY,
	  .parse = okey_parse,
	  .print = okey_print,
	  .help = "GRE key of outgoing packets" },
	{ .name = "nokey", .bit = GIVEN_KEY, .parse = nokey_parse, .help = "no GRE key (default)" },
	{ .name = "noikey",
	  .bit = GIVEN_IKEY,
	  .parse = noikey_parse,
	  .help = "no GRE key of incoming packets" },
	{ .name = "nookey",
	  .bit = GIVEN_OKEY,
	  .parse = nookey_parse,
	  .help = "no GRE key of outgoing packets" },
	{ .name = "csum",
	  .bit = GIVEN_CSUM,
	  .parse = csum_parse,
	  .print = csum_print,
	  .help = "GRE checksums of both directions" },
	{ .name = "icsum",
	  .bit = GIVEN_ICSUM,
	  .parse = icsum_parse,
	  .print = icsum_print,
	  .help = "incoming packets have GRE checksums" },
	{ .name = "ocsum",
	  .bit = GIVEN_OCSUM,
	  .parse = ocsum_parse,
	  .print = ocsum_print,
	  .help = "outgoing packets get GRE checksums" },
	{ .name = "nocsum",
	  .bit = GIVEN_CSUM,
	  .parse = nocsum_parse,
	  .help = "no GRE checksums (default)" },
	{ .name = "noicsum",
	  .bit = GIVEN_ICSUM,
	  .parse = noicsum_parse,
	  .help = "incoming packets have none" },
	{ .name = "noocsum",
	  .bit = GIVEN_OCSUM,
	  .parse = noocsum_parse,
	  .help = "outgoing packets get none" },
	{ .name = "seq",
	  .bit = GIVEN_SEQ,
	  .parse = seq_parse,
	  .print = seq_print,
	  .help = "GRE sequence numbers in both directions; late packets are dropped (ERSPAN: "
		  "numbers always)" },
	{ .name = "iseq",
	  .bit = GIVEN_ISEQ,
	  .parse = iseq_parse,
	  .print = iseq_print,
	  .help = "incoming packets are numbered" },
	{ .name = "oseq",
	  .bit = GIVEN_OSEQ,
	  .parse = oseq_parse,
	  .print = oseq_print,
	  .help = "outgoing packets are numbered" },
	{ .name = "noseq",
	  .bit = GIVEN_SEQ,
	  .parse = noseq_parse,
	  .help = "no sequence numbers (default)" },
	{ .name = "noiseq",
	  .bit = GIVEN_ISEQ,
	  .parse = noiseq_parse,
	  .help = "incoming packets are not numbered" },
	{ .name = "nooseq",
	  .bit = GIVEN_OSEQ,
	  .parse = nooseq_parse,
	  .help = "outgoing packets are not numbered" },
	{ .name = "erspan_ver",
	  .value = "N",
	  .expects = "a version of ERSPAN, 0, 1 or 2",
	  .bit = GIVEN_ERSPAN_VER,
	  .parse = erspan_ver_parse,
	  .print = erspan_ver_print,
	  .help = "version of ERSPAN that is sent, default 1; all are received" },
	{ .name = "erspan",
	  .value = "IDX",
	  .expects = "an index of ERSPAN, 0..1048575",
	  .bit = GIVEN_ERSPAN_INDEX,
	  .parse = erspan_parse,
	  .print = erspan_print,
	  .help = "version 1: the index in its header, of a port or as one likes; default 0" },
	{ .name = "erspan_dir",
	  .value = "DIR",
	  .expects = "ingress or egress",
	  .bit = GIVEN_ERSPAN_DIR,
	  .parse = erspan_dir_parse,
	  .print = erspan_dir_print,
	  .help = "version 2: which way frames went, ingress (default) or egress; copies of `xtun "
		  "mirror` tell by themselves" },
	{ .name = "erspan_hwid",
	  .value = "N",
	  .expects = "a hardware id of ERSPAN, 0..63",
	  .bit = GIVEN_ERSPAN_HWID,
	  .parse = erspan_hwid_parse,
	  .print = erspan_hwid_print,
	  .help = "version 2: number of the engine that copies; default 0" },
	{ .name = "encap",
	  .value = "WRAP",
	  .expects = "none, fou or gue",
	  .bit = GIVEN_ENCAP,
	  .parse = encap_parse,
	  .print = encap_print,
	  .help = "wrap the payload in UDP; `xtun fou add` receives it" },
	{ .name = "noencap",
	  .bit = GIVEN_ENCAP,
	  .parse = noencap_parse,
	  .help = "no wrap (default)" },
	{ .name = "encap-sport",
	  .value = "N|auto",
	  .expects = "1..65535 or auto",
	  .bit = GIVEN_ENCAP_SPORT,
	  .parse = encap_sport_parse,
	  .print = encap_sport_print,
	  .help = "UDP source port; default auto: of the inner flow" },
	{ .name = "encap-dport",
	  .value = "N",
	  .expects = "1..65535",
	  .bit = GIVEN_ENCAP_DPORT,
	  .parse = encap_dport_parse,
	  .print = encap_dport_print,
	  .help = "UDP destination port" },
	{ .name = "encap-csum",
	  .aliases = "encap-udp6-csum encap-csum6",
	  .bit = GIVEN_ENCAP_CSUM,
	  .parse = encap_csum_parse,
	  .print = encap_csum_print,
	  .help = "UDP checksums (default over IPv6)" },
	{ .name = "noencap-csum",
	  .aliases = "noencap-udp6-csum noencap-csum6",
	  .bit = GIVEN_ENCAP_CSUM,
	  .parse = noencap_csum_parse,
	  .print = noencap_csum_print,
	  .help = "UDP checksums of zero (default over IPv4)" },
	{ .name = "encap-remcsum",
	  .bit = GIVEN_ENCAP_REMCSUM,
	  .parse = encap_remcsum_parse,
	  .help = "not supported" },
	{ .name = "noencap-remcsum",
	  .bit = GIVEN_ENCAP_REMCSUM,
	  .parse = nothing_parse,
	  .help = "no remote checksum offload (always)" },
	{ .name = "fwmark",
	  .value = "MARK|inherit",
	  .expects = "a mark, 0..0xffffffff, or inherit",
	  .bit = GIVEN_FWMARK,
	  .parse = fwmark_parse,
	  .print = fwmark_print,
	  .help = "routes to the remote are looked up with this mark; inherit (over IPv6): with "
		  "that "
		  "of the inner packet (Linux 6.10)" },
	{ .name = "isatap",
	  .aliases = "prl-default prl-nodefault prl-delete 6rd-prefix 6rd-relay_prefix 6rd-reset",
	  .bit = GIVEN_SITES,
	  .parse = sites_parse,
	  .help = "not supported" },
	{ .name = "allow-localremote",
	  .bit = GIVEN_LOCALREMOTE,
	  .parse = localremote_parse,
	  .help = "not supported" },
	{ .name = "noallow-localremote",
	  .bit = GIVEN_LOCALREMOTE,
	  .parse = nothing_parse,
	  .help = "the remote is another host (always)" },
	{ .name = "id",
	  .aliases = "vni",
	  .value = "VNI",
	  .expects = "0..16777215",
	  .bit = GIVEN_ID,
	  .parse = id_parse,
	  .print = id_print,
	  .help = "number of the network, VNI" },
	{ .name = "dstport",
	  .aliases = "port",
	  .value = "N",
	  .expects = "1..65535",
	  .bit = GIVEN_DSTPORT,
	  .parse = dstport_parse,
	  .print = dstport_print,
	  .help = "UDP port of both ends; default 6081 with geneve, with vxlan the kernel's 8472 "
		  "(RFC 7348: 4789)" },
	{ .name = "srcport",
	  .value = "MIN MAX",
	  .expects = "two ports, 1..65535, or 0 0",
	  .words = 2,
	  .bit = GIVEN_SRCPORT,
	  .parse = srcport_parse,
	  .print = srcport_print,
	  .help = "range of UDP source ports, MAX not in it; default 0 0: "
		  "net.ipv4.ip_local_port_range" },
	{ .name = "df",
	  .value = "DF",
	  .expects = "set, unset or inherit",
	  .bit = GIVEN_DF,
	  .parse = df_parse,
	  .print = df_print,
	  .help = "DF of outer packets over IPv4: set, unset (default) or inherit: that of the "
		  "inner packet, and set around IPv6" },
	{ .name = "udpcsum",
	  .bit = GIVEN_UDPCSUM,
	  .parse = udpcsum_parse,
	  .print = udpcsum_print,
	  .help = "UDP checksums over IPv4" },
	{ .name = "noudpcsum",
	  .bit = GIVEN_UDPCSUM,
	  .parse = noudpcsum_parse,
	  .help = "UDP checksums of zero over IPv4 (default, RFC 7348; the kernel's vxlan sends "
		  "them)" },
	{ .name = "udp6zerocsumtx",
	  .bit = GIVEN_UDP6_TX,
	  .parse = udp6_tx_parse,
	  .print = udp6_tx_print,
	  .help = "UDP checksums of zero over IPv6" },
	{ .name = "noudp6zerocsumtx",
	  .bit = GIVEN_UDP6_TX,
	  .parse = noudp6_tx_parse,
	  .help = "UDP checksums over IPv6 (default)" },
	{ .name = "udp6zerocsumrx",
	  .bit = GIVEN_UDP6_RX,
	  .parse = udp6_rx_parse,
	  .print = udp6_rx_print,
	  .help = "take packets with a UDP checksum of zero over IPv6" },
	{ .name = "noudp6zerocsumrx",
	  .bit = GIVEN_UDP6_RX,
	  .parse = noudp6_rx_parse,
	  .help = "do not (default)" },
	{ .name = "maxaddress",
	  .value = "N",
	  .expects = "0 or unlimited",
	  .bit = GIVEN_MAXADDRESS,
	  .parse = maxaddress_parse,
	  .help = "0 or unlimited (default): all tunnels together learn up to 16384 MACs" },
	{ .name = "geneve-opt",
	  .value = "CLASS:TYPE:DATA",
	  .expects = "CLASS:TYPE:DATA in hexadecimal, several with commas between, or none",
	  .bit = GIVEN_OPTIONS,
	  .parse = options_parse,
	  .again = options_more,
	  .print = options_print,
	  .help = "options in every header, as tc's geneve_opts; may be given again for more" },
	{ .name = "group",
	  .value = "ADDR",
	  .expects = "an address",
	  .bit = GIVEN_GROUP,
	  .parse = group_parse,
	  .help = "not supported" },
	{ .name = "gbp",
	  .aliases = "gpe",
	  .bit = GIVEN_EXTENSION,
	  .parse = extension_parse,
	  .help = "not supported" },
	{ .name = "remcsumtx",
	  .aliases = "remcsumrx",
	  .bit = GIVEN_REMCSUM,
	  .parse = remcsum_parse,
	  .help = "not supported" },
	{ .name = "noremcsumtx",
	  .aliases = "noremcsumrx",
	  .bit = GIVEN_REMCSUM,
	  .parse = nothing_parse,
	  .help = "no remote checksum offload (always)" },
	{ .name = "proxy",
	  .aliases = "rsc l2miss l3miss vnifilter",
	  .bit = GIVEN_NOT_VXLAN,
	  .parse = proxy_parse,
	  .help = "not supported" },
	{ .name = "noproxy",
	  .aliases = "norsc nol2miss nol3miss novnifilter noexternal nogbp nogpe",
	  .bit = GIVEN_NOT_VXLAN,
	  .parse = nothing_parse,
	  .help = "always" },
	{ .name = "innerprotoinherit",
	  .bit = GIVEN_NOT_GENEVE,
	  .parse = inner_proto_parse,
	  .help = "not supported" },
	{ .name = "external",
	  .bit = GIVEN_EXTERNAL,
	  .parse = external_parse,
	  .help = "not supported" },
	{ .name = "srccheck",
	  .bit = GIVEN_SOURCE_CHECK,
	  .parse = srccheck_parse,
	  .help = "remote any with peers: the inner source must be of the peer that sent it "
		  "(default)" },
	{ .name = "nosrccheck",
	  .bit = GIVEN_SOURCE_CHECK,
	  .parse = nosrccheck_parse,
	  .print = nosrccheck_print,
	  .help = "take it from everybody" },
	{ .name = "learning",
	  .bit = GIVEN_LEARNING,
	  .parse = learning_parse,
	  .help = "remote any: learn from received frames where their source is (default)" },
	{ .name = "nolearning",
	  .bit = GIVEN_LEARNING,
	  .parse = nolearning_parse,
	  .print = nolearning_print,
	  .help = "know the peers that are named, and no others" },
	{ .name = "ageing",
	  .value = "SECONDS",
	  .expects = "a number of seconds, 0..4294967295",
	  .bit = GIVEN_AGEING,
	  .parse = ageing_parse,
	  .print = ageing_print,
	  .help = "how long what was learned is believed (default 300); 0: for ever" },
	{ .name = "anchor",
	  .value = "KIND",
	  .expects = "auto, dummy, ifb, veth or netkit",
	  .bit = GIVEN_ANCHOR,
	  .parse = anchor_parse,
	  .print = anchor_print,
	  .help = "kind of device; default auto: the first of dummy, ifb, netkit, veth that the "
		  "kernel has" },
};

const size_t tunnel_keyword_count = sizeof(tunnel_keywords) / sizeof(tunnel_keywords[0]);
