// SPDX-License-Identifier: GPL-2.0
/*
 * Sends frames into a device as if they had arrived there, and counts them at another.
 *
 *	flood nothing DEV PIN
 *		a program that does nothing, as the first of DEV at tc ingress; where the
 *		kernel has tcx its link is pinned as PIN, else it is a filter
 *	flood push DEV PIN OUT FILE LEN FLAGS
 *		what leaves by DEV gets the first LEN bytes behind the Ethernet header of
 *		the frame in FILE, and that, and goes to OUT. FLAGS: BPF_F_ADJ_ROOM_*
 *	flood pop DEV PIN OUT FILE LEN
 *		what arrives on DEV loses LEN bytes behind the Ethernet header, gets the
 *		one of the frame in FILE, to OUT, and arrives there
 *	flood sink DEV PIN
 *		count what arrives on DEV and drop it; the counter is pinned as PIN
 *	flood read PIN [FILE]
 *		print the count and start anew; FILE gets one of the frames
 *	flood send DEV COUNT FILE [FILE]
 *		send the frame in FILE; prints the nanoseconds it took. A GRE sequence
 *		number in it grows by one. Two of the same form take turns
 *	flood frame FILE LEN SRC DST [LABEL]
 *		write a UDP frame of LEN bytes over IPv4 or IPv6, below an MPLS label if
 *		one is given; MAC addresses left out
 *
 * Frames are injected by live-frame test runs of an XDP program that passes them on: they take the
 * stack's whole way, and nothing but the kernel runs. Frames are counted at tc: an XDP program
 * there would make veth copy every packet.
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

enum {
	/* Frames on their way at once. As many as a processor keeps buffers for (the kernel's
	 * NAPI_SKB_CACHE_SIZE, 64), and what a frame costs depends on where its reserve stood. */
	BATCH = 32,
	IPV6_HDR = 40,
	UDP_HDR = 8,
	MPLS_HDR = 4,
	ETHERTYPE_V6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	HOPS = 64,
	MPLS_BOTTOM = 1 << 8,
};

static int usage(void)
{
	fputs("usage: flood nothing DEV PIN | push DEV PIN OUT FILE LEN FLAGS | pop DEV PIN OUT "
	      "FILE LEN\n"
	      "       flood sink DEV PIN | read PIN [FILE] | send DEV COUNT FILE [FILE]\n"
	      "       flood frame FILE LEN SRC DST [LABEL]\n",
	      stderr);
	return 2;
}

static int complain(const char *what, int err)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(err < 0 ? -err : errno));
	return 1;
}

/* A clsact filter of the program. */
static int filter(unsigned int ifindex, int prog, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = point, .ifindex = ifindex);
	int err = bpf_tc_hook_create(&hook);

	opts.prog_fd = prog;
	return err && err != -EEXIST ? err : bpf_tc_attach(&hook, &opts);
}

static int sink(const char *dev, const char *pin)
{
	struct flood_bpf *skel = flood_bpf__open_and_load();
	int err;

	if (!skel)
		return complain("loading", errno);
	err = filter(if_nametoindex(dev), bpf_program__fd(skel->progs.sink), BPF_TC_INGRESS)
		      ?: bpf_map__pin(skel->maps.bss, pin);
	return err ? complain(dev, err) : 0;
}

/* By tcx, which is younger than the headers, where the kernel has it: as xtun's own programs. */
static int attach(const char *dev, const char *pin, const struct bpf_program *program, bool ingress)
{
	enum { TCX_INGRESS = 46, TCX_EGRESS = 47 };
	enum bpf_attach_type type = (enum bpf_attach_type)(ingress ? TCX_INGRESS : TCX_EGRESS);
	int link, err;

	link = bpf_link_create(bpf_program__fd(program), if_nametoindex(dev), type, NULL);
	err = link < 0 ? filter(if_nametoindex(dev), bpf_program__fd(program),
				ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS)
		       : bpf_obj_pin(link, pin);
	return err ? complain(dev, err) : 0;
}

static int nothing(const char *dev, const char *pin)
{
	struct flood_bpf *skel = flood_bpf__open_and_load();

	return skel ? attach(dev, pin, skel->progs.nothing, true) : complain("loading", errno);
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
		if (!out || fwrite(bss.sample, 1, bss.sample_len, out) != bss.sample_len ||
		    fclose(out))
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

static unsigned int get16(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

/*
 * Offset of the GRE sequence number in a frame, or 0. A receiver takes each number once: a frame
 * that is repeated as it stands would arrive once.
 */
static unsigned int sequence_find(const unsigned char *frame)
{
	unsigned int at = WIRE_ETH_HLEN, proto, flags;

	if (get16(frame + 12) == WIRE_ETH_P_IP) {
		proto = frame[at + 9];
		at += IPV4_HLEN;
	} else if (get16(frame + 12) == ETHERTYPE_V6) {
		proto = frame[at + 6];
		at += IPV6_HDR;
		if (proto == IPPROTO_DSTOPTS) {
			proto = frame[at];
			at += (frame[at + 1] + 1) * 8;
		}
	} else {
		return 0;
	}
	flags = frame[at];
	if (proto != IPPROTO_GRE || !(flags & GRE_SEQ >> 8))
		return 0;
	return at + 4 + (flags & GRE_CSUM >> 8 ? 4 : 0) + (flags & GRE_KEY >> 8 ? 4 : 0);
}

/* The frame in a file; its length, or 0. */
static size_t file_read(unsigned char *frame, size_t size, const char *file)
{
	FILE *in = fopen(file, "r");
	size_t len;

	if (!in) {
		complain(file, errno);
		return 0;
	}
	len = fread(frame, 1, size, in);
	fclose(in);
	if (len < WIRE_ETH_HLEN) {
		fprintf(stderr, "flood: %s: no frame\n", file);
		return 0;
	}
	return len;
}

/* The same as it is sent, with its receiver's address. */
static size_t frame_read(unsigned char *frame, size_t size, const char *file, const char *dev)
{
	size_t len = file_read(frame, size, file);

	if (!len || device_mac(dev, frame))
		return 0;
	memset(frame + 6, 2, 6);
	return len;
}

static int send_frames(const char *dev, const char *count, const char *file, const char *other)
{
	struct flood_bpf *skel = flood_bpf__open();
	struct xdp_md meta = { .ingress_ifindex = if_nametoindex(dev) };
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct timespec now;
	size_t len;
	int err;

	if (!skel)
		return complain("loading", errno);
	/* Only what runs is loaded: nothing pins this object. */
	bpf_program__set_autoload(skel->progs.sink, false);
	bpf_program__set_autoload(skel->progs.floor_push, false);
	bpf_program__set_autoload(skel->progs.floor_pop, false);
	err = flood_bpf__load(skel);
	if (err)
		return complain("loading", err);
	len = frame_read(skel->bss->frame, sizeof(skel->bss->frame) - 1, file, dev);
	if (!len)
		return 1;
	if (other &&
	    frame_read(skel->bss->other, sizeof(skel->bss->other) - 1, other, dev) != len) {
		fprintf(stderr, "flood: %s: not as long as %s\n", other, file);
		return 1;
	}
	skel->bss->alternate = !!other;
	skel->bss->frame_len = len;
	skel->bss->sequence_at = sequence_find(skel->bss->frame);
	/* In microseconds, so that it is ahead of every earlier run's: no packet takes less. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	skel->bss->sequence = now.tv_sec * 1000000 + now.tv_nsec / 1000;
	meta.data_end = len;
	opts.data_in = skel->bss->frame;
	opts.data_size_in = len;
	opts.ctx_in = &meta;
	opts.ctx_size_in = sizeof(meta);
	opts.repeat = strtoul(count, NULL, 10);
	opts.batch_size = BATCH;
	opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.flood), &opts);
	if (err)
		return complain("test run", err);
	/*
	 * The kernel's own mean. The time of the whole call would have the waits for all readers of
	 * the program in it, which end at a tick of the kernel's clock and take longer than 1000
	 * packets.
	 */
	printf("%llu\n", (unsigned long long)opts.duration * opts.repeat);
	flood_bpf__destroy(skel);
	return 0;
}

/* Attach a program of the floor, for @hlen bytes of headers; the frame in @file tells it what to
 * write. */
static int floor_attach(bool pop, const char *dev, const char *pin, const char *out,
			const char *file, unsigned int hlen, unsigned long flags)
{
	struct flood_bpf *skel = flood_bpf__open();
	unsigned char *frame, read[2048];
	size_t len, written = WIRE_ETH_HLEN + (pop ? 0 : hlen);

	if (!skel)
		return complain("loading", errno);
	frame = (unsigned char *)skel->rodata->floor_frame;
	len = pop ? frame_read(read, sizeof(read), file, out) : file_read(read, sizeof(read), file);
	if (!len)
		return 1;
	if (written > sizeof(skel->rodata->floor_frame) - 8 || len < written) {
		fprintf(stderr, "flood: %u bytes of headers are too many\n", hlen);
		return 1;
	}
	memcpy(frame, read, written);
	memcpy(frame + sizeof(skel->rodata->floor_frame) - 8, read + written - 8, 8);
	skel->rodata->floor_hlen = hlen;
	skel->rodata->floor_out = if_nametoindex(out);
	skel->rodata->floor_flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET | flags;
	if (flood_bpf__load(skel))
		return complain("loading", errno);
	return attach(dev, pin, pop ? skel->progs.floor_pop : skel->progs.floor_push, pop);
}

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* RFC 1071, over what `sum` has already. */
static unsigned int sum16(const unsigned char *data, unsigned int len, unsigned int sum)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? data[i] : data[i] << 8;
	return sum;
}

static unsigned int sum_fold(unsigned int sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* An IPv4 or IPv6 header for `len` bytes of UDP behind it; its length, 0 if the addresses are none.
 */
static unsigned int put_ip(unsigned char *ip, unsigned int len, const char *src, const char *dst)
{
	if (inet_pton(AF_INET, src, ip + 12) == 1 && inet_pton(AF_INET, dst, ip + 16) == 1) {
		ip[0] = 0x45;
		put16(ip + 2, len);
		ip[8] = HOPS;
		ip[9] = IPPROTO_UDP;
		put16(ip + 10, sum_fold(sum16(ip, IPV4_HLEN, 0)));
		return IPV4_HLEN;
	}
	if (inet_pton(AF_INET6, src, ip + 8) == 1 && inet_pton(AF_INET6, dst, ip + 24) == 1) {
		ip[0] = 0x60;
		put16(ip + 4, len - IPV6_HDR);
		ip[6] = IPPROTO_UDP;
		ip[7] = HOPS;
		return IPV6_HDR;
	}
	return 0;
}

static int write_frame(const char *file, const char *length, const char *src, const char *dst,
		       const char *label)
{
	unsigned char frame[2048] = {}, *ip = frame + WIRE_ETH_HLEN + (label ? MPLS_HDR : 0), *udp;
	unsigned int len = strtoul(length, NULL, 10), hlen, entry, ulen;
	FILE *out;

	if (len < WIRE_ETH_HLEN + UDP_HDR || len > sizeof(frame))
		return usage();
	hlen = put_ip(ip, frame + len - ip, src, dst);
	if (!hlen || ip + hlen + UDP_HDR > frame + len)
		return usage();
	put16(frame + 12, hlen == IPV6_HDR ? ETHERTYPE_V6 : WIRE_ETH_P_IP);
	if (label) {
		put16(frame + 12, ETHERTYPE_MPLS);
		entry = strtoul(label, NULL, 10) << 12 | MPLS_BOTTOM | HOPS;
		put16(frame + WIRE_ETH_HLEN, entry >> 16);
		put16(frame + WIRE_ETH_HLEN + 2, entry);
	}
	udp = ip + hlen;
	ulen = frame + len - udp;
	put16(udp, 4000);
	put16(udp + 2, 4001);
	put16(udp + 4, ulen);
	/* The addresses stand at the end of both headers. */
	put16(udp + 6, sum_fold(sum16(udp - (hlen == IPV6_HDR ? 32 : 8),
				      ulen + (hlen == IPV6_HDR ? 32 : 8), IPPROTO_UDP + ulen)));
	out = fopen(file, "w");
	if (!out || fwrite(frame, 1, len, out) != len || fclose(out))
		return complain(file, errno);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "nothing"))
		return nothing(argv[2], argv[3]);
	if (argc == 8 && !strcmp(argv[1], "push"))
		return floor_attach(false, argv[2], argv[3], argv[4], argv[5],
				    strtoul(argv[6], NULL, 10), strtoul(argv[7], NULL, 0));
	if (argc == 7 && !strcmp(argv[1], "pop"))
		return floor_attach(true, argv[2], argv[3], argv[4], argv[5],
				    strtoul(argv[6], NULL, 10), 0);
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return sink(argv[2], argv[3]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "read"))
		return read_counter(argv[2], argv[3]);
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "send"))
		return send_frames(argv[2], argv[3], argv[4], argv[5]);
	if ((argc == 6 || argc == 7) && !strcmp(argv[1], "frame"))
		return write_frame(argv[2], argv[3], argv[4], argv[5], argv[6]);
	return usage();
}
