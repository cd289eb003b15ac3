/* control: the socket on which a run is controlled (service.control, REP).
 *
 *     sparsectl --ControlRequest--> [read, checked] --run_command--> run control
 *               <--ControlReply---- [packed]        <--reply, status--
 *
 * Every request gets an answer at once, the wrong ones too: what cannot be read is told
 * so and counted. Who asks and goes away costs a message; who babbles is served a few
 * requests at a time, so that a run that drains goes on. There is no control elsewhere.
 *
 * One thread: the one that owns run control.
 */
#ifndef SPARSED_SERVICE_CONTROL_H
#define SPARSED_SERVICE_CONTROL_H

#include "base/error.h"
#include "data/monitor.h"
#include "data/run_command.h"
#include "data/settings.h"
#include "output/run_info.h"
#include "service/service.h"

struct control;

/* Who answers. */
struct control_answers {
    void *self;
    void (*ask)(void *self, const struct run_command *ask, struct run_reply *reply);
    void (*status)(void *self, struct run_status *status);
};

/* Opens the socket on all endpoints of service.control. `watch` knows the health that a
 * status tells. Everything given but `answers` is
 * borrowed. NULL: `err` (NETWORK) names the endpoint. */
struct control *control_create(const struct service_settings *settings,
                               const struct control_answers *answers, struct monitor *monitor,
                               struct run_info_board *board, struct watch *watch, void *zmq_context,
                               struct error *err);
void control_destroy(struct control **c);

/* Sleeps until a request comes, `fd` (-1: none) can be read or `timeout_ms` is over; answers what
 * waits, a few requests at most. `c` NULL: no socket, only `fd` is looked at. True: `fd`
 * can be read. */
bool control_serve(struct control *c, int fd, long timeout_ms);

#endif
