/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct tls {
	SSL_CTX *context;
	BIO_METHOD *transport;
	pthread_mutex_t lock;
	SSL_SESSION *session; /* of the last connection, behind the lock; NULL: none */
};

/* The library's own transport writes without MSG_NOSIGNAL: a scanner that closes would send this process SIGPIPE. */
static int transport_write(BIO *bio, const char *bytes, int length)
{
	ssize_t sent = send(*(int *)BIO_get_data(bio), bytes, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	BIO_clear_retry_flags(bio);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)sent;
}

static int transport_read(BIO *bio, char *bytes, int length)
{
	ssize_t count = recv(*(int *)BIO_get_data(bio), bytes, (size_t)length, MSG_DONTWAIT);
	BIO_clear_retry_flags(bio);
	if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		BIO_set_retry_read(bio);
	return (int)count;
}

static long transport_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int transport_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

/* The server has sent a session for a later connection. Returns 1 to take it over. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	pthread_mutex_lock(&tls->lock);
	SSL_SESSION *old = tls->session;
	tls->session = session;
	pthread_mutex_unlock(&tls->lock);
	SSL_SESSION_free(old);
	return 1;
}

/* With TLS 1.3, a session is used once, and the server sends others. */
static SSL_SESSION *take_session(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	SSL_SESSION *session = tls->session;
	if (session != NULL && SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
		tls->session = NULL;
	else if (session != NULL)
		SSL_SESSION_up_ref(session);
	pthread_mutex_unlock(&tls->lock);
	return session;
}

/* The certificate must be for this name or address. */
static bool expect_name(SSL_CTX *context, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool prepare_context(struct tls *tls, const char *host)
{
	SSL_CTX *context = tls->context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 || !expect_name(context, host))
		return false;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_app_data(context, tls);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	return true;
}

static bool prepare_transport(struct tls *tls)
{
	tls->transport = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "scanner");
	return tls->transport != NULL && BIO_meth_set_write(tls->transport, transport_write) == 1 &&
	       BIO_meth_set_read(tls->transport, transport_read) == 1 &&
	       BIO_meth_set_ctrl(tls->transport, transport_control) == 1 &&
	       BIO_meth_set_create(tls->transport, transport_create) == 1;
}

static bool trust(SSL_CTX *context, const char *ca, char *why, size_t size)
{
	if (ca == NULL && SSL_CTX_set_default_verify_paths(context) == 1)
		return true;
	if (ca != NULL && SSL_CTX_load_verify_file(context, ca) == 1)
		return true;
	if (ca != NULL)
		snprintf(why, size, "cannot read certificates (PEM) from %s", ca);
	else
		snprintf(why, size, "cannot read the system's certificates");
	return false;
}

struct tls *tls_create(const struct endpoint *endpoint, const char *ca, char *why, size_t size)
{
	struct tls *tls = calloc(1, sizeof *tls);
	snprintf(why, size, "out of memory");
	if (tls == NULL)
		return NULL;
	if (pthread_mutex_init(&tls->lock, NULL) != 0) {
		free(tls);
		return NULL;
	}
	if (prepare_context(tls, endpoint->host) && prepare_transport(tls) && trust(tls->context, ca, why, size))
		return tls;
	ERR_clear_error();
	tls_destroy(tls);
	return NULL;
}

void tls_destroy(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_SESSION_free(tls->session);
	SSL_CTX_free(tls->context);
	BIO_meth_free(tls->transport);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

/* The name that a server with several certificates needs. There is none for an address. */
static bool send_name(SSL *ssl)
{
	const char *host = X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 0);
	return host == NULL || SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_begin(struct tls *tls, int *fd)
{
	SSL *ssl = SSL_new(tls->context);
	BIO *bio = BIO_new(tls->transport);
	if (ssl == NULL || bio == NULL || !send_name(ssl)) {
		SSL_free(ssl);
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, fd);
	SSL_set_bio(ssl, bio, bio);
	SSL_SESSION *session = take_session(tls);
	if (session != NULL)
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
	return ssl;
}

bool tls_explain(SSL *ssl, const char *fallback, char *why, size_t size)
{
	long verified = SSL_get_verify_result(ssl);
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);
	bool wrong = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER;
	if (verified != X509_V_OK)
		snprintf(why, size, "its certificate is not accepted: %s", X509_verify_cert_error_string(verified));
	else if (wrong)
		snprintf(why, size, "it does not speak TLS");
	else if (reason != NULL)
		snprintf(why, size, "TLS: %s", reason);
	else
		snprintf(why, size, "%s", fallback);
	ERR_clear_error();
	return verified == X509_V_OK && (wrong || reason == NULL);
}
