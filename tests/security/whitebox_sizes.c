/* The server's core, from within: what it asks of a packet's buffer after it gave it away. */
#include "server/ns_turn_server.c"

#include "whitebox.h"

static int buffer_is_given_away, asked_too_late;

/* Instead of the engine's. It may have freed what it was given. */
int send_data_from_ioa_socket_nbh(ioa_socket_handle s, ioa_addr *to, ioa_network_buffer_handle nbh, int ttl, int tos,
	int *skip)
{
	(void)s, (void)to, (void)nbh, (void)ttl, (void)tos, (void)skip;
	buffer_is_given_away = 1;
	return 100;
}

size_t ioa_network_buffer_get_size(ioa_network_buffer_handle nbh)
{
	(void)nbh;
	asked_too_late += buffer_is_given_away;
	return buffer_is_given_away ? 0xA5 : 100;
}

void ioa_network_buffer_delete(ioa_engine_handle e, ioa_network_buffer_handle nbh)
{
	(void)e, (void)nbh;
}

void turn_report_session_usage(void *session, int force_invalid)
{
	(void)session, (void)force_invalid;
}

int case_sent_size(void)
{
	static turn_turnserver server;
	static ts_ur_super_session session;
	static char socket_of_client, buffer;
	session.client_socket = (ioa_socket_handle)&socket_of_client;
	write_client_connection(&server, &session, (ioa_network_buffer_handle)&buffer, 64, 0);
	return !buffer_is_given_away || asked_too_late || session.sent_bytes != 100;
}
