/* SPDX-License-Identifier: GPL-2.0 */
/* What some kernels can do and others cannot, found out by trying. */
#ifndef XTUN_PROBE_H
#define XTUN_PROBE_H

#include <stdbool.h>

/* Whether programs can look routes up by mark (BPF_FIB_LOOKUP_MARK). Who may not try is told yes. */
bool kernel_looks_up_marks(void);

#endif
