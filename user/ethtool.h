/* SPDX-License-Identifier: GPL-2.0 */
/* What xtun asks of ethtool. */
#ifndef XTUN_ETHTOOL_H
#define XTUN_ETHTOOL_H

/*
 * Switch off everything that lets a device @name be given packets which are not yet as the wire has
 * them: segmentation and checksum offloads of transmission. Returns 0 or a negative errno.
 */
int ethtool_no_offloads(const char *name);

#endif
