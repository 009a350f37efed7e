// SPDX-License-Identifier: GPL-2.0
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int request(int fd, const char *name, void *data)
{
	struct ifreq ifr = { .ifr_data = data };

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

/* How many features the kernel knows. */
static int features_count(int fd, const char *name, __u32 *count)
{
	union {
		struct ethtool_sset_info info;
		__u32 words[sizeof(struct ethtool_sset_info) / sizeof(__u32) + 1];
	} sets = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
	int ret = request(fd, name, &sets);

	*count = sets.info.sset_mask ? sets.info.data[0] : 0;
	return ret;
}

/* ethtool's names of what lets packets through that are yet to be cut. Checksums stay with the
 * device: without them, kernels before 6.11 refuse UDP_SEGMENT to sockets (udp_send_skb()). */
static bool offload(const char *feature)
{
	return !strncmp(feature, "tx-", 3) &&
	       (strstr(feature, "segmentation") || strstr(feature, "gso"));
}

static int features_off(int fd, const char *name, __u32 count)
{
	__u32 words = (count + 31) / 32, i;
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + count * ETH_GSTRING_LEN);
	struct ethtool_sfeatures *set =
		calloc(1, sizeof(*set) + words * sizeof(struct ethtool_set_features_block));
	int ret = -ENOMEM;

	if (names && set) {
		names->cmd = ETHTOOL_GSTRINGS;
		names->string_set = ETH_SS_FEATURES;
		names->len = count;
		ret = request(fd, name, names);
	}
	for (i = 0; !ret && i < count; i++)
		if (offload((char *)names->data + i * ETH_GSTRING_LEN))
			set->features[i / 32].valid |= 1U << i % 32;
	if (!ret) {
		set->cmd = ETHTOOL_SFEATURES;
		set->size = words;
		ret = request(fd, name, set);
	}
	free(names);
	free(set);
	return ret;
}

int ethtool_no_segmentation(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;
	__u32 count = 0;

	if (fd < 0)
		return -errno;
	ret = features_count(fd, name, &count);
	ret = ret ?: features_off(fd, name, count);
	close(fd);
	return ret;
}

bool ethtool_hides_vlans(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };

	if (fd < 0)
		return false;
	ret = request(fd, name, &flags);
	close(fd);
	return !ret && flags.data & ETH_FLAG_RXVLAN;
}

bool ethtool_virtual(const char *name)
{
	/* Drivers whose device is on a bus, and is another machine's software all the same. */
	static const char *const halves[] = { "virtio_net", "vif", "xen_netfront" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	size_t i;

	if (fd < 0)
		return true;
	ret = request(fd, name, &info);
	close(fd);
	for (i = 0; i < sizeof(halves) / sizeof(halves[0]); i++)
		if (!strcmp(info.driver, halves[i]))
			return true;
	return ret || !info.bus_info[0] || !strcmp(info.bus_info, "N/A");
}
