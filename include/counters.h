/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a packet was not carried. One list: the enum for BPF; for user space the names that users
 * read, the direction, and the sentence that `xtun help drops` prints. Appending is compatible;
 * anything else is a new layout (tunnel.h).
 */
#ifndef XTUN_COUNTERS_H
#define XTUN_COUNTERS_H

/* X(name, direction, what it means) */
#define XTUN_DROPS(X)                                                                              \
	X(inner_proto, TX, "the mode does not carry this kind of inner packet")                    \
	X(inner_length, TX, "the inner packet is shorter than its own header")                     \
	X(no_peer, TX, "remote any, and nothing says who owns the inner destination")              \
	X(gso, TX, "a packet to be cut later met a checksum or number that each segment has anew") \
	X(encap_limit, TX, "the inner packet may not be encapsulated once more (RFC 2473)")        \
	X(no_route, TX, "no route to the remote address")                                          \
	X(loop, TX, "the route to the remote address leads back into the tunnel")                  \
	X(too_big, TX, "longer than the path carries; who set DF was told so by ICMP")             \
	X(push_failed, TX, "the kernel refused to make room for the outer header")                 \
	X(outer_length, RX, "the outer header promises more bytes than arrived")                   \
	X(outer_checksum, RX, "the outer header's checksum is wrong")                              \
	X(outer_options, RX, "the outer header has a source route, or options that are broken")    \
	X(payload_proto, RX, "inside is something that the mode does not carry")                   \
	X(payload_length, RX, "the packet inside is longer than the outer one, or has no header")  \
	X(wrap_header, RX,                                                                         \
	  "the UDP or GUE header is broken, or has fields that may not be ignored")                \
	X(wrap_checksum, RX, "the outer UDP checksum is wrong")                                    \
	X(payload_checksum, RX,                                                                    \
	  "the GRE checksum is wrong, or there or missing against agreement")                      \
	X(sequence, RX, "the sequence number is missing or older than what came before")           \
	X(segments, RX,                                                                            \
	  "several UDP datagrams in one packet, wrapped, which this kernel cannot part")           \
	X(wrong_remote, RX,                                                                        \
	  "the outer source is not the remote of any tunnel at the local address")                 \
	X(ecn, RX, "congestion was marked outside on a packet whose sender does not know ECN")     \
	X(pop_failed, RX, "the kernel refused to remove the outer header")                         \
	X(wrong_peer, RX, "the outer source is not the peer that owns the inner source")           \
	X(vlan, RX, "XDP took it out of a tagged frame whose tag the device hid from XDP")         \
	X(flood, TX, "a copy of a frame for another peer did not come to be: no memory, or a full queue") \
	X(source_mac, RX,                                                                          \
	  "the frame's source is a group, nobody, or the tunnel's own device: a loop")             \
	X(options, RX,                                                                             \
	  "GENEVE options that are broken, or one that may not be ignored and is not known")

/* clang-format off */
enum drop {
#define XTUN_DROP_ENUM(name, direction, text) DROP_##name,
	XTUN_DROPS(XTUN_DROP_ENUM)
#undef XTUN_DROP_ENUM
	DROP_MAX,
};
/* clang-format on */

enum direction { DIRECTION_TX, DIRECTION_RX };

#endif
