// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of gauge.bpf.c at their devices.
 *
 *	gauge drop DEV PIN		count what arrives on DEV at XDP and drop it
 *	gauge drop-tc DEV PIN		likewise at tc
 *	gauge pass DEV PIN		leave what arrives at XDP to the stack
 *	gauge redirect DEV PIN OUT	send what arrives on DEV out of OUT
 *	gauge floor DEV PIN OUT [COUNT]	likewise behind an outer header; COUNT (1) destinations are known,
 *					from the one in FLOOR_FIRST on
 *	gauge router|router-out DEV PIN OUT [COUNT]
 *					the same as a router has to do it, and out of a tunnel
 *	gauge read PIN [FILE]		print the count and start anew; FILE gets one of the frames
 *	gauge send OUT COUNT FILE	send the frame in FILE out of OUT; prints the nanoseconds it took
 *
 * What is attached stays until its pin is removed, PIN, and PIN-data for its count.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gauge.skel.h"
#include "wire.h"

enum {
	BATCH = 64,
	SEND_STEP = 16, /* as in gauge.bpf.c */
	FLOOR_FIRST = 10 << 24 | 2 << 16 | 9, /* 10.2.0.9 */
};

static int usage(void)
{
	fputs("usage: gauge drop|drop-tc|pass DEV PIN | redirect DEV PIN OUT | floor|router|router-out DEV PIN OUT [COUNT]\n"
	      "       gauge read PIN [FILE] | send OUT COUNT FILE\n",
	      stderr);
	return 2;
}

static int complain(const char *what, int err)
{
	fprintf(stderr, "gauge: %s: %s\n", what, strerror(err < 0 ? -err : errno));
	return 1;
}

/* Opened and loaded with the one program that is called @name. */
static struct gauge_bpf *load(const char *name, const char *out)
{
	struct gauge_bpf *skel = gauge_bpf__open();
	struct bpf_program *prog;

	if (!skel)
		return NULL;
	if (out && !(skel->rodata->out = if_nametoindex(out)))
		return NULL;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	return gauge_bpf__load(skel) ? NULL : skel;
}

static int attach_xdp(const struct gauge_bpf *skel, const char *name, const char *dev, const char *pin)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, name);
	int fd = bpf_link_create(bpf_program__fd(prog), if_nametoindex(dev), BPF_XDP, &opts);

	return fd < 0 ? fd : bpf_obj_pin(fd, pin);
}

static int attach_tc(const struct gauge_bpf *skel, const char *dev)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	int err;

	hook.ifindex = if_nametoindex(dev);
	bpf_tc_hook_create(&hook);
	opts.flags = BPF_TC_F_REPLACE;
	opts.prog_fd = bpf_program__fd(skel->progs.gauge_drop_tc);
	err = bpf_tc_attach(&hook, &opts);
	return err;
}

/* Outer headers for so many inner destinations, as a tunnel would have them ready. */
static int headers_fill(const struct gauge_bpf *skel, unsigned int count)
{
	unsigned char header[WIRE_ETH_HLEN + IPV4_HLEN] = {
		2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 4, 0, 0, 10, 1, 1, 5, 10, 1, 1, 7,
	};
	unsigned int i, sum = 0;
	__be32 key;
	int err = 0;

	for (i = WIRE_ETH_HLEN; i < sizeof(header); i += 2)
		sum += header[i] << 8 | header[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	header[WIRE_ETH_HLEN + 10] = sum >> 8;
	header[WIRE_ETH_HLEN + 11] = sum;
	for (i = 0; i < count && !err; i++) {
		key = htonl(FLOOR_FIRST + i);
		err = bpf_map_update_elem(bpf_map__fd(skel->maps.headers), &key, header, BPF_ANY);
	}
	return err;
}

static int attach(const char *what, const char *dev, const char *pin, const char *out, const char *known)
{
	static const struct {
		const char *word, *program;
	} programs[] = {
		{ "drop", "gauge_drop" }, { "drop-tc", "gauge_drop_tc" }, { "pass", "gauge_pass" },
		{ "redirect", "gauge_redirect" }, { "floor", "gauge_floor" },
		{ "router", "gauge_router" }, { "router-out", "gauge_router_out" },
	};
	struct gauge_bpf *skel;
	char data[256];
	size_t i;
	int err;

	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(programs[i].word, what))
			break;
	if (i == sizeof(programs) / sizeof(programs[0]) || !if_nametoindex(dev))
		return usage();
	skel = load(programs[i].program, out);
	if (!skel)
		return complain("loading", 0);
	err = headers_fill(skel, known ? strtoul(known, NULL, 10) : 1);
	err = err ?: !strcmp(what, "drop-tc") ? attach_tc(skel, dev)
					      : attach_xdp(skel, programs[i].program, dev, pin);
	snprintf(data, sizeof(data), "%s-data", pin);
	err = err ?: bpf_map__pin(skel->maps.bss, data);
	return err ? complain(dev, err) : 0;
}

static int read_counter(const char *pin, const char *file)
{
	struct gauge_bpf__bss bss;
	int fd, zero = 0, err;
	char data[256];
	FILE *to;

	snprintf(data, sizeof(data), "%s-data", pin);
	fd = bpf_obj_get(data);
	err = fd < 0 ? fd : bpf_map_lookup_elem(fd, &zero, &bss);
	if (err)
		return complain(pin, err);
	printf("%llu\n", (unsigned long long)bss.count);
	if (file) {
		to = fopen(file, "w");
		if (!to || fwrite(bss.sample, 1, bss.sample_len, to) != bss.sample_len || fclose(to))
			return complain(file, 0);
	}
	memset(&bss, 0, sizeof(bss));
	err = bpf_map_update_elem(fd, &zero, &bss, BPF_ANY);
	return err ? complain(pin, err) : 0;
}

static int send_frames(const char *out, const char *count, const char *file)
{
	struct gauge_bpf *skel = load("gauge_send", out);
	struct xdp_md meta = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	size_t len = 0;
	FILE *from = fopen(file, "r");
	int err;

	if (!skel)
		return complain("loading", 0);
	if (from)
		len = fread(skel->bss->frame, 1, sizeof(skel->bss->frame) - 1 - SEND_STEP, from);
	if (len < WIRE_ETH_HLEN)
		return complain(file, 0);
	skel->bss->frame_len = len;
	meta.data_end = len + SEND_STEP;
	opts.data_in = skel->bss->frame;
	opts.data_size_in = len + SEND_STEP;
	opts.ctx_in = &meta;
	opts.ctx_size_in = sizeof(meta);
	opts.repeat = strtoul(count, NULL, 10);
	opts.batch_size = BATCH;
	opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.gauge_send), &opts);
	if (err)
		return complain("test run", err);
	printf("%llu\n", (unsigned long long)opts.duration * opts.repeat);
	gauge_bpf__destroy(skel);
	return 0;
}

int main(int argc, char **argv)
{
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "read"))
		return read_counter(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "send"))
		return send_frames(argv[2], argv[3], argv[4]);
	if (argc >= 4 && argc <= 6)
		return attach(argv[1], argv[2], argv[3], argv[4], argc > 5 ? argv[5] : NULL);
	return usage();
}
