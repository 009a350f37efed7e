// SPDX-License-Identifier: GPL-2.0
/* Keywords of what is wrapped in UDP: FOU, GUE, VXLAN, GENEVE. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "keywords.h"
#include "wire.h"

FLAG_WORD(encap_csum, TUNNEL_WRAP_CSUM, 0)
FLAG_WORD(noencap_csum, 0, TUNNEL_WRAP_CSUM)
FLAG_WORD(udp6_rx, TUNNEL_UDP_ZERO_RX, 0)
FLAG_WORD(noudp6_rx, 0, TUNNEL_UDP_ZERO_RX)

FLAG_PRINT(udp6_rx, TUNNEL_UDP_ZERO_RX, TUNNEL_UDP_ZERO_RX)

int encap_csum_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->family == FAMILY_IPV4 && spec->mode->wrap == WRAP_NONE &&
	       spec->flags & TUNNEL_WRAP_CSUM;
}

int noencap_csum_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	(void)out;
	return spec->mode->family == FAMILY_IPV6 && spec->mode->wrap == WRAP_NONE &&
	       spec->wrap != WRAP_NONE && !(spec->flags & TUNNEL_WRAP_CSUM);
}

static const char *const wraps[WRAP_MAX] = {
	[WRAP_NONE] = "none", [WRAP_FOU] = "fou", [WRAP_GUE] = "gue"
};

/* Those that `encap` knows; others are modes. */
enum { WRAPS = WRAP_GUE + 1 };

int encap_parse(void *into, const char *word, struct error *err)
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

int encap_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->wrap != WRAP_NONE && spec->mode->wrap == WRAP_NONE &&
	       fputs(wraps[spec->wrap], out) >= 0;
}

int encap_sport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long port = 0;

	(void)err;
	if (strcmp(word, "auto") && parse_number(word, 1, 65535, &port))
		return -EINVAL;
	spec->sport = htons(port);
	return 0;
}

int encap_sport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->sport && fprintf(out, "%u", ntohs(spec->sport)) > 0;
}

int encap_dport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long port;

	(void)err;
	if (parse_number(word, 1, 65535, &port))
		return -EINVAL;
	spec->dport = htons(port);
	return 0;
}

int encap_dport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->dport && spec->mode->wrap == WRAP_NONE &&
	       fprintf(out, "%u", ntohs(spec->dport)) > 0;
}

/* ---- VXLAN and GENEVE ---- */

int id_parse(void *into, const char *word, struct error *err)
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

int id_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->wrap != WRAP_NONE &&
	       fprintf(out, "%u", ntohl(spec->okey) >> VNI_SHIFT) > 0;
}

int dstport_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;
	unsigned long port;

	(void)err;
	if (parse_number(word, 1, 65535, &port))
		return -EINVAL;
	spec->dport = htons(port);
	return 0;
}

int dstport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->mode->wrap != WRAP_NONE && fprintf(out, "%u", ntohs(spec->dport)) > 0;
}

/* Two numbers, `0 0`: the range of the kernel. */
int srcport_parse(void *into, const char *word, struct error *err)
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

int srcport_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->srcport_low &&
	       fprintf(out, "%u %u", spec->srcport_low, spec->srcport_high) > 0;
}

int df_parse(void *into, const char *word, struct error *err)
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

int df_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	if (!(spec->mode->keywords & GIVEN_DF) || spec->mode->family != FAMILY_IPV4 ||
	    spec->flags & TUNNEL_IGNORE_DF)
		return 0;
	return fputs(spec->flags & TUNNEL_DF ? "set" : "inherit", out) >= 0;
}

MEMBER_WORD(udpcsum, udpcsum, true)
MEMBER_WORD(noudpcsum, udpcsum, false)
MEMBER_WORD(udp6_tx, udp6_zero_tx, true)
MEMBER_WORD(noudp6_tx, udp6_zero_tx, false)

int udpcsum_print(const void *from, FILE *out)
{
	(void)out;
	return ((const struct tunnel_spec *)from)->udpcsum;
}

int udp6_tx_print(const void *from, FILE *out)
{
	(void)out;
	return ((const struct tunnel_spec *)from)->udp6_zero_tx;
}

int maxaddress_parse(void *into, const char *word, struct error *err)
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

int options_more(void *into, const char *word, struct error *err)
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
int options_parse(void *into, const char *word, struct error *err)
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

int options_print(const void *from, FILE *out)
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

REFUSED_WORD(group, "multicast between the ends is not done; leave it out, and give a remote, or "
		    "peers to whom frames for many are sent one by one")
REFUSED_WORD(extension, "this extension of VXLAN is not done: its bits are reserved in RFC 7348; "
			"leave it out")
REFUSED_WORD(remcsum, "remote checksum offload is not done: no standard has it; leave it out, "
		      "udpcsum is the checksum that all know")
REFUSED_WORD(proxy, "answers to ARP and misses for a daemon are the bridge's, or that daemon's, to "
		    "care for; leave it out")
REFUSED_WORD(inner_proto, "GENEVE carries Ethernet frames here and nothing else; leave it out")

int encap_remcsum_parse(void *into, const char *word, struct error *err)
{
	(void)into, (void)word;
	return misuse(err, "remote checksum offload is not done: no standard has it and few "
			   "receivers; leave it out, `encap-csum` is the checksum that all know");
}

int noencap_parse(void *into, const char *word, struct error *err)
{
	(void)word;
	return encap_parse(into, wraps[WRAP_NONE], err);
}
