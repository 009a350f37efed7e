/* SPDX-License-Identifier: GPL-2.0 */
/* What xtun asks of ethtool. */
#ifndef XTUN_ETHTOOL_H
#define XTUN_ETHTOOL_H

#include <stdbool.h>

/* Switch off everything that lets a device @name be given packets longer than the wire has them.
 * Returns 0 or a negative errno. */
int ethtool_no_segmentation(const char *name);

/* Whether device @name takes VLAN tags off frames before XDP could see them. */
bool ethtool_hides_vlans(const char *name);

#endif
