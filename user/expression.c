// SPDX-License-Identifier: GPL-2.0
#include "expression.h"

#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any frame: what an accepted frame is cut to is not the filter's to say. */
enum { SNAPLEN = 262144 };

_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn), "both are classic BPF");

static bool compiles(pcap_t *pcap, const char *text)
{
	struct bpf_program program;

	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN))
		return false;
	pcap_freecode(&program);
	return true;
}

/*
 * libpcap does not say where an error is. The longest beginning that is an expression by itself
 * tells, if there is one: the error is in the word behind it. Returns its length, 0: none.
 */
static size_t understood(pcap_t *pcap, const char *text)
{
	char *begin = strdup(text);
	size_t len = begin ? strlen(begin) : 0;

	while (len) {
		while (len && !isspace((unsigned char)begin[len - 1]))
			len--;
		while (len && isspace((unsigned char)begin[len - 1]))
			len--;
		begin[len] = 0;
		if (len && compiles(pcap, begin))
			break;
	}
	free(begin);
	return len;
}

static int expression_refuse(pcap_t *pcap, const char *text, struct error *err)
{
	char words[PCAP_ERRBUF_SIZE];
	size_t len, word;

	snprintf(words, sizeof(words), "%s", pcap_geterr(pcap));
	len = understood(pcap, text);
	if (!len)
		return misuse(err, "%s", words);
	word = len + strspn(text + len, " ");
	return misuse(err, "%s, at \"%.*s\" behind \"%.*s\"", words, (int)strcspn(text + word, " "),
		      text + word, (int)len, text);
}

int expression_compile(const char *text, struct sock_filter **classic, size_t *count,
		       struct error *err)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct bpf_program program;
	int ret = 0;

	if (!pcap)
		return refuse_kernel(err, -ENOMEM, "compiling the expression");
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		ret = expression_refuse(pcap, text, err);
		goto close;
	}
	*count = program.bf_len;
	*classic = malloc(program.bf_len * sizeof(**classic));
	if (*classic)
		memcpy(*classic, program.bf_insns, program.bf_len * sizeof(**classic));
	else
		ret = refuse_kernel(err, -ENOMEM, "compiling the expression");
	pcap_freecode(&program);
close:
	pcap_close(pcap);
	return ret;
}
