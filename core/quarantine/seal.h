/* SPDX-License-Identifier: Apache-2.0
 * The format of a sealed file: the bytes of an upload, encrypted for the holder of a private key, behind a note about
 * it that anyone can read. The service has the public key only, so it can seal and not open.
 *
 *   offset        bytes
 *   0             8      "ppsealed"
 *   8             4      version: 1; numbers are unsigned and begin with the highest byte
 *   12            4      length of the note
 *   16            32     public key (X25519) that the file is sealed for
 *   48            32     public key that was made for this file
 *   80            …      the note, JSON
 *                 …      chunks: 65536 bytes, encrypted, and a tag of 16 bytes. The last chunk is shorter or as long;
 * it is empty only if it is also the first
 *
 *   D   = SHA-256 of all before the chunks
 *   key = HKDF-SHA256 of the two keys' shared secret (X25519), with the salt D and the info "postprocessing quarantine
 *         1"; 32 bytes
 *   chunk n = AES-256-GCM with this key; nonce: three zero bytes, n from 0 in 8 bytes, and 1 for the last chunk or 0;
 *         associated data: D
 *
 * So every change of the note, and every cut, addition or exchange of chunks is found by the holder of the key.
 * postprocessing-quarantine(5) describes it for people. */
#ifndef CORE_QUARANTINE_SEAL_H
#define CORE_QUARANTINE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SEAL_HEADER 80
#define SEAL_CHUNK 65536
#define SEAL_TAG 16
#define SEAL_KEY 32
#define SEAL_NOTE_LIMIT 32768
#define SEAL_ERROR_SIZE 512

/* Reads an X25519 key from a PEM file: a public one, or a private one (which may have a passphrase, asked for on the
 * terminal). False: failed. */
bool seal_public_key_read(const char *path, unsigned char key[SEAL_KEY], char error[SEAL_ERROR_SIZE]);
bool seal_private_key_read(const char *path, unsigned char key[SEAL_KEY], char error[SEAL_ERROR_SIZE]);

/* How long a sealed file is. */
int64_t seal_size(size_t note_length, int64_t content_length);

/* Writes a sealed file. Each function that can fail returns false then, and the file is of no use. */
struct sealer;
/* Begins the file at its first byte, for the holder of the key. The descriptor is borrowed. NULL: failed. */
struct sealer *sealer_begin(int file, const unsigned char key[SEAL_KEY], const char *note, char error[SEAL_ERROR_SIZE]);
bool sealer_write(struct sealer *sealer, const void *bytes, size_t length, char error[SEAL_ERROR_SIZE]);
/* The content is complete. Nothing is synchronized to the disk. */
bool sealer_end(struct sealer *sealer, char error[SEAL_ERROR_SIZE]);
void sealer_free(struct sealer *sealer); /* NULL is fine */

/* Reads a sealed file. */
struct unsealer;
/* Reads all before the chunks; the descriptor is borrowed. NULL: not a sealed file, or it cannot be read. */
struct unsealer *unsealer_open(int file, char error[SEAL_ERROR_SIZE]);
/* The note, terminated. Nothing proves it before unsealer_read() has returned something. */
const char *unsealer_note(const struct unsealer *unsealer);
/* The public key that the file is sealed for. */
const unsigned char *unsealer_key(const struct unsealer *unsealer);
/* From now on, the content can be read. False: it is another key, or the file is damaged. */
bool unsealer_unlock(struct unsealer *unsealer, const unsigned char private_key[SEAL_KEY], char error[SEAL_ERROR_SIZE]);
/* Only after unsealer_unlock(). Points *bytes at the next bytes, valid until the next call, and returns how many; 0:
 * the file is complete and nothing in it was changed; -1: it is not so, or cannot be read. */
ssize_t unsealer_read(struct unsealer *unsealer, const void **bytes, char error[SEAL_ERROR_SIZE]);
void unsealer_free(struct unsealer *unsealer); /* NULL is fine */

#endif
