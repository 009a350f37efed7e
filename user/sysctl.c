// SPDX-License-Identifier: GPL-2.0
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"

#define LO_FORWARDING6 "/proc/sys/net/ipv6/conf/lo/forwarding"

/* The value of a setting as text, in @size bytes of @text. */
static int value_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, size - 1);
	if (len < 0)
		ret = -errno;
	else
		text[len] = 0;
	close(fd);
	return ret;
}

static int value_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int sysctl_lo_forwarding6_get(bool *on)
{
	char text[16];
	int ret = value_read(LO_FORWARDING6, text, sizeof(text));

	if (!ret)
		*on = atoi(text);
	return ret;
}

/* The setting accept_ra of one device, which keeps its default route while forwarding changes. */
struct accept_ra {
	char path[64 + IFNAMSIZ];
	char before[16];
};

static bool accept_ra_raise(__u32 ifindex, struct accept_ra *saved)
{
	char name[IFNAMSIZ];

	if (!if_indextoname(ifindex, name))
		return false;
	snprintf(saved->path, sizeof(saved->path), "/proc/sys/net/ipv6/conf/%s/accept_ra", name);
	return !value_read(saved->path, saved->before, sizeof(saved->before)) &&
	       atoi(saved->before) != 2 && !value_write(saved->path, "2");
}

int sysctl_lo_forwarding6_set(bool on)
{
	struct accept_ra *saved = NULL;
	__u32 *ifindexes = NULL;
	size_t count = 0, raised = 0, i;
	int ret = 0;

	if (on)
		ret = netlink_advertised(&ifindexes, &count);
	if (!ret && count) {
		saved = calloc(count, sizeof(*saved));
		ret = saved ? 0 : -ENOMEM;
	}
	for (i = 0; i < count && !ret; i++)
		raised += accept_ra_raise(ifindexes[i], &saved[raised]);
	ret = ret ?: value_write(LO_FORWARDING6, on ? "1" : "0");
	while (raised--)
		value_write(saved[raised].path, saved[raised].before);
	free(saved);
	free(ifindexes);
	return ret;
}

bool sysctl_forwarding(const char *name)
{
	static const char *const families[] = { "ipv4", "ipv6" };
	char path[64 + IFNAMSIZ], text[16];
	bool on = false;
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", families[i],
			 name);
		on |= !value_read(path, text, sizeof(text)) && atoi(text);
	}
	return on;
}

int sysctl_port_range(__u16 *low, __u16 *high)
{
	unsigned int from, to;
	char text[32];
	int ret = value_read("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text));

	if (ret)
		return ret;
	if (sscanf(text, "%u %u", &from, &to) != 2 || from > to || to > 65535)
		return -EINVAL;
	*low = from;
	*high = to;
	return 0;
}

bool cpu_online(unsigned int cpu)
{
	FILE *file = fopen("/sys/devices/system/cpu/online", "re");
	unsigned int first, last;
	bool online = false;
	int separator = ',';

	/* `0-3,5`. Where nobody tells, the kernel will. */
	if (!file)
		return true;
	while (separator == ',' && fscanf(file, "%u", &first) == 1) {
		last = first;
		separator = fgetc(file);
		if (separator == '-' && fscanf(file, "%u", &last) == 1)
			separator = fgetc(file);
		online |= cpu >= first && cpu <= last;
	}
	fclose(file);
	return online;
}
