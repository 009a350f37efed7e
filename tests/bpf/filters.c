// SPDX-License-Identifier: GPL-2.0
/*
 * filters - what the kernel says about frames with the translated filter, beside what libpcap's own
 * interpreter says with the classic one
 *
 * Frames of many kinds are cut and damaged at random, always in the same way; each goes through
 * both as it is, and with a VLAN tag that the kernel has taken off. What the quick beginning says
 * of frames by itself is right, and it does not leave many to the rest. Prints a result line per
 * expression.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expression.h"
#include "filter.h"

/* libpcap's, whose header has a struct bpf_insn of its own. */
unsigned int bpf_filter(const void *insns, const unsigned char *frame, unsigned int wire_len,
			unsigned int len);

/* The kernel takes no IPv6 frame that is shorter. */
enum { LEN_MIN = 54, FRAME_MAX = 512, TAG = 4, MACS = 12, FRAMES = 300 };

#define FAR "ether[60000] = 1 or ip"

static const char *const expressions[] = {
	"",
	"ip",
	"ip6",
	"arp",
	"rarp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"tcp port 80",
	"udp port 53",
	"port 53",
	"src port 80",
	"dst port 443",
	"portrange 1000-2000",
	"tcp dst portrange 80-443",
	"host 10.1.1.5",
	"src host 10.1.1.5",
	"dst host 10.1.1.7",
	"net 10.1.0.0/16",
	"src net 10.0.0.0/8 and not dst net 10.1.1.0/24",
	"host fd01::5",
	"net fd01::/64",
	"host 10.1.1.5 and tcp port 80",
	"host 10.1.1.5 and not port 22",
	"tcp and (port 80 or port 443)",
	"(host 10.1.1.5 or host 10.1.1.6) and udp",
	"host 10.1.1.5 or host fd01::5 or arp",
	"not (tcp or udp)",
	"ether host 02:00:00:00:00:01",
	"ether src 02:00:00:00:00:01",
	"ether dst ff:ff:ff:ff:ff:ff",
	"ether broadcast",
	"ether multicast",
	"ether proto 0x88cc",
	"ether proto 0x8847",
	"broadcast or multicast",
	"ip multicast or ip6 multicast",
	"greater 200",
	"less 100",
	"len > 128 and len <= 256",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack == 0",
	"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
	"icmp[icmptype] == icmp-echo",
	"icmp6[0] == 128",
	"ip[6:2] & 0x1fff != 0",
	"ip[8] < 5",
	"ip[0] & 0xf > 5",
	"ip6[6] == 58",
	"ip proto 47",
	"ip proto 4 or ip proto 41",
	"udp[8:4] = 0x12345678",
	"udp[4:2] / 3 > 10",
	"ip[2:2] % 7 == 3",
	"ip[2:2] / ip[9] > 5",
	"ip[2:2] * 3 ^ 0x55 > 300",
	"ip[2:2] << ip[9] = 0",
	"ip[2:2] >> ip[8] = 0",
	"1 << ip[8] > 4",
	"ether[10:4] & 0xffff = 0x8100",
	"ether[11:2] & 0xff = 0x81",
	"ether[12:2] = 0x8100 or ether[12:4] = 0x8100000a",
	"ether[13] = 0 and ether[14:2] & 0xfff < 100",
	"ether[14:4] & 0xffff = 0x0800",
	"ip6[50] = 1 or ether[52] = 3",
	"ether[ether[20] & 0xf:2] > 0x100",
	"ether[ether[20] & 0x1f:4] & 0x80808080 = 0",
	FAR,
	"vlan",
	"vlan 10",
	"vlan 10 and tcp port 80",
	"vlan and vlan 20 and udp",
	"tcp port 80 or (vlan and tcp port 80)",
	"vlan and host 10.1.1.5",
	"mpls",
	"mpls 100 and host 10.1.1.5",
	"pppoes",
	"pppoes and ip",
	"geneve",
	"stp",
	"iso",
	"sctp port 80",
	"ip and tcp and port 80 and src net 10.0.0.0/8 and dst net 10.0.0.0/8 and len > 60",
	"ip[12] ^ ip[16] = ip[13] + ip[17] or -ip[8] < 0xffffff00",
};

static unsigned int seed = 1;

static unsigned int random_below(unsigned int limit)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % limit;
}

/* Addresses, ports and flags that the expressions name, often enough. */
static size_t frame_ip4(unsigned char *at, int proto)
{
	static const unsigned char ports[][2] = { { 0, 80 }, { 1, 187 }, { 0, 53 }, { 5, 220 } };
	size_t i;

	memcpy(at, "\x45\0\0\x64\0\1\0\0\x40\0\0\0\x0a\1\1\5\x0a\1\1\7", 20);
	at[3] = random_below(256);
	at[8] = random_below(70);
	at[9] = proto;
	at[15] = 5 + random_below(3);
	at[19] = 5 + random_below(3);
	if (!random_below(8))
		at[7] = 9;
	memcpy(at + 20, ports[random_below(4)], 2);
	memcpy(at + 22, ports[random_below(4)], 2);
	for (i = 24; i < 90; i++)
		at[i] = random_below(256);
	if (!random_below(3))
		memcpy(at + 28, "\x12\x34\x56\x78", 4);
	return 90;
}

static size_t frame_ip6(unsigned char *at, int proto)
{
	memcpy(at, "\x60\0\0\0\0\x28\0\x40\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\5", 24);
	memcpy(at + 24, "\xfd\1\0\0\0\0\0\0\0\0\0\0\0\0\0\7", 16);
	at[6] = proto;
	at[23] = 5 + random_below(2);
	if (!random_below(4)) {
		at[6] = 0; /* hop-by-hop options in between */
		memset(at + 40, 0, 8);
		at[40] = proto;
		memcpy(at + 48, "\0\x50\1\xbb", 4);
		return 80;
	}
	memcpy(at + 40, "\x80\x50\0\x35", 4);
	memset(at + 44, random_below(256), 40);
	return 84;
}

static size_t frame_make(unsigned char *frame)
{
	static const unsigned char protos[] = { 6, 17, 1, 47, 4, 132, 41, 58 };
	static const unsigned char types[][2] = { { 8, 6 },       { 0x88, 0xcc }, { 0x88, 0x47 },
						  { 0x88, 0x64 }, { 0, 38 },      { 0x80, 0x35 } };
	size_t len = MACS, i;

	memset(frame, 0, FRAME_MAX);
	memcpy(frame,
	       random_below(4) ? "\2\0\0\0\0\1\2\0\0\0\0\2"
			       : "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1",
	       MACS);
	for (i = random_below(8); i > 5; i--) {
		memcpy(frame + len, i == 7 ? "\x88\xa8\0\x14" : "\x81\0\0\x0a", TAG);
		len += TAG;
	}
	switch (random_below(5)) {
	case 0:
	case 1:
		memcpy(frame + len, "\x08", 2);
		len += 2;
		len += frame_ip4(frame + len, protos[random_below(8)]);
		break;
	case 2:
		memcpy(frame + len, "\x86\xdd", 2);
		len += 2;
		len += frame_ip6(frame + len, protos[random_below(8)]);
		break;
	default:
		memcpy(frame + len, types[random_below(6)], 2);
		len += 2;
		memcpy(frame + len, "\0\6\x41\x40", 4);
		len += 4;
		len += frame_ip4(frame + len, protos[random_below(8)]);
	}
	for (i = random_below(4); i > 2; i--)
		frame[MACS + random_below(len - MACS)] = random_below(256);
	if (!random_below(3))
		len = LEN_MIN + random_below(len > LEN_MIN ? len - LEN_MIN : 1);
	else if (!random_below(3))
		len = 60 + random_below(FRAME_MAX - 60 - TAG);
	return len;
}

static struct bpf_insn insn(unsigned char code, int dst, int src, int off, int imm)
{
	return (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

enum { QUICK = 2 };

/*
 * A program that gives the frame to the filter: without @tag as it is, with it after one has been
 * put beside the packet, as a device does that takes it off. Returns what the filter does, but
 * QUICK for frames that its quick beginning did not want.
 */
static int program_load(const struct filter *filter, const unsigned char *tag)
{
	const struct bpf_insn unwanted[] = {
		insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, QUICK),
		insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct bpf_insn *insns = calloc(filter->quick_count + filter->count + 16, sizeof(*insns));
	static char log[1 << 16];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	size_t count = 0, quick;
	int fd;

	insns[count++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	if (tag) {
		insns[count++] =
			insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, tag[0] | tag[1] << 8);
		insns[count++] =
			insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, tag[2] << 8 | tag[3]);
		insns[count++] = insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_vlan_push);
		insns[count++] = insn(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	}
	quick = filter_quick(filter, insns + count, unwanted, 2);
	count += quick;
	if (!quick) {
		insns[count++] = insn(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1);
		insns[count++] = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	memcpy(insns + count, filter->insns, filter->count * sizeof(*insns));
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "filter", "GPL", insns, count + filter->count,
			   &opts);
	if (fd < 0)
		fprintf(stderr, "%s", log);
	free(insns);
	return fd;
}

/* Whether the frame matches; counts in @quick those of which the beginning says that they do not.
 */
static int program_run(int fd, const unsigned char *frame, size_t len, int *quick)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len);
	int ret = bpf_prog_test_run_opts(fd, &opts);

	if (ret || opts.retval != QUICK)
		return ret ? ret : (int)opts.retval;
	++*quick;
	return 0;
}

static int differs(const char *text, const char *how, int is, int should_be,
		   const unsigned char *frame, size_t len)
{
	size_t i;

	if (is == should_be)
		return 0;
	printf("FAIL filter \"%s\": says %d, libpcap %d, of a frame of %zu bytes%s:", text, is,
	       should_be, len, how);
	for (i = 0; i < len && i < 64; i++)
		printf(" %02x", frame[i]);
	printf("\n");
	return 1;
}

static int expression_check(const char *text)
{
	static const unsigned char tag[TAG] = { 0x81, 0, 0, 10 };
	unsigned char frame[FRAME_MAX], tagged[FRAME_MAX + TAG];
	int plain, with_tag, i, failed = 0, matches = 0, quick = 0, quick_tagged = 0;
	struct sock_filter *classic;
	struct filter filter;
	const char *why = "?";
	struct error err;
	size_t count, len;

	if (expression_compile(text, &classic, &count, &err))
		return printf("FAIL filter \"%s\": %s\n", text, err.text), 1;
	if (filter_translate(classic, count, &filter, &why)) {
		free(classic);
		return printf("FAIL filter \"%s\": %s\n", text, why), 1;
	}
	plain = program_load(&filter, NULL);
	with_tag = program_load(&filter, tag);
	if (plain < 0 || with_tag < 0)
		failed = printf("FAIL filter \"%s\": the kernel refuses it\n", text);
	for (i = 0; i < FRAMES && !failed; i++) {
		int want;

		len = frame_make(frame);
		want = !!bpf_filter(classic, frame, len, len);
		matches += want;
		failed =
			differs(text, "", program_run(plain, frame, len, &quick), want, frame, len);
		memcpy(tagged, frame, MACS);
		memcpy(tagged + MACS, tag, TAG);
		memcpy(tagged + MACS + TAG, frame + MACS, len - MACS);
		if (!failed)
			failed = differs(text, " with a tag",
					 program_run(with_tag, frame, len, &quick_tagged),
					 !!bpf_filter(classic, tagged, len + TAG, len + TAG),
					 tagged, len + TAG);
	}
	/* It does not reach as far as one of them looks. */
	if (!failed && strcmp(text, FAR) && 10 * quick < 9 * (FRAMES - matches))
		failed = printf(
			"FAIL filter \"%s\": of %d frames that do not match it says so of %d\n",
			text, FRAMES - matches, quick);
	if (!failed)
		printf("ok filter \"%s\", %zu and %zu instructions for %zu, %d of %d frames, "
		       "refused at once %d\n",
		       text, filter.quick_count, filter.count, count, matches, FRAMES, quick);
	close(plain);
	close(with_tag);
	filter_free(&filter);
	free(classic);
	return !!failed;
}

int main(void)
{
	int failed = 0;
	size_t i;

	for (i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		failed |= expression_check(expressions[i]);
	return failed;
}
