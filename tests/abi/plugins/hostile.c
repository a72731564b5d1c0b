/* Plugins that break the agreement before they start, one for each HOSTILE_<WHAT>. */
#include "turn_plugin.h"

#include <string.h>

#if defined(HOSTILE_NO_SYMBOL)

TURN_PLUGIN_EXPORT int some_other_function(void);
int some_other_function(void)
{
	return 0;
}

#else

static bool configure_well(const struct turn_configure *in, struct turn_configured *out)
{
	(void)in;
	(void)out;
	return true;
}

static bool configure_silently(const struct turn_configure *in, struct turn_configured *out)
{
	(void)in;
	(void)out;
	return false;
}

static bool configure_with_message(const struct turn_configure *in, struct turn_configured *out)
{
	(void)out;
	strncpy(in->error, "line 3: volume: found \"lots\"\nallowed: a number", in->error_size - 1);
	return false;
}

static bool configure_unterminated(const struct turn_configure *in, struct turn_configured *out)
{
	(void)out;
	memset(in->error, 'x', in->error_size);
	return false;
}

static bool start_badly(uint32_t relay_threads)
{
	(void)relay_threads;
	return false;
}

const struct turn_plugin *turn_plugin_entry(const struct turn_host *host)
{
	static struct turn_plugin table;

	table.size = sizeof(table);
	table.abi_version = TURN_PLUGIN_ABI_VERSION;
	table.name = "hostile";
	table.version = "0";
	table.configure = configure_well;

	/* All are referenced, whichever is used. */
	if(!host) {
		table.configure = configure_silently;
		table.configure = configure_with_message;
		table.configure = configure_unterminated;
		table.start = start_badly;
	}

#if defined(HOSTILE_RETURNS_NULL)
	host->log(TURN_LOG_ERROR, "I do not\nlike this \x1b[31m host");
	return NULL;
#elif defined(HOSTILE_WRONG_VERSION)
	table.abi_version = TURN_PLUGIN_ABI_VERSION + 41;
#elif defined(HOSTILE_SHORT_STRUCT)
	/* Up to configure; what follows in memory is not part of it. */
	table.size = offsetof(struct turn_plugin, start);
	table.start = start_badly;
#elif defined(HOSTILE_TOO_SHORT_STRUCT)
	table.size = offsetof(struct turn_plugin, configure);
#elif defined(HOSTILE_SIZE_ZERO)
	table.size = 0;
#elif defined(HOSTILE_ABSURD_SIZE)
	table.size = UINT32_MAX;
#elif defined(HOSTILE_NULL_CALLBACKS)
	memset(&table, 0, sizeof(table));
	table.size = sizeof(table);
	table.abi_version = TURN_PLUGIN_ABI_VERSION;
#elif defined(HOSTILE_CONFIGURE_SILENT)
	table.configure = configure_silently;
#elif defined(HOSTILE_CONFIGURE_MESSAGE)
	table.configure = configure_with_message;
#elif defined(HOSTILE_CONFIGURE_UNTERMINATED)
	table.configure = configure_unterminated;
#elif defined(HOSTILE_START_FAILS)
	table.start = start_badly;
#endif
	return &table;
}

#endif
