// SPDX-License-Identifier: GPL-2.0
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void error_format(struct error *err, enum status status, const char *format, va_list args)
{
	err->status = status;
	vsnprintf(err->text, sizeof(err->text), format, args);
}

int refuse(struct error *err, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_format(err, STATUS_REFUSED, format, args);
	va_end(args);
	return ret;
}

int misuse(struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_format(err, STATUS_USAGE, format, args);
	va_end(args);
	return -EINVAL;
}

/* What the kernel means by an error in this program's context; strerror() for the rest. */
static const char *kernel_words(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "the kernel does not permit it; run as root, with CAP_NET_ADMIN and CAP_BPF";
	case EOPNOTSUPP:
		return "this kernel does not support it";
	case ENOMEM:
		return "no memory left for it";
	case E2BIG:
		return "the table is full";
	default:
		return strerror(error);
	}
}

int refuse_kernel(struct error *err, int ret, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	error_format(err, STATUS_REFUSED, format, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", kernel_words(-ret));
	return ret;
}

void error_prefix(struct error *err, const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return;
	snprintf(text + len, sizeof(text) - len, ": %.*s", (int)(sizeof(text) - len - 3),
		 err->text);
	memcpy(err->text, text, sizeof(text));
}

void warn(const char *format, ...)
{
	va_list args;

	fputs("xtun: warning: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
