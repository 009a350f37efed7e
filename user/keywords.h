/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rows of tunnel_keywords[] call, by the files that have it. Each parser takes the word
 * behind the keyword into a struct tunnel_spec, and returns 0 or -EINVAL, with the sentence in @err
 * where the row's own would not do; each printer writes it, and returns whether there is something
 * to write (struct keyword in args.h).
 */
#ifndef XTUN_KEYWORDS_H
#define XTUN_KEYWORDS_H

#include "mode.h"

/* Words without a value: flags of the tunnel that they set and clear. */
#define FLAG_WORD(name, set, clear)                                                                \
	int name##_parse(void *into, const char *word, struct error *err)                          \
	{                                                                                          \
		struct tunnel_spec *spec = into;                                                   \
                                                                                                   \
		(void)word, (void)err;                                                             \
		spec->flags = (spec->flags | (set)) & ~(clear);                                    \
		return 0;                                                                          \
	}

/* Printed when of the flags @all exactly those of @set are there. */
#define FLAG_PRINT(name, all, set)                                                                 \
	int name##_print(const void *from, FILE *out)                                              \
	{                                                                                          \
		(void)out;                                                                         \
		return (((const struct tunnel_spec *)from)->flags & (all)) == (set);               \
	}

/* Words without a value that set a member. */
#define MEMBER_WORD(name, member, value)                                                           \
	int name##_parse(void *into, const char *word, struct error *err)                          \
	{                                                                                          \
		(void)word, (void)err;                                                             \
		((struct tunnel_spec *)into)->member = value;                                      \
		return 0;                                                                          \
	}

/* Keywords of the kernel's drivers that mean something else here, or nothing. */
#define REFUSED_WORD(name, text)                                                                   \
	int name##_parse(void *into, const char *word, struct error *err)                          \
	{                                                                                          \
		(void)into, (void)word;                                                            \
		return misuse(err, text);                                                          \
	}

/* keywords_common.c: what most modes have */
int mode_parse(void *into, const char *word, struct error *err);
int local_parse(void *into, const char *word, struct error *err);
int remote_parse(void *into, const char *word, struct error *err);
int dev_parse(void *into, const char *word, struct error *err);
int ttl_parse(void *into, const char *word, struct error *err);
int tos_parse(void *into, const char *word, struct error *err);
int pmtudisc_parse(void *into, const char *word, struct error *err);
int nopmtudisc_parse(void *into, const char *word, struct error *err);
int ignore_df_parse(void *into, const char *word, struct error *err);
int noignore_df_parse(void *into, const char *word, struct error *err);
int dscp_parse(void *into, const char *word, struct error *err);
int flowlabel_parse(void *into, const char *word, struct error *err);
int encaplimit_parse(void *into, const char *word, struct error *err);
int nothing_parse(void *into, const char *word, struct error *err);
int fwmark_parse(void *into, const char *word, struct error *err);
int sites_parse(void *into, const char *word, struct error *err);
int localremote_parse(void *into, const char *word, struct error *err);
int external_parse(void *into, const char *word, struct error *err);
int srccheck_parse(void *into, const char *word, struct error *err);
int nosrccheck_parse(void *into, const char *word, struct error *err);
int learning_parse(void *into, const char *word, struct error *err);
int nolearning_parse(void *into, const char *word, struct error *err);
int ageing_parse(void *into, const char *word, struct error *err);
int anchor_parse(void *into, const char *word, struct error *err);
int mode_print(const void *from, FILE *out);
int local_print(const void *from, FILE *out);
int remote_print(const void *from, FILE *out);
int dev_print(const void *from, FILE *out);
int ttl_print(const void *from, FILE *out);
int tos_print(const void *from, FILE *out);
int nopmtudisc_print(const void *from, FILE *out);
int ignore_df_print(const void *from, FILE *out);
int dscp_print(const void *from, FILE *out);
int flowlabel_print(const void *from, FILE *out);
int encaplimit_print(const void *from, FILE *out);
int fwmark_print(const void *from, FILE *out);
int nosrccheck_print(const void *from, FILE *out);
int nolearning_print(const void *from, FILE *out);
int ageing_print(const void *from, FILE *out);
int anchor_print(const void *from, FILE *out);

/* keywords_gre.c: GRE and ERSPAN */
int key_parse(void *into, const char *word, struct error *err);
int ikey_parse(void *into, const char *word, struct error *err);
int okey_parse(void *into, const char *word, struct error *err);
int nokey_parse(void *into, const char *word, struct error *err);
int noikey_parse(void *into, const char *word, struct error *err);
int nookey_parse(void *into, const char *word, struct error *err);
int csum_parse(void *into, const char *word, struct error *err);
int icsum_parse(void *into, const char *word, struct error *err);
int ocsum_parse(void *into, const char *word, struct error *err);
int nocsum_parse(void *into, const char *word, struct error *err);
int noicsum_parse(void *into, const char *word, struct error *err);
int noocsum_parse(void *into, const char *word, struct error *err);
int seq_parse(void *into, const char *word, struct error *err);
int iseq_parse(void *into, const char *word, struct error *err);
int oseq_parse(void *into, const char *word, struct error *err);
int noseq_parse(void *into, const char *word, struct error *err);
int noiseq_parse(void *into, const char *word, struct error *err);
int nooseq_parse(void *into, const char *word, struct error *err);
int erspan_ver_parse(void *into, const char *word, struct error *err);
int erspan_parse(void *into, const char *word, struct error *err);
int erspan_dir_parse(void *into, const char *word, struct error *err);
int erspan_hwid_parse(void *into, const char *word, struct error *err);
int key_print(const void *from, FILE *out);
int ikey_print(const void *from, FILE *out);
int okey_print(const void *from, FILE *out);
int csum_print(const void *from, FILE *out);
int icsum_print(const void *from, FILE *out);
int ocsum_print(const void *from, FILE *out);
int seq_print(const void *from, FILE *out);
int iseq_print(const void *from, FILE *out);
int oseq_print(const void *from, FILE *out);
int erspan_ver_print(const void *from, FILE *out);
int erspan_print(const void *from, FILE *out);
int erspan_dir_print(const void *from, FILE *out);
int erspan_hwid_print(const void *from, FILE *out);

/* keywords_wrap.c: UDP */
int encap_parse(void *into, const char *word, struct error *err);
int noencap_parse(void *into, const char *word, struct error *err);
int encap_sport_parse(void *into, const char *word, struct error *err);
int encap_dport_parse(void *into, const char *word, struct error *err);
int encap_csum_parse(void *into, const char *word, struct error *err);
int noencap_csum_parse(void *into, const char *word, struct error *err);
int encap_remcsum_parse(void *into, const char *word, struct error *err);
int id_parse(void *into, const char *word, struct error *err);
int dstport_parse(void *into, const char *word, struct error *err);
int srcport_parse(void *into, const char *word, struct error *err);
int df_parse(void *into, const char *word, struct error *err);
int udpcsum_parse(void *into, const char *word, struct error *err);
int noudpcsum_parse(void *into, const char *word, struct error *err);
int udp6_tx_parse(void *into, const char *word, struct error *err);
int noudp6_tx_parse(void *into, const char *word, struct error *err);
int udp6_rx_parse(void *into, const char *word, struct error *err);
int noudp6_rx_parse(void *into, const char *word, struct error *err);
int maxaddress_parse(void *into, const char *word, struct error *err);
int options_more(void *into, const char *word, struct error *err);
int options_parse(void *into, const char *word, struct error *err);
int group_parse(void *into, const char *word, struct error *err);
int extension_parse(void *into, const char *word, struct error *err);
int remcsum_parse(void *into, const char *word, struct error *err);
int proxy_parse(void *into, const char *word, struct error *err);
int inner_proto_parse(void *into, const char *word, struct error *err);
int encap_print(const void *from, FILE *out);
int encap_sport_print(const void *from, FILE *out);
int encap_dport_print(const void *from, FILE *out);
int encap_csum_print(const void *from, FILE *out);
int noencap_csum_print(const void *from, FILE *out);
int id_print(const void *from, FILE *out);
int dstport_print(const void *from, FILE *out);
int srcport_print(const void *from, FILE *out);
int df_print(const void *from, FILE *out);
int udpcsum_print(const void *from, FILE *out);
int udp6_tx_print(const void *from, FILE *out);
int udp6_rx_print(const void *from, FILE *out);
int options_print(const void *from, FILE *out);

#endif
