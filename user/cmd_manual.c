// SPDX-License-Identifier: GPL-2.0
/* The manual page, from the rows that parse and explain: it cannot know other words than they do.
 */
#include <errno.h>
#include <stdarg.h>

#include "verbs.h"

/* Text as roff takes it: hyphens that can be typed, no escapes, no line that looks like a request.
 */
static void roff(const char *text)
{
	const char *at;

	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (at = text; *at; at++)
		switch (*at) {
		case '-':
			fputs("\\-", stdout);
			break;
		case '\\':
			fputs("\\e", stdout);
			break;
		case '`':
			fputs("\\(ga", stdout);
			break;
		case '\'':
			fputs("\\(aq", stdout);
			break;
		default:
			putchar(*at);
		}
}

/* A paragraph that hangs from its first line, which is bold: words up to a NULL, with blanks. */
static void entry(const char *word, ...)
{
	const char *more;
	va_list words;

	fputs(".TP\n\\fB", stdout);
	roff(word);
	va_start(words, word);
	while ((more = va_arg(words, const char *)))
		if (*more) {
			putchar(' ');
			roff(more);
		}
	va_end(words);
	puts("\\fR");
}

static void sentence(const char *text, const char *aliases)
{
	roff(text);
	if (aliases && *aliases) {
		fputs(" (also: ", stdout);
		roff(aliases);
		putchar(')');
	}
	putchar('\n');
}

static void commands(void)
{
	const struct verb *verb;
	char title[64];
	size_t i;

	puts(".SH COMMANDS\nAn object without a verb means its \\fBshow\\fR.");
	for (i = 0; (verb = verb_row(i)); i++) {
		entry("xtun", verb_title(verb, title), verb->synopsis,
		      verb->tunnel_keywords ? "[KEYWORDS]" : "", NULL);
		sentence(verb->help, verb->aliases);
	}
}

static void keywords(void)
{
	size_t i;

	puts(".SH KEYWORDS OF A TUNNEL\nThey are those of iproute2, and are matched whole.");
	for (i = 0; i < tunnel_keyword_count; i++) {
		entry(tunnel_keywords[i].name, tunnel_keywords[i].value ?: "", NULL);
		sentence(tunnel_keywords[i].help, tunnel_keywords[i].aliases);
	}
}

static void modes(void)
{
	const struct mode *mode;
	size_t i;

	puts(".SH MODES");
	for (i = 0; (mode = mode_row(i)); i++) {
		entry(mode->name, NULL);
		sentence(mode->help, mode->aliases);
	}
}

static void drops(void)
{
#define DROP_ENTRY(name, direction, text)                                                          \
	entry(#name, "(" #direction ")", NULL);                                                    \
	sentence(text, NULL);
	puts(".SH DROPS\nWhy packets are not carried, as \\fBxtun \\-s tunnel show\\fR counts "
	     "them.");
	XTUN_DROPS(DROP_ENTRY)
#undef DROP_ENTRY
#define DROP_ENTRY(name, text)                                                                     \
	entry(#name, "(mirror)", NULL);                                                            \
	sentence(text, NULL);
	puts(".SH DROPS OF MIRRORS\nWhy frames are not copied, as \\fBxtun \\-s mirror show\\fR "
	     "counts them.");
	XTUN_MIRROR_DROPS(DROP_ENTRY)
#undef DROP_ENTRY
}

static void page(void)
{
	const struct option_row *option;
	size_t i;

	puts(".TH XTUN 8 \"\" \"xtun " XTUN_VERSION "\"\n"
	     ".SH NAME\nxtun \\- tunnels out of BPF, in the words of iproute2\n"
	     ".SH SYNOPSIS\n\\fBxtun\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR\n.br\n"
	     "\\fBxtun\\fR [\\fIOPTIONS\\fR] \\fB\\-b\\fR \\fIFILE\\fR\n"
	     ".SH DESCRIPTION\n"
	     "xtun makes tunnels out of BPF programs where the kernel has drivers. A tunnel is a "
	     "network device, which addresses, routes and firewalls use as they use a tunnel of "
	     "the kernel's. On the wire it is what the kernel's driver of the mode sends, and "
	     "either end may be the kernel's. Nothing runs in the background: programs and maps "
	     "are pinned, one directory for each network namespace.\n.PP\n"
	     "Every command is carried out whole or not at all, also when it is killed halfway: "
	     "the next one finishes or undoes it.\n"
	     ".SH OPTIONS");
	for (i = 0; (option = option_row(i)); i++) {
		entry(option->usage, NULL);
		sentence(option->help, NULL);
	}
	commands();
	keywords();
	modes();
	drops();

	puts(".SH EXIT STATUS\n0 done, 1 refused by the system or the state, 2 wrong usage. What "
	     "is "
	     "wrong is said in one line on the standard error.\n"
	     ".SH EXAMPLE\n.nf\n"
	     "xtun tunnel add tun1 mode ipip local 10.1.1.5 remote 10.1.1.7 ttl 64\n"
	     "ip addr add 172.16.0.6 peer 172.16.0.8 dev tun1\n"
	     "ip link set tun1 up\n"
	     "xtun \\-s tunnel show\n.fi\n"
	     ".SH FILES\n.TP\n/sys/fs/bpf/xtun\nmaps, programs and links; \\fBxtun flush\\fR "
	     "removes "
	     "those of a namespace\n"
	     ".SH SEE ALSO\n\\fBip\\-tunnel\\fR(8), \\fBip\\-link\\fR(8), \\fBip\\-fou\\fR(8), "
	     "\\fBtc\\fR(8)");
}

int manual_run(const struct options *options, struct args *args, struct error *err)
{
	(void)options;
	if (args_end(args, err))
		return -EINVAL;
	page();
	return 0;
}
