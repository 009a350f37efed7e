// SPDX-License-Identifier: GPL-2.0
/* Options, the verb, the exit status, and the only place that prints an error. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

struct command_line {
	struct options options;
	const char *netns, *batch;
	struct args args;
};

/* `-f FAMILY`. Families other than those of tunnels are refused. */
static int family_parse(struct command_line *line, const char *option, struct error *err)
{
	const char *word = args_next(&line->args);

	if (word && !strcmp(word, "inet"))
		verbs_family = FAMILY_IPV4;
	else if (word && !strcmp(word, "inet6"))
		verbs_family = FAMILY_IPV6;
	else
		return misuse(err, "%s: inet or inet6 is expected", option);
	return 0;
}

/* `-n NS` and `-netns NS` take a value, so do `-b` and `-batch`; flags stand alone. Long spellings
 * as in iproute2. */
static int options_parse(struct command_line *line, struct error *err)
{
	static char *help[] = { "help" }, *version[] = { "version" };

	while (line->args.count && line->args.words[0][0] == '-' && line->args.words[0][1]) {
		const char *word = args_next(&line->args), *name = word + 1 + (word[1] == '-');
		const char **value = NULL;

		if (name_in("j json", name))
			line->options.json = true;
		else if (name_in("s stats statistics", name))
			line->options.stats = true;
		else if (name_in("d details", name))
			line->options.details = true;
		else if (!strcmp(word, "-4"))
			verbs_family = FAMILY_IPV4;
		else if (!strcmp(word, "-6"))
			verbs_family = FAMILY_IPV6;
		else if (name_in("f family", name)) {
			if (family_parse(line, word, err))
				return -1;
		} else if (name_in("n netns", name))
			value = &line->netns;
		else if (name_in("b batch", name))
			value = &line->batch;
		else if (name_in("h help", name))
			line->args = (struct args){ 1, help };
		else if (name_in("V Version version", name))
			line->args = (struct args){ 1, version };
		else
			return misuse(err, "%s: there is no such option; see `xtun help`", word);
		if (!value)
			continue;
		*value = args_next(&line->args);
		if (!*value)
			return misuse(err, "%s: its value is missing", word);
	}
	return 0;
}

static int command_run(struct command_line *line, struct error *err)
{
	const struct verb *verb = NULL;
	char title[64];
	int ret;

	if (line->batch) {
		if (line->args.count)
			return misuse(err, "-b: a command besides a file of commands");
	} else {
		verb = verb_find(&line->args, err);
		if (!verb)
			return -1;
	}
	if (verb && verb->run) {
		ret = verb->run(&line->options, &line->args, err);
		if (ret)
			error_prefix(err, "%s", verb_title(verb, title));
		return ret;
	}
	ret = session_permitted(err);
	if (!ret && line->netns)
		ret = session_enter(line->netns, err);
	if (ret)
		return ret;
	if (verb && verb->show)
		return session_show(verb, &line->args, &line->options, err);
	if (verb && verb->act)
		return session_act(verb, &line->args, err);
	return session_edit(verb, &line->args, line->batch, err);
}

/* What was typed stands in the message as it was, but the message is one line. */
static void error_print(const struct error *err)
{
	const char *at;

	fputs("xtun: ", stderr);
	for (at = err->text; *at; at++)
		fputc(iscntrl((unsigned char)*at) ? '?' : *at, stderr);
	fputc('\n', stderr);
}

int main(int argc, char **argv)
{
	struct command_line line = { .args = { .count = argc - 1, .words = argv + 1 } };
	struct error err = {};

	if (argc < 2) {
		help_overview(stderr);
		return STATUS_USAGE;
	}
	if (options_parse(&line, &err) || command_run(&line, &err)) {
		error_print(&err);
		return err.status ?: STATUS_REFUSED;
	}
	if (fflush(stdout) || ferror(stdout)) {
		perror("xtun: writing the output");
		return STATUS_REFUSED;
	}
	return STATUS_OK;
}
