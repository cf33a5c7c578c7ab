/* SPDX-License-Identifier: Apache-2.0
 * Signatures of webhooks as the specification "Standard Webhooks" has them: base64 of HMAC-SHA256 over
 * "ID.TIMESTAMP.BODY". */
#ifndef PLUGINS_HTTP_SIGNATURE_H
#define PLUGINS_HTTP_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#define SECRET_SIZE 512
/* "v1," and 44 digits. */
#define SIGNATURE_SIZE 64

struct secret {
	unsigned char bytes[SECRET_SIZE];
	size_t length; /* 0: nothing is signed */
};

/* "whsec_" and base64, or any other text, which is taken as it is. False: neither, or too long. */
bool secret_parse(struct secret *secret, const char *text);
void secret_clear(struct secret *secret);

/* The value of the header webhook-signature. False: it cannot be made. */
bool signature_make(const struct secret *secret, const char *id, const char *timestamp, const void *body, size_t length,
                    char text[SIGNATURE_SIZE]);

#endif
