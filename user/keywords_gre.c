// SPDX-License-Identifier: GPL-2.0
/* Keywords of GRE and ERSPAN: keys, checksums, numbers, sessions. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "keywords.h"
#include "wire.h"

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

FLAG_PRINT(csum, TUNNEL_ICSUM | TUNNEL_OCSUM, TUNNEL_ICSUM | TUNNEL_OCSUM)
FLAG_PRINT(icsum, TUNNEL_ICSUM | TUNNEL_OCSUM, TUNNEL_ICSUM)
FLAG_PRINT(ocsum, TUNNEL_ICSUM | TUNNEL_OCSUM, TUNNEL_OCSUM)
FLAG_PRINT(seq, TUNNEL_ISEQ | TUNNEL_OSEQ, TUNNEL_ISEQ | TUNNEL_OSEQ)
FLAG_PRINT(iseq, TUNNEL_ISEQ | TUNNEL_OSEQ, TUNNEL_ISEQ)
FLAG_PRINT(oseq, TUNNEL_ISEQ | TUNNEL_OSEQ, TUNNEL_OSEQ)

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

int ikey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)err;
	if (key_take(word, &spec->ikey))
		return -EINVAL;
	spec->flags |= TUNNEL_IKEY;
	return 0;
}

int okey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)err;
	if (key_take(word, &spec->okey))
		return -EINVAL;
	spec->flags |= TUNNEL_OKEY;
	return 0;
}

int key_parse(void *into, const char *word, struct error *err)
{
	return ikey_parse(into, word, err) ?: okey_parse(into, word, err);
}

int noikey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)word, (void)err;
	spec->flags &= ~TUNNEL_IKEY;
	spec->ikey = 0;
	return 0;
}

int nookey_parse(void *into, const char *word, struct error *err)
{
	struct tunnel_spec *spec = into;

	(void)word, (void)err;
	spec->flags &= ~TUNNEL_OKEY;
	spec->okey = 0;
	return 0;
}

int nokey_parse(void *into, const char *word, struct error *err)
{
	return noikey_parse(into, word, err) ?: nookey_parse(into, word, err);
}

static bool key_common(const struct tunnel_spec *spec)
{
	return spec->flags & TUNNEL_IKEY && spec->flags & TUNNEL_OKEY && spec->ikey == spec->okey;
}

int key_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return key_common(spec) && fprintf(out, "%u", ntohl(spec->ikey)) > 0;
}

int ikey_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->flags & TUNNEL_IKEY && !key_common(spec) &&
	       fprintf(out, "%u", ntohl(spec->ikey)) > 0;
}

int okey_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = from;

	return spec->flags & TUNNEL_OKEY && !key_common(spec) &&
	       fprintf(out, "%u", ntohl(spec->okey)) > 0;
}

int erspan_ver_parse(void *into, const char *word, struct error *err)
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

int erspan_ver_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && fprintf(out, "%u", spec->erspan_version) > 0;
}

int erspan_parse(void *into, const char *word, struct error *err)
{
	unsigned long index;

	(void)err;
	if (parse_number(word, 0, ERSPAN_INDEX, &index))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_index = index;
	return 0;
}

int erspan_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && spec->erspan_version == 1 && spec->erspan_index &&
	       fprintf(out, "%u", spec->erspan_index) > 0;
}

int erspan_dir_parse(void *into, const char *word, struct error *err)
{
	(void)err;
	if (strcmp(word, "ingress") && strcmp(word, "egress"))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_egress = !strcmp(word, "egress");
	return 0;
}

int erspan_dir_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && spec->erspan_version == 2 && spec->erspan_egress &&
	       fputs("egress", out) >= 0;
}

int erspan_hwid_parse(void *into, const char *word, struct error *err)
{
	unsigned long hwid;

	(void)err;
	if (parse_number(word, 0, ERSPAN_HWID_MAX, &hwid))
		return -EINVAL;
	((struct tunnel_spec *)into)->erspan_hwid = hwid;
	return 0;
}

int erspan_hwid_print(const void *from, FILE *out)
{
	const struct tunnel_spec *spec = erspan_of(from);

	return spec && spec->erspan_version == 2 && spec->erspan_hwid &&
	       fprintf(out, "%u", spec->erspan_hwid) > 0;
}
