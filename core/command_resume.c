/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/client.h"
#include "core/command.h"
#include "core/event.h"
#include "core/terminal.h"

static const char usage[] = "usage: postprocessing resume [-c FILE] [-u ID] [-s STEP] [-r]\n"
                            "       postprocessing restart …\n"
                            "Has uploads go on that wait, without waiting longer.\n"
                            "  -u ID    this upload, also if its step is suspended; storage is asked to begin it again if it\n"
                            "           is not known\n"
                            "  -s STEP  all uploads that are in this step, unless it is suspended; `finished`: those that\n"
                            "           storage has not confirmed, which is the default without -u and -s\n"
                            "  -r       with -u: from the first step on\n"
                            OPTION_CONFIG_USAGE;

struct wish {
	const char *id;
	const char *step;
	bool restart;
};

static bool take_option(void *closure, int letter, const char *value)
{
	struct wish *wish = closure;
	if (letter == 'u')
		wish->id = value;
	else if (letter == 's')
		wish->step = value;
	else
		wish->restart = true;
	return true;
}

/* False: with a message on stderr. */
static bool check(struct wish *wish)
{
	if (wish->id != NULL && wish->step != NULL)
		fputs("-u and -s exclude each other\n", stderr);
	else if (wish->restart && wish->id == NULL)
		fputs("-r goes with -u: which upload is to begin again?\n", stderr);
	else if (wish->id != NULL && !upload_id_acceptable(wish->id, strlen(wish->id)))
		terminal_error("invalid upload ID \"%s\"", wish->id);
	else
		return true;
	return false;
}

int command_resume(int argc, char **argv)
{
	struct command_options options;
	struct wish wish = {0};
	struct client client;
	int first = command_read_options(argc, argv, usage, &options, "u:s:r", take_option, &wish);
	if (first < 0)
		return -1 - first;
	if (first < argc)
		fputs(usage, stderr);
	if (first < argc || !check(&wish) || !client_open(&client, options.config_path))
		return EXIT_ERROR;
	struct text message = {0};
	if (wish.id == NULL && wish.step == NULL)
		wish.step = STEP_FINISHED_NAME;
	if (wish.restart)
		event_encode_restart(&message, wish.id, clock_now());
	else
		event_encode_resume(&message, wish.id != NULL ? wish.id : "", wish.step != NULL ? wish.step : "", clock_now());
	natsConnection *connection = client_connect(&client, client.events);
	bool good = connection != NULL && client_publish(&client, connection, &message);
	if (good) /* the service acts on it in its own time */
		puts("asked; `postprocessing list` shows what becomes of it");
	natsConnection_Destroy(connection);
	text_free(&message);
	client_close(&client);
	return good ? EXIT_SUCCESS : EXIT_ERROR;
}
