// SPDX-License-Identifier: GPL-2.0
/*
 * Sends frames into a device as if they had arrived there, and counts them at another.
 *
 *	flood sink DEV PIN		count what arrives on DEV and drop it; the counter is pinned as PIN
 *	flood read PIN [FILE]		print the count and start anew; FILE gets the first frame
 *	flood send DEV COUNT FILE	send the frame in FILE; prints the nanoseconds it took
 *	flood frame FILE LEN SRC DST	write a UDP frame of LEN bytes, MAC addresses left out
 *
 * Frames are injected by live-frame test runs of an XDP program that passes them on: they take the stack's whole way, and
 * nothing but the kernel runs. Frames are counted at tc: an XDP program there would make veth copy every packet.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "flood.skel.h"
#include "wire.h"

enum { BATCH = 64 };

static int usage(void)
{
	fputs("usage: flood sink DEV PIN | read PIN [FILE] | send DEV COUNT FILE | frame FILE LEN SRC DST\n", stderr);
	return 2;
}

static int complain(const char *what, int err)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(err < 0 ? -err : errno));
	return 1;
}

static int sink(const char *dev, const char *pin)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	struct flood_bpf *skel = flood_bpf__open_and_load();
	int err;

	hook.ifindex = if_nametoindex(dev);
	if (!skel)
		return complain("loading", errno);
	err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		return complain(dev, err);
	opts.prog_fd = bpf_program__fd(skel->progs.sink);
	err = bpf_tc_attach(&hook, &opts) ?: bpf_map__pin(skel->maps.bss, pin);
	return err ? complain(dev, err) : 0;
}

static int read_counter(const char *pin, const char *file)
{
	int fd = bpf_obj_get(pin), zero = 0, err;
	struct flood_bpf__bss bss;
	FILE *out;

	if (fd < 0)
		return complain(pin, fd);
	err = bpf_map_lookup_elem(fd, &zero, &bss);
	if (err)
		return complain(pin, err);
	printf("%llu\n", (unsigned long long)bss.count);
	if (file) {
		out = fopen(file, "w");
		if (!out || fwrite(bss.sample, 1, bss.sample_len, out) != bss.sample_len || fclose(out))
			return complain(file, errno);
	}
	memset(&bss, 0, sizeof(bss));
	err = bpf_map_update_elem(fd, &zero, &bss, BPF_ANY);
	return err ? complain(pin, err) : 0;
}

static int device_mac(const char *dev, unsigned char *mac)
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(request.ifr_name, dev, sizeof(request.ifr_name) - 1);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		return complain(dev, errno);
	close(fd);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}

static int send_frames(const char *dev, const char *count, const char *file)
{
	struct flood_bpf *skel = flood_bpf__open();
	struct xdp_md meta = { .ingress_ifindex = if_nametoindex(dev) };
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct timespec from, to;
	unsigned char *frame;
	FILE *in = fopen(file, "r");
	size_t len;
	int err;

	if (!skel || !in)
		return complain(skel ? file : "loading", errno);
	/* Only what runs is loaded: nothing pins this object. */
	bpf_program__set_autoload(skel->progs.sink, false);
	err = flood_bpf__load(skel);
	if (err)
		return complain("loading", err);
	frame = skel->bss->frame;
	len = fread(frame, 1, sizeof(skel->bss->frame) - 1, in);
	fclose(in);
	if (device_mac(dev, frame))
		return 1;
	memset(frame + 6, 2, 6);
	skel->bss->frame_len = len;
	meta.data_end = len;
	opts.data_in = frame;
	opts.data_size_in = len;
	opts.ctx_in = &meta;
	opts.ctx_size_in = sizeof(meta);
	opts.repeat = strtoul(count, NULL, 10);
	opts.batch_size = BATCH;
	opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	clock_gettime(CLOCK_MONOTONIC, &from);
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.flood), &opts);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (err)
		return complain("test run", err);
	printf("%lld\n", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
	flood_bpf__destroy(skel);
	return 0;
}

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static int write_frame(const char *file, const char *length, const char *src, const char *dst)
{
	unsigned char frame[2048] = {}, *ip = frame + WIRE_ETH_HLEN, *udp = ip + IPV4_HLEN;
	unsigned int len = strtoul(length, NULL, 10), sum = 0, i;
	FILE *out;

	if (len < WIRE_ETH_HLEN + IPV4_HLEN + 8 || len > sizeof(frame) || inet_pton(AF_INET, src, ip + 12) != 1 ||
	    inet_pton(AF_INET, dst, ip + 16) != 1)
		return usage();
	put16(frame + 12, WIRE_ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, len - WIRE_ETH_HLEN);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	for (i = 0; i < IPV4_HLEN; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~(sum + (sum >> 16)));
	put16(udp, 4000);
	put16(udp + 2, 4001);
	put16(udp + 4, len - WIRE_ETH_HLEN - IPV4_HLEN);
	out = fopen(file, "w");
	if (!out || fwrite(frame, 1, len, out) != len || fclose(out))
		return complain(file, errno);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return sink(argv[2], argv[3]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "read"))
		return read_counter(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "send"))
		return send_frames(argv[2], argv[3], argv[4]);
	if (argc == 6 && !strcmp(argv[1], "frame"))
		return write_frame(argv[2], argv[3], argv[4], argv[5]);
	return usage();
}
