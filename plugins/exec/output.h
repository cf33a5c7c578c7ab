/* SPDX-License-Identifier: Apache-2.0
 * What a command writes: its last line is kept, and each line can be passed on. */
#ifndef PLUGINS_EXEC_OUTPUT_H
#define PLUGINS_EXEC_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct output {
	char *last;                                    /* the last line that is not empty */
	size_t size, used;                             /* `size` bytes of a line are kept */
	bool ended;                                    /* the line is complete */
	bool cut;                                      /* the line was longer */
	void (*each)(void *closure, const char *line); /* NULL: none */
	void *closure;
};

/* False: out of memory. */
bool output_init(struct output *output, size_t size);
void output_free(struct output *output);
void output_take(struct output *output, const char *bytes, size_t length);
/* No more comes. */
void output_end(struct output *output);

#endif
