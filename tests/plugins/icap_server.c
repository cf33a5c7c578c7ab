/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/plugins/icap_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAIL 16
#define MEGABYTE ((size_t)1024 * 1024)

/* A connection, and the last bytes that came. */
struct session {
	struct icap_server *server;
	int fd;
	SSL *ssl; /* NULL: plain */
	char bytes[16384];
	int count, next; /* of them */
	char tail[TAIL + 1];
	size_t length, total; /* of the request so far; of the connection since the last request */
};

static bool send_text(const struct session *session, const char *text)
{
	if (text == NULL)
		return false;
	int length = (int)strlen(text);
	if (session->ssl != NULL)
		return length == 0 || SSL_write(session->ssl, text, length) == length;
	return send(session->fd, text, (size_t)length, MSG_NOSIGNAL) == length;
}

unsigned icap_server_answered(struct icap_server *server)
{
	return atomic_fetch_add(&server->answered, 0);
}

/* Reads what there is; false: the connection is over, or the test. */
static bool receive(struct session *session)
{
	struct pollfd wait[2] = {{.fd = session->fd, .events = POLLIN}, {.fd = session->server->stop[0], .events = POLLIN}};
	session->next = session->count = 0;
	if ((session->ssl == NULL || SSL_pending(session->ssl) == 0) && (poll(wait, 2, -1) < 0 || wait[1].revents != 0))
		return false;
	session->count = session->ssl != NULL ? SSL_read(session->ssl, session->bytes, sizeof session->bytes)
	                                      : (int)recv(session->fd, session->bytes, sizeof session->bytes, 0);
	icap_server_answered(session->server);
	return session->count > 0;
}

/* Reads one byte; false: as above. */
static bool read_byte(struct session *session)
{
	if (session->next >= session->count && !receive(session))
		return false;
	char byte = session->bytes[session->next++];
	memmove(session->tail, session->tail + 1, TAIL - 1);
	session->tail[TAIL - 1] = byte;
	if (session->length < sizeof session->server->request - 1)
		session->server->request[session->length] = byte;
	session->length++;
	session->total++;
	if (session->server->habit == TLS_NEW_KEYS && session->length % MEGABYTE == 0)
		return SSL_key_update(session->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(session->ssl) == 1;
	return true;
}

static bool ends_with(const struct session *session, const char *text)
{
	return session->length >= strlen(text) && memcmp(session->tail + TAIL - strlen(text), text, strlen(text)) == 0;
}

/* Reads up to one of the texts. */
static bool read_up_to(struct session *session, const char *text, const char *other)
{
	while (read_byte(session)) {
		if (session->server->early > 0 && session->total >= session->server->early)
			return true;
		if (ends_with(session, text) || (other != NULL && ends_with(session, other)))
			return true;
	}
	return false;
}

/* The answer to a whole request. False: the connection is over. */
static bool send_answer(struct session *session)
{
	static const char part[] = "\x17\x03\x03\x00\x20 a record of 32 by",
					  whole[] = "\x17\x03\x03\x00\x20 a record of 32 bytes, but forged";
	const struct icap_server *server = session->server;
	size_t length = session->length < sizeof server->request ? session->length : sizeof server->request;
	bool found = server->found != NULL && memmem(server->request, length, "EICAR-STANDARD", 14) != NULL;
	const char *answer = found ? server->found : server->answer;
	atomic_fetch_add(&session->server->answered, 1);
	switch (session->server->habit) {
	case TLS_CUT:
		send(session->fd, part, sizeof part - 1, MSG_NOSIGNAL);
		return false;
	case TLS_GARBAGE:
		send(session->fd, whole, sizeof whole - 1, MSG_NOSIGNAL);
		return false;
	case TLS_RENEGOTIATES:
		if (SSL_renegotiate(session->ssl) != 1 || SSL_do_handshake(session->ssl) != 1)
			return false;
		break;
	case TLS_PROPER:
	case TLS_ABRUPT:
	case TLS_NEW_KEYS:
		break;
	}
	return send_text(session, answer);
}

/* Serves one request. False: the connection is over. */
static bool serve_one(struct session *session)
{
	struct icap_server *server = session->server;
	session->length = session->total = 0;
	if (!read_up_to(session, "\r\n\r\n", NULL))
		return false;
	server->request[session->length < sizeof server->request ? session->length : sizeof server->request - 1] = '\0';
	if (strncmp(server->request, "OPTIONS", 7) == 0) {
		atomic_fetch_add(&server->asked, 1);
		return send_text(session, server->options);
	}
	atomic_fetch_add(&server->requests, 1);
	bool preview = strstr(server->request, "\r\nPreview: ") != NULL;
	if (!read_up_to(session, "\r\n0\r\n\r\n", "0; ieof\r\n\r\n"))
		return false;
	bool cut = server->early > 0 && session->total >= server->early;
	if (preview && !cut && !ends_with(session, "ieof\r\n\r\n") && server->preview != NULL) {
		if (!send_text(session, server->preview))
			return false;
		if (strstr(server->preview, " 100 ") == NULL)
			return !server->closes;
		if (!read_up_to(session, "\r\n0\r\n\r\n", NULL))
			return false;
	}
	return send_answer(session) && !server->closes && !cut;
}

static bool begin_tls(struct session *session)
{
	struct icap_server *server = session->server;
	if (server->tls == NULL)
		return true;
	session->ssl = SSL_new(server->tls);
	if (session->ssl == NULL || SSL_set_fd(session->ssl, session->fd) != 1 || SSL_accept(session->ssl) != 1)
		return false;
	atomic_fetch_add(&server->handshakes, 1);
	if (SSL_session_reused(session->ssl) == 1)
		atomic_fetch_add(&server->resumed, 1);
	return true;
}

static void serve_connection(struct session *session)
{
	struct icap_server *server = session->server;
	if (begin_tls(session)) {
		while (serve_one(session))
			;
		if (session->ssl != NULL && server->habit == TLS_PROPER)
			SSL_shutdown(session->ssl);
	}
	/* What was sent is to arrive, although not all was read. */
	shutdown(session->fd, SHUT_WR);
	char rest[4096];
	struct pollfd look[2] = {{.fd = session->fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
	while (poll(look, 2, -1) > 0 && look[1].revents == 0 && recv(session->fd, rest, sizeof rest, 0) > 0)
		;
	SSL_free(session->ssl);
	ERR_clear_error();
	close(session->fd);
}

static void *serve(void *closure)
{
	struct icap_server *server = closure;
	sigset_t pipe_signal;
	/* Of this thread alone: the module has to do without. */
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	for (;;) {
		struct pollfd wait[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
		if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
			return NULL;
		struct session session = {.server = server, .fd = accept(server->listener, NULL, NULL)};
		if (session.fd < 0)
			continue;
		atomic_fetch_add(&server->connections, 1);
		serve_connection(&session);
	}
}

static void prepare_tls(struct icap_server *server)
{
	BIO *certificate = BIO_new_mem_buf(server->certificate, -1), *key = BIO_new_mem_buf(server->key, -1);
	X509 *x509 = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
	EVP_PKEY *pair = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	server->tls = SSL_CTX_new(TLS_server_method());
	ck_assert(server->tls != NULL && x509 != NULL && pair != NULL);
	ck_assert_int_eq(SSL_CTX_use_certificate(server->tls, x509), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(server->tls, pair), 1);
	/* The tests offer old versions too. */
	SSL_CTX_set_security_level(server->tls, 0);
	ck_assert_int_eq(SSL_CTX_set_min_proto_version(server->tls, TLS1_VERSION), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(server->tls, server->most), 1);
	X509_free(x509);
	EVP_PKEY_free(pair);
	BIO_free(certificate);
	BIO_free(key);
}

void icap_server_start(struct icap_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(server->listener, 0);
	ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(server->listener, 16), 0);
	ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	ck_assert_int_eq(pipe(server->stop), 0);
	if (server->certificate != NULL)
		prepare_tls(server);
	snprintf(server->url, sizeof server->url, "icap_url=%s://127.0.0.1:%u/scan", server->tls != NULL ? "icaps" : "icap",
	         ntohs(address.sin_port));
	ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
}

void icap_server_stop(struct icap_server *server)
{
	ck_assert_int_eq(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	SSL_CTX_free(server->tls);
	close(server->listener);
	close(server->stop[0]);
	close(server->stop[1]);
}
