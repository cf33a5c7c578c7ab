/* SPDX-License-Identifier: Apache-2.0
 * What the TLS connections to one scanner share: which certificates are trusted, the name that the scanner's
 * certificate must have, and the last session, which makes the next handshake short. */
#ifndef VIRUSSCAN_TLS_H
#define VIRUSSCAN_TLS_H

#include <openssl/ssl.h>

#include "endpoint.h"

struct tls;

/* `ca` is the path of a file with the trusted certificates (PEM); NULL: those of the system. Returns NULL if it cannot
 * be read; the reason is in why[size]. */
struct tls *tls_create(const struct endpoint *endpoint, const char *ca, char *why, size_t size);

/* NULL: nothing happens. Its connections are closed before. */
void tls_destroy(struct tls *tls);

/* One side of a connection over the socket *fd, which the caller closes and which must not move. Its handshake verifies
 * the certificate. NULL: out of memory. */
SSL *tls_begin(struct tls *tls, int *fd);

/* Why the handshake or the connection failed. `fallback`: what to say if TLS has nothing to say. True: the other side
 * may not speak TLS at all. */
bool tls_explain(SSL *ssl, const char *fallback, char *why, size_t size);

#endif
