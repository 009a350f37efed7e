/* SPDX-License-Identifier: GPL-2.0 */
/* Finding the BPF file system that outlives the command. */
#ifndef XTUN_BPFFS_H
#define XTUN_BPFFS_H

#include <stdbool.h>

#include "log.h"

/*
 * Open xtun's directory in the BPF file system at /sys/fs/bpf of the mount namespace of process 1:
 * that of the command itself may be a private one with a fresh /sys, which `ip netns exec` makes
 * and which goes with the command. @create: mount the file system and make the directory where they
 * are missing; without it *@fd is -1 then. Returns 0 or a negative errno with @err.
 */
int bpffs_open(bool create, int *fd, struct error *err);

#endif
