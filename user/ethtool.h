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

/* Whether packets that come from device @name may have checksums that are still to be filled in:
 * all but those of hardware that xtun knows to be some. */
bool ethtool_virtual(const char *name);

#endif
