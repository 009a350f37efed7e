/* SPDX-License-Identifier: GPL-2.0 */
/* Command lines that edit a configuration in memory, one or many. Returns 0 or a negative errno
 * with @err. */
#ifndef XTUN_BATCH_H
#define XTUN_BATCH_H

#include "model.h"

/* All lines of @text; an error names @source and the line. */
int batch_text(struct model *model, const char *text, const char *source, struct error *err);

/* As batch_text() with the contents of a file, `-`: standard input. */
int batch_file(struct model *model, const char *path, struct error *err);

/* Read the file @path, - is standard input, as a string that the caller frees; and how to call it.
 */
int file_text(const char *path, char **text, struct error *err);
const char *file_name(const char *path);

#endif
