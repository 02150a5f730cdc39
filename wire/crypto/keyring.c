/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/crypto/keyring.h"

#include "base/assert.h"
#include "base/limits.h"
#include "wire/cursor.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL_PRE        "peal1 pre"
#define LABEL_TX         "peal1 tx"
#define HEX_DIGITS_COUNT ((size_t)2 * PEAL_KEYRING_PSK_SIZE)
/* 64 digits, carriage return, line feed. */
#define FILE_SIZE_MAX (HEX_DIGITS_COUNT + 2U)
#define INFO_SIZE_MAX 64U
#define SHA256_SIZE   32U

_Static_assert(sizeof(LABEL_PRE) + PEAL_NAME_SIZE_MAX <= INFO_SIZE_MAX, "a name fits");
_Static_assert(sizeof(LABEL_TX) + 32U <= INFO_SIZE_MAX, "two ids fit");

struct sentence {
	char *text;
	size_t capacity;
};

/* Writes the reason and says no. */
__attribute__((format(printf, 2, 3))) static bool
refuse(struct sentence sentence, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(sentence.text, sentence.capacity, format, arguments);
	va_end(arguments);
	return false;
}

static bool
check_file(int file, const char *path, struct sentence sentence)
{
	struct stat status;

	if (fstat(file, &status) != 0) {
		return refuse(
			sentence, "cannot examine the key file %s: %s", path, strerror(errno));
	}
	if (!S_ISREG(status.st_mode)) {
		return refuse(sentence, "the key file %s is not a regular file", path);
	}
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		return refuse(sentence,
			"the key file %s has mode %04o: others than its owner may use it; run "
			"chmod 600 on it",
			path, (unsigned int)(status.st_mode & 07777));
	}
	return true;
}

/* At most `capacity` bytes; the loop ends at the end of the file or when they are full. */
static ssize_t
read_bytes(int file, uint8_t *bytes, size_t capacity)
{
	size_t size = 0;

	while (size < capacity) {
		ssize_t more = read(file, bytes + size, capacity - size);

		if (more < 0 && errno == EINTR) {
			continue;
		}
		if (more < 0) {
			return -1;
		}
		if (more == 0) {
			break;
		}
		size += (size_t)more;
	}
	return (ssize_t)size;
}

static bool
decode_hex(const uint8_t digits[HEX_DIGITS_COUNT], uint8_t psk_out[PEAL_KEYRING_PSK_SIZE])
{
	for (size_t i = 0; i < HEX_DIGITS_COUNT; i++) {
		int digit = tolower(digits[i]);

		if (!isxdigit(digit)) {
			return false;
		}
		int value = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
		psk_out[i / 2U] = (uint8_t)((psk_out[i / 2U] << 4) | value);
	}
	return true;
}

/* 64 digits, then nothing, LF or CR LF. */
static bool
is_hex_size(const uint8_t *bytes, size_t size)
{
	const uint8_t *end = bytes + HEX_DIGITS_COUNT;

	return size == HEX_DIGITS_COUNT || (size == HEX_DIGITS_COUNT + 1U && end[0] == '\n') ||
	       (size == HEX_DIGITS_COUNT + 2U && end[0] == '\r' && end[1] == '\n');
}

static bool
parse_psk(const uint8_t *bytes, size_t size, const char *path, uint8_t *psk_out,
	struct sentence sentence)
{
	uint8_t any = 0;

	if (size == PEAL_KEYRING_PSK_SIZE) {
		memcpy(psk_out, bytes, PEAL_KEYRING_PSK_SIZE);
	} else if (!is_hex_size(bytes, size)) {
		return refuse(sentence,
			"the key file %s has %s%zu bytes; expected are 32 raw bytes or 64 "
			"hexadecimal digits",
			path, size > FILE_SIZE_MAX ? "more than " : "",
			size > FILE_SIZE_MAX ? FILE_SIZE_MAX : size);
	} else if (!decode_hex(bytes, psk_out)) {
		return refuse(sentence,
			"the key file %s has the size of 64 hexadecimal digits, but other "
			"characters are in it",
			path);
	}
	for (size_t i = 0; i < PEAL_KEYRING_PSK_SIZE; i++) {
		any |= psk_out[i];
	}
	if (any == 0) {
		return refuse(sentence, "the key in the file %s is all zeroes", path);
	}
	return true;
}

static bool
read_psk(const char *path, uint8_t psk_out[PEAL_KEYRING_PSK_SIZE], struct sentence sentence)
{
	uint8_t bytes[FILE_SIZE_MAX + 1U];
	/* Without waiting for a writer, should it be a pipe. */
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (file < 0) {
		return refuse(sentence, "cannot open the key file %s: %s", path, strerror(errno));
	}
	bool is_read = check_file(file, path, sentence);
	if (is_read) {
		ssize_t size = read_bytes(file, bytes, sizeof(bytes));

		is_read = size < 0 ? refuse(sentence, "cannot read the key file %s: %s", path,
					     strerror(errno))
				   : parse_psk(bytes, (size_t)size, path, psk_out, sentence);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	(void)close(file);
	return is_read;
}

/* The kernel gives up to 256 bytes whole once its pool was filled. */
static bool
draw_secret(uint8_t secret_out[PEAL_KEYRING_SECRET_SIZE], struct sentence sentence)
{
	ssize_t size;

	do {
		size = getrandom(secret_out, PEAL_KEYRING_SECRET_SIZE, 0);
	} while (size < 0 && errno == EINTR);
	if (size != (ssize_t)PEAL_KEYRING_SECRET_SIZE) {
		return refuse(sentence, "the kernel gave no random bytes: %s", strerror(errno));
	}
	return true;
}

/* Extracts and keys the expander. Fails only when the library is not what it should be, or has no
 * memory: then there is no going on. */
static void
make_expander(struct peal_keyring *keyring)
{
	static const uint8_t salt[SHA256_SIZE];
	uint8_t extracted[EVP_MAX_MD_SIZE];
	unsigned int extracted_size = 0;
	char digest[] = "SHA256"; /* the library wants writable parameters */
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	const uint8_t *result = HMAC(EVP_sha256(), salt, (int)sizeof(salt), keyring->psk,
		sizeof(keyring->psk), extracted, &extracted_size);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	int is_keyed;

	PEAL_ASSERT(result != NULL && extracted_size == SHA256_SIZE && mac != NULL);
	keyring->expander = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	PEAL_ASSERT(keyring->expander != NULL);
	is_keyed = EVP_MAC_init(keyring->expander, extracted, extracted_size, parameters);
	PEAL_ASSERT(is_keyed == 1);
	OPENSSL_cleanse(extracted, sizeof(extracted));
}

bool
peal_keyring_open(
	struct peal_keyring *keyring, const char *path, char *error_out, size_t error_capacity)
{
	struct sentence sentence = {.text = error_out, .capacity = error_capacity};

	PEAL_ASSERT(error_capacity > 0);

	error_out[0] = '\0';
	memset(keyring, 0, sizeof(*keyring));
	keyring->has_psk = path != NULL;
	if ((path != NULL && !read_psk(path, keyring->psk, sentence)) ||
		!draw_secret(keyring->secret, sentence)) {
		peal_keyring_close(keyring);
		return false;
	}
	if (keyring->has_psk) {
		make_expander(keyring);
	}
	return true;
}

void
peal_keyring_init(struct peal_keyring *keyring, const uint8_t psk[PEAL_KEYRING_PSK_SIZE],
	const uint8_t secret[PEAL_KEYRING_SECRET_SIZE])
{
	memset(keyring, 0, sizeof(*keyring));
	keyring->has_psk = psk != NULL;
	if (psk != NULL) {
		memcpy(keyring->psk, psk, sizeof(keyring->psk));
		make_expander(keyring);
	}
	memcpy(keyring->secret, secret, sizeof(keyring->secret));
}

void
peal_keyring_close(struct peal_keyring *keyring)
{
	EVP_MAC_CTX_free(keyring->expander);
	OPENSSL_cleanse(keyring, sizeof(*keyring));
}

/* The first block of the expansion is more than is needed. */
static void
derive(const struct peal_keyring *keyring, const struct peal_writer *info,
	uint8_t raw_out[PEAL_AEAD_RAW_KEY_SIZE])
{
	static const uint8_t block_number = 1;
	uint8_t block[EVP_MAX_MD_SIZE];
	size_t block_size = 0;
	int is_derived;

	PEAL_ASSERT(info->is_ok);
	if (!keyring->has_psk) {
		memset(raw_out, 0, PEAL_AEAD_RAW_KEY_SIZE);
		return;
	}
	is_derived = EVP_MAC_init(keyring->expander, NULL, 0, NULL) == 1 &&
		     EVP_MAC_update(keyring->expander, info->bytes, info->offset) == 1 &&
		     EVP_MAC_update(keyring->expander, &block_number, 1) == 1 &&
		     EVP_MAC_final(keyring->expander, block, &block_size, sizeof(block)) == 1;
	PEAL_ASSERT(is_derived && block_size >= PEAL_AEAD_RAW_KEY_SIZE);
	memcpy(raw_out, block, PEAL_AEAD_RAW_KEY_SIZE);
	OPENSSL_cleanse(block, sizeof(block));
}

void
peal_keyring_derive_pre(const struct peal_keyring *keyring, const char *cluster_name,
	uint8_t raw_out[PEAL_AEAD_RAW_KEY_SIZE])
{
	uint8_t bytes[INFO_SIZE_MAX];
	struct peal_writer info = peal_writer_init(bytes, sizeof(bytes));

	PEAL_ASSERT(strlen(cluster_name) <= PEAL_NAME_SIZE_MAX);
	peal_write_bytes(&info, LABEL_PRE, strlen(LABEL_PRE));
	peal_write_bytes(&info, cluster_name, strlen(cluster_name));
	derive(keyring, &info, raw_out);
}

void
peal_keyring_derive_tx(const struct peal_keyring *keyring, struct peal_uuid cluster,
	struct peal_uuid sender, uint8_t raw_out[PEAL_AEAD_RAW_KEY_SIZE])
{
	uint8_t bytes[INFO_SIZE_MAX];
	struct peal_writer info = peal_writer_init(bytes, sizeof(bytes));

	peal_write_bytes(&info, LABEL_TX, strlen(LABEL_TX));
	peal_write_u64(&info, cluster.low);
	peal_write_u64(&info, cluster.high);
	peal_write_u64(&info, sender.low);
	peal_write_u64(&info, sender.high);
	derive(keyring, &info, raw_out);
}

void
peal_keyring_mac(const struct peal_keyring *keyring, const void *data, size_t size,
	uint8_t mac_out[PEAL_KEYRING_MAC_SIZE])
{
	uint8_t whole[EVP_MAX_MD_SIZE];
	unsigned int whole_size = 0;
	const uint8_t *result = HMAC(EVP_sha256(), keyring->secret, (int)sizeof(keyring->secret),
		data, size, whole, &whole_size);

	PEAL_ASSERT(result != NULL);
	PEAL_ASSERT(whole_size >= PEAL_KEYRING_MAC_SIZE);
	memcpy(mac_out, whole, PEAL_KEYRING_MAC_SIZE);
}

void
peal_keyring_wipe(void *secrets, size_t size)
{
	OPENSSL_cleanse(secrets, size);
}
