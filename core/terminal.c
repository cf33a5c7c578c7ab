/* SPDX-License-Identifier: Apache-2.0 */
#include "core/terminal.h"

void terminal_print(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < 0x20 || c == 0x7f)
			fprintf(to, "\\x%02x", c);
		else
			putc(c, to);
	}
}
