/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/base64.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/encoding.h"

char *base64_bytes(const char *encoded, size_t *length)
{
	size_t digits = strlen(encoded);
	char *bytes = malloc(BASE64_BYTES(digits) + 1);
	if (bytes == NULL || !base64_decode(encoded, digits, bytes, length)) {
		free(bytes);
		return NULL;
	}
	bytes[*length] = '\0';
	return bytes;
}
