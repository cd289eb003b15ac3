/* payload: counted memory that ZeroMQ sends from where it lies.
 *
 * Who makes one holds a share; a socket that sends it takes another and gives it back
 * when the last byte is out, so the same samples can be sent again without a copy.
 */
#ifndef SPARSED_CLIENTS_PAYLOAD_H
#define SPARSED_CLIENTS_PAYLOAD_H

#include <stdatomic.h>
#include <stddef.h>

struct payload {
    atomic_uint shares;
    size_t bytes;
    unsigned char data[];
};

/* Room for so many bytes and one share of it. NULL: no memory. */
struct payload *payload_new(size_t bytes);

/* Takes and gives back a share; the last one frees it. From any thread; `data` is what
 * zmq_free_fn wants and not looked at. */
struct payload *payload_share(struct payload *p);
void payload_release(void *data, void *payload);

#endif
