/*
 * What the SSH side reads before anything is trusted: known_hosts, the first
 * bytes of a server, key files, the output of ssh -G.  The first byte chooses.
 */
#include "base/std.h"
#include "io/knownhosts.h"
#include "io/sshalgo.h"
#include "io/sshconf.h"
#include "io/sshkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
known_hosts(const void *data, size_t size)
{
	struct knownhosts k = {.v = NULL};
	struct knownhosts_name name;

	if (knownhosts_name(&name, "db1", 2222, NULL, NULL) == -1)
		return;
	(void)knownhosts_parse(&k, &name, "f", data, size, NULL);
	(void)knownhosts_check(&k, data, size, NULL);
	knownhosts_free(&k);
	knownhosts_name_free(&name);
}

static void
config(const uint8_t *data, size_t size)
{
	struct sshconf c = {.port = 0};
	char *text = malloc(size + 1);

	if (text == NULL)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)sshconf_parse(&c, text, "/home");
	(void)sshconf_words(&c.command, text, NULL);
	sshconf_free(&c);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sshalgo_offer offer = {.version = ""};
	struct sshkey key = {.path = NULL};

	if (size == 0)
		return 0;
	switch (data[0] % 4) {
	case 0:
		known_hosts(data + 1, size - 1);
		break;
	case 1:
		(void)sshalgo_parse(&offer, data + 1, size - 1);
		sshalgo_offer_free(&offer);
		break;
	case 2:
		buf_add(&key.text, data + 1, size - 1);
		(void)sshkey_parse(&key);
		sshkey_free(&key);
		break;
	default:
		config(data + 1, size - 1);
	}
	return 0;
}
