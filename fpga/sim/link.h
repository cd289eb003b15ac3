/* link: the two Unix sockets between XRT's emulation library and a device process.
 *
 *     /tmp/$USER/$ID                 main: one request, one response, in turn
 *     /tmp/$USER/D2X_unix_sock_$ID   device to host: here only "closing" is said on it
 *
 *     request    09 <u64 bytes of the body> 15 <u32 number of the request>   body
 *     response   09 <u64 bytes of the body>                                  body
 *
 * All numbers little-endian. Bodies are the messages of emulation.proto.
 */
#ifndef FPGA_SIM_LINK_H
#define FPGA_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_request {
    LINK_CLOSE = 1,
    LINK_ALLOC = 4,
    LINK_FREE = 5,
    LINK_COPY_IN = 6,
    LINK_COPY_OUT = 7,
    LINK_WRITE_REGISTER = 9,
    LINK_READ_REGISTER = 11,
    LINK_TIMESTAMP = 17,
    LINK_DEBUG_MESSAGES = 19,
    LINK_SET_ENVIRONMENT = 20,
};

struct link {
    int main, events; /* sockets */
    uint8_t *body;    /* of the last request; grows */
    size_t capacity;
};

/* Connects to both sockets in `folder`, trying for up to `patience_s` seconds.
 * False: nobody listened, or what is there is no socket. */
bool link_open(struct link *l, const char *folder, const char *id, int patience_s);
void link_close(struct link *l);

/* The next request; its body is l->body. False: the host is gone, or sent what is no
 * request, or one above 256 MiB. */
bool link_read(struct link *l, uint32_t *request, size_t *bytes);

bool link_answer(struct link *l, const uint8_t *body, size_t bytes);

/* Says on the second socket that the device closes; without it the host waits 5 s. */
bool link_say_closing(struct link *l);

#endif
