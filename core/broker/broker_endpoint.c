/* SPDX-License-Identifier: Apache-2.0
 * The file by which the commands find the embedded broker. */

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/json_reader.h"
#include "core/base/private_file.h"
#include "core/base/text.h"
#include "core/broker/broker.h"
#include "core/broker/broker_home.h"

#define ENDPOINT "endpoint"
#define ENDPOINT_LIMIT 4096

bool broker_home_publish(const struct broker_home *home, const struct broker_address *address)
{
	struct text text = {0};
	text_string(&text, "{\"url\":", address->endpoint);
	text_string(&text, ",\"username\":", address->username);
	text_string(&text, ",\"password\":", address->password);
	text_add(&text, "}");
	bool written = !text.failed && private_file_write(home->folder, ENDPOINT, text.data, text.length);
	int reason = text.failed ? ENOMEM : errno;
	if (text.data != NULL)
		OPENSSL_cleanse(text.data, text.length);
	text_free(&text);
	errno = reason;
	return written;
}

void broker_home_withdraw(const struct broker_home *home)
{
	/* If the file remains, it names a port on which nothing listens, as after a kill. */
	unlinkat(home->folder, ENDPOINT, 0);
}

static bool parse_endpoint(const char *text, struct broker_address *address)
{
	char room[JSON_ROOM(ENDPOINT_LIMIT)];
	struct json_reader reader = {.room = room, .left = sizeof room};
	struct json_value url, username, password;
	const struct json_member members[] = {{"url", &url}, {"username", &username}, {"password", &password}};
	*address = (struct broker_address){0};
	bool valid = json_read(text, strlen(text), members, JSON_COUNT(members), NULL, 0) &&
	             json_reader_is_string(&reader, &url) && json_reader_is_string(&reader, &username) &&
	             json_reader_is_string(&reader, &password);
	if (valid) {
		address->endpoint = alloc_text(json_reader_string(&reader, &url));
		address->username = alloc_text(json_reader_string(&reader, &username));
		address->password = alloc_text(json_reader_string(&reader, &password));
	}
	OPENSSL_cleanse(room, sizeof room);
	return valid;
}

bool broker_endpoint_read(const char *state_dir, struct broker_address *address, char *why, size_t size)
{
	char text[ENDPOINT_LIMIT], path[4096];
	int length = snprintf(path, sizeof path, "%s/broker", state_dir);
	int folder = -1;
	ssize_t got = -1;
	if (length < 0 || (size_t)length >= sizeof path)
		errno = ENAMETOOLONG;
	else if ((folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		got = private_file_read(folder, ENDPOINT, text, sizeof text);
	if (got < 0 && errno == ENOENT)
		snprintf(why, size,
		         "no service with an embedded broker is running on %s (%s/" ENDPOINT " does not exist): "
		         "start `postprocessing server`, or set [postprocessing] state_dir or [events] endpoint to "
		         "those of the service",
		         state_dir, path);
	else if (got < 0)
		snprintf(why, size, "%s/" ENDPOINT ": %s%s", path, private_file_reason(errno),
		         errno == EACCES ? ": run this command as root or as the user that runs the service" : "");
	if (folder >= 0)
		close(folder);
	if (got < 0)
		return false;
	bool valid = parse_endpoint(text, address);
	OPENSSL_cleanse(text, sizeof text);
	if (!valid)
		snprintf(why, size, "%s/" ENDPOINT ": invalid contents", path);
	return valid;
}

void broker_endpoint_free(struct broker_address *address)
{
	if (address->password != NULL)
		OPENSSL_cleanse(address->password, strlen(address->password));
	free(address->endpoint);
	free(address->username);
	free(address->password);
	*address = (struct broker_address){0};
}
