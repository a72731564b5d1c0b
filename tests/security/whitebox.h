/* The cases that have a file of their own; each returns 0 if the source is safe. */
#ifndef SECURITY_WHITEBOX_H
#define SECURITY_WHITEBOX_H

int case_port_pool(void);
int case_even_port(void);
int case_database_strings(void);
int case_fingerprint_room(void);
int case_challenge_length(void);
int case_sent_size(void);

#endif
