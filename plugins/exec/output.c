/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <stdlib.h>

bool output_init(struct output *output, size_t size)
{
	*output = (struct output){.last = malloc(size), .size = size};
	if (output->last != NULL)
		output->last[0] = '\0';
	return output->last != NULL;
}

void output_free(struct output *output)
{
	free(output->last);
	output->last = NULL;
}

void output_end(struct output *output)
{
	if (output->ended || output->used == 0)
		return;
	output->ended = true;
	if (output->each != NULL)
		output->each(output->closure, output->last);
}

static void take(struct output *output, char byte)
{
	if (byte == '\n' || byte == '\r') {
		output_end(output);
		return;
	}
	if (output->ended) {
		output->used = 0;
		output->ended = output->cut = false;
	}
	if (output->used + 1 == output->size) {
		output->cut = true;
		return;
	}
	output->last[output->used++] = byte == '\0' ? '?' : byte;
	output->last[output->used] = '\0';
}

void output_take(struct output *output, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		take(output, bytes[i]);
}
