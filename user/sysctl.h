/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of the network namespace that only /proc/sys has. Functions return 0 or a negative
 * errno; -ENOENT: this kernel has no such thing.
 */
#ifndef XTUN_SYSCTL_H
#define XTUN_SYSCTL_H

#include <linux/types.h>
#include <stdbool.h>

/*
 * net.ipv6.conf.lo.forwarding. Switching it on makes the kernel forget all default routes that came
 * by router advertisements (rt6_purge_dflt_routers()), but for devices with accept_ra 2: those that
 * have such routes get that value for the moment.
 */
int sysctl_lo_forwarding6_get(bool *on);
int sysctl_lo_forwarding6_set(bool on);

/* Whether packets that arrive on device @name are forwarded, of IPv4 or of IPv6. */
bool sysctl_forwarding(const char *name);

/* net.ipv4.ip_local_port_range. */
int sysctl_port_range(__u16 *low, __u16 *high);

/* Whether a CPU runs. */
bool cpu_online(unsigned int cpu);

#endif
