// SPDX-License-Identifier: GPL-2.0
/* help, version, completion: all from the rows of verbs.c and mode.c. */
#include <errno.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

static const struct option_row option_rows[] = {
	{ "-n NETNS", "work in that network namespace, as `ip -n`" },
	{ "-b FILE", "carry out the commands in FILE, all of them or none" },
	{ "-j", "print JSON" },
	{ "-s", "with counters" },
	{ "-d", "with details" },
	{ "-4, -6, -f FAMILY",
	  "the outer family, where the rest does not say it (fou, tunnels without a mode)" },
};

const struct option_row *option_row(size_t i)
{
	return i < sizeof(option_rows) / sizeof(option_rows[0]) ? &option_rows[i] : NULL;
}

int version_run(const struct options *options, struct args *args, struct error *err)
{
	int ret = args_end(args, err);

	if (ret)
		return ret;
	if (options->json)
		printf("{\"version\":\"%s\",\"layout\":%d,\"format\":%d}\n", XTUN_VERSION,
		       TUNNEL_LAYOUT, SAVE_FORMAT);
	else
		printf("xtun %s, state layout %d, save format %d\n", XTUN_VERSION, TUNNEL_LAYOUT,
		       SAVE_FORMAT);
	return 0;
}

static void keyword_usage(const struct keyword *row, FILE *out)
{
	fprintf(out, row->value ? "[%s %s]" : "[%s]", row->name, row->value);
}

void help_verb(const struct verb *verb, FILE *out)
{
	char title[64];
	size_t i;

	fprintf(out, "Usage: xtun %s%s%s", verb_title(verb, title), *verb->synopsis ? " " : "",
		verb->synopsis);
	for (i = 0; verb->tunnel_keywords && i < tunnel_keyword_count; i++) {
		fputs(i % 5 ? " " : "\n           ", out);
		keyword_usage(&tunnel_keywords[i], out);
	}
	fprintf(out, "\n%s\n", verb->help);
	for (i = 0; verb->tunnel_keywords && i < tunnel_keyword_count; i++) {
		const struct keyword *row = &tunnel_keywords[i];
		char left[48];

		snprintf(left, sizeof(left), row->value ? "%s %s" : "%s", row->name, row->value);
		fprintf(out, "  %-18s %s%s%s%s\n", left, row->help, row->aliases ? " (also: " : "",
			row->aliases ?: "", row->aliases ? ")" : "");
	}
}

void help_overview(FILE *out)
{
	const struct option_row *option;
	const struct verb *verb;
	char title[64];
	size_t i;

	fputs("Usage: xtun [OPTIONS] COMMAND, or xtun [OPTIONS] -b FILE\n"
	      "Tunnels out of BPF, in the words of iproute2.\n",
	      out);
	for (i = 0; (option = option_row(i)); i++)
		fprintf(out, "  %-10s %s\n", option->usage, option->help);
	fputs("Commands:\n", out);
	for (i = 0; (verb = verb_row(i)); i++)
		fprintf(out, "  %-16s %s\n", verb_title(verb, title), verb->help);
	fputs("`xtun help COMMAND` tells more, `xtun help modes` and `xtun help drops` list both.\n"
	      "Exit status: 0 done, 1 refused by the system or the state, 2 wrong usage.\n",
	      out);
}

static void help_modes(void)
{
	const struct mode *mode;
	size_t i;

	for (i = 0; (mode = mode_row(i)); i++)
		printf("  %-10s %s%s%s%s\n", mode->name, mode->help,
		       mode->aliases[0] ? " (also: " : "", mode->aliases,
		       mode->aliases[0] ? ")" : "");
}

int help_run(const struct options *options, struct args *args, struct error *err)
{
	const char *object = args_next(args), *name;
	const struct verb *verb;
	bool found = false;
	size_t i;

	(void)options;
	if (!object) {
		help_overview(stdout);
		return 0;
	}
	name = args_next(args);
	if (args_end(args, err))
		return -EINVAL;
	if (!name && !strcmp(object, "drops")) {
		output_drops(stdout);
		return 0;
	}
	if (!name && !strcmp(object, "modes")) {
		help_modes();
		return 0;
	}
	for (i = 0; (verb = verb_row(i)); i++)
		if (!strcmp(verb->object, object) &&
		    (!name ||
		     (verb->name && (!strcmp(verb->name, name) || name_in(verb->aliases, name))))) {
			if (found)
				putchar('\n');
			help_verb(verb, stdout);
			found = true;
		}
	return found ? 0
		     : misuse(err, "there is no command `%s%s%s`", object, name ? " " : "",
			      name ?: "");
}

/* For each object its verbs, and for verbs that end with them the keywords of a tunnel. */
static void completion_bash(void)
{
	const struct verb *verb, *other;
	size_t i, j;

	puts("# bash completion for xtun; load it with: eval \"$(xtun completion bash)\"\n"
	     "_xtun()\n"
	     "{\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i=1 words=\n"
	     "\twhile [[ ${COMP_WORDS[i]} == -* && i -lt COMP_CWORD ]]; do\n"
	     "\t\t[[ ${COMP_WORDS[i]} == -[nb] ]] && ((i++))\n"
	     "\t\t((i++))\n"
	     "\tdone\n"
	     "\tlocal object=${COMP_WORDS[i]} verb=${COMP_WORDS[i+1]}\n"
	     "\tcase $prev in\n"
	     "\tdev|attach|detach) ((COMP_CWORD - 1 == i)) && [[ $prev == dev ]] ||\n"
	     "\t\twords=$(ls /sys/class/net) ;;\n"
	     "\t-n) words=$(ip netns list 2>/dev/null | cut -d' ' -f1) ;;\n"
	     "\t-b|restore) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;");
	fputs("\tmode) words='", stdout);
	for (i = 0; mode_row(i); i++)
		printf("%s%s", i ? " " : "", mode_row(i)->name);
	fputs("' ;;\n\ttype) words='", stdout);
	for (i = 0; mode_row(i); i++)
		if (!i || strcmp(mode_row(i - 1)->driver, mode_row(i)->driver))
			printf("%s%s", i ? " " : "", mode_row(i)->driver);
	fputs("' ;;\n\tanchor) words='auto", stdout);
	for (i = 0; anchor_kind_name(i); i++)
		printf(" %s", anchor_kind_name(i));
	fputs("' ;;\n\tesac\n\tif [[ -z $words ]]; then\n\t\tif ((COMP_CWORD == i)); then words='",
	      stdout);
	for (i = 0; (verb = verb_row(i)); i++)
		if (!i || strcmp(verb_row(i - 1)->object, verb->object))
			printf("%s%s", i ? " " : "", verb->object);
	fputs("'\n\t\telif ((COMP_CWORD == i + 1)); then\n\t\t\tcase $object in\n", stdout);
	for (i = 0; (verb = verb_row(i)); i++) {
		if (!verb->name || (i && !strcmp(verb_row(i - 1)->object, verb->object)))
			continue;
		printf("\t\t\t%s) words='", verb->object);
		for (j = i; (other = verb_row(j)) && !strcmp(other->object, verb->object); j++)
			printf("%s%s", j > i ? " " : "", other->name);
		puts("' ;;");
	}
	fputs("\t\t\tesac\n\t\telse\n\t\t\tcase $object-$verb in\n\t\t\t", stdout);
	for (i = j = 0; (verb = verb_row(i)); i++)
		if (verb->tunnel_keywords)
			printf("%s%s-%s", j++ ? "|" : "", verb->object, verb->name);
	fputs(") words='name type", stdout);
	for (i = 0; i < tunnel_keyword_count; i++)
		printf(" %s", tunnel_keywords[i].name);
	puts("' ;;\n"
	     "\t\t\ttunnel-*|link-*|peer-*) words=$(xtun tunnel show 2>/dev/null | cut -d: -f1) "
	     ";;\n"
	     "\t\t\tesac\n\t\tfi\n\tfi\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	     "}\n"
	     "complete -F _xtun xtun");
}

int completion_run(const struct options *options, struct args *args, struct error *err)
{
	const char *shell = args_next(args);

	(void)options;
	if (!shell || strcmp(shell, "bash"))
		return misuse(err, "the shell is expected here: bash");
	if (args_end(args, err))
		return -EINVAL;
	completion_bash();
	return 0;
}
