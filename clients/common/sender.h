/* sender: the socket, its one peer, and what happens when the peer is slow or absent.
 *
 *     PUSH  blocks while nobody takes messages: nothing is lost, the daemon sets the pace
 *     PUB   knows its subscribers (XPUB); waits for one before the first event, and
 *           where a subscriber is slow either waits or drops the fragment, counted
 *     kafka://HOST:PORT/TOPIC   a Kafka topic instead of a socket (sender_kafka.h)
 *
 * Not thread-safe. Every wait ends within 0.1 s of `stop` being set.
 */
#ifndef SPARSED_CLIENTS_SENDER_H
#define SPARSED_CLIENTS_SENDER_H

#include "common/failure.h"
#include "common/keys.h"
#include "common/payload.h"

#include <signal.h>
#include <stdint.h>

struct sender_settings {
    const char *endpoint; /* ">tcp://..." or "tcp://..." connects, "@tcp://..." binds */
    bool pub;
    bool drop;           /* PUB: drop what a slow subscriber does not take */
    int hwm;             /* messages waiting in here, at most */
    uint64_t wait_ns;    /* for the first peer; 0: for ever */
    uint64_t give_up_ns; /* where nothing could be sent for so long; 0: never */
    struct keys_files keys;
};

struct sender_kafka;

struct sender {
    void *context, *socket, *monitor;
    struct sender_kafka *kafka; /* instead of them, or NULL */
    struct sender_settings settings;
    const volatile sig_atomic_t *stop;
    int subscriptions; /* PUB: topics subscribed to now that match ours */
    char address[256]; /* where it is bound or connected */
};

enum sender_result { SENDER_SENT, SENDER_DROPPED, SENDER_STOPPED, SENDER_FAILED };

extern const char sender_topic[]; /* "fragment" */

bool sender_open(struct sender *s, const struct sender_settings *settings,
                 const volatile sig_atomic_t *stop, struct failure *f);

/* Until a peer (PUSH) or a subscriber (PUB) is there: SENT, STOPPED or FAILED. */
enum sender_result sender_wait(struct sender *s, struct failure *f);

/* One message of three parts. The payload may be NULL (empty part); its memory is
 * shared, not copied. */
enum sender_result sender_send(struct sender *s, const void *header, size_t header_bytes,
                               struct payload *payload, struct failure *f);

/* Takes note of subscribers that came or went. True while there is one; always for PUSH. */
bool sender_heard(struct sender *s);

/* Waits up to linger_ms for what is still to be sent. */
void sender_close(struct sender *s, int linger_ms);

#endif
