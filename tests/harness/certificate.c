/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/harness/certificate.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void take_text(BIO *bio, char text[PEM_SIZE])
{
	int length = BIO_read(bio, text, PEM_SIZE - 1);
	ck_assert_int_gt(length, 0);
	text[length] = '\0';
	BIO_free(bio);
}

static void add_extension(X509 *x509, int kind, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

void certificate_make(char certificate[PEM_SIZE], char key[PEM_SIZE])
{
	certificate_make_as("IP:127.0.0.1", 3600, certificate, key);
}

void certificate_make_as(const char *name, long until, char certificate[PEM_SIZE], char key[PEM_SIZE])
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	ck_assert_ptr_nonnull(pair);
	ck_assert_ptr_nonnull(x509);
	ck_assert_int_eq(X509_set_version(x509, X509_VERSION_3), 1);
	ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(x509), -7200));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(x509), until));
	X509_NAME *subject = X509_get_subject_name(x509);
	ck_assert_int_eq(
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"storage of a test", -1, -1, 0),
		1);
	ck_assert_int_eq(X509_set_issuer_name(x509, subject), 1);
	ck_assert_int_eq(X509_set_pubkey(x509, pair), 1);
	add_extension(x509, NID_subject_alt_name, name);
	add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
	ck_assert_int_gt(X509_sign(x509, pair, EVP_sha256()), 0);
	BIO *text = BIO_new(BIO_s_mem());
	ck_assert_int_eq(PEM_write_bio_X509(text, x509), 1);
	take_text(text, certificate);
	text = BIO_new(BIO_s_mem());
	ck_assert_int_eq(PEM_write_bio_PrivateKey(text, pair, NULL, NULL, 0, NULL, NULL), 1);
	take_text(text, key);
	X509_free(x509);
	EVP_PKEY_free(pair);
}
