/* SPDX-License-Identifier: GPL-2.0 */
/* One sentence about what went wrong, made where it is known and printed once, by main. */
#ifndef XTUN_LOG_H
#define XTUN_LOG_H

/* Exit status of the command. */
enum status { STATUS_OK = 0, STATUS_REFUSED = 1, STATUS_USAGE = 2 };

struct error {
	enum status status;
	char text[512];
};

/*
 * Fill in @err, replacing what it said. Returns @ret, a negative errno, so that `return
 * refuse(...)` reads well. refuse: the system or the state does not allow it. misuse: the words are
 * wrong; always -EINVAL.
 */
int refuse(struct error *err, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int misuse(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As refuse(), with what the kernel's error means behind it: `TEXT: no such device`. */
int refuse_kernel(struct error *err, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put `CONTEXT: ` before the text of @err. */
void error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print `xtun: warning: ...`: the command goes on. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
