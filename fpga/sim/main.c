/* sparse-device: the other end of XRT's hardware emulation: a card with memory, registers
 * and kernels, whose kernels are shared objects (C simulation, or RTL behind the same
 * interface), and which can be told to fail. */
#include "emulation.pb-c.h"
#include "fault.h"
#include "link.h"
#include "memory.h"
#include "unit.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_UNITS = 16 };
#define UNIT_BASE  UINT64_C(0x1800000) /* registers of unit 0; as the xclbin says */
#define UNIT_PITCH UINT64_C(0x10000)   /* from one unit to the next */
#define CARD_BYTES (UINT64_C(4) << 30) /* of memory */

struct arguments {
    const char *kernel, *folder, *id;
    unsigned units;
    int patience_s;
    struct fault fault;
};

struct device {
    struct link link;
    struct memory memory;
    struct unit_kernel kernel;
    struct unit unit[MAX_UNITS];
    unsigned n_units;
    struct fault fault;
};

const char *argp_program_version = "sparse-device " SPARSED_VERSION;

static const struct argp_option options[] = {
    {"folder", 'd', "FOLDER", 0, "where the sockets are (default: /tmp/$USER)", 0},
    {"id", 'i', "NAME", 0, "their name (default: $EMULATION_SOCKETID)", 0},
    {"units", 'u', "NUMBER", 0, "compute units (default: 1)", 0},
    {"patience", 'p', "SECONDS", 0, "how long to wait for a host (default: 30)", 0},
    {"fault", 'f', "NAME[=NUMBER]", 0, "what to do wrong, see below", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'd':
        a->folder = arg;
        return 0;
    case 'i':
        a->id = arg;
        return 0;
    case 'u':
        a->units = (unsigned)strtoul(arg, NULL, 10);
        if (a->units < 1 || a->units > MAX_UNITS)
            argp_error(state, "--units=%s: must be 1 .. %d", arg, MAX_UNITS);
        return 0;
    case 'p':
        a->patience_s = (int)strtol(arg, NULL, 10);
        return 0;
    case 'f':
        if (!fault_parse(arg, &a->fault))
            argp_error(state, "--fault=%s: no such fault", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (a->kernel != NULL)
            argp_error(state, "%s: one kernel only", arg);
        a->kernel = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->kernel == NULL)
            argp_error(state, "which kernel? libkernel_NAME.so of sparse-hls, or libkernel_rtl.so");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* ---- answers ---- */

static bool answer(struct device *d, const ProtobufCMessage *message)
{
    size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *body = malloc(bytes + 1);
    if (body == NULL)
        return false;
    (void)protobuf_c_message_pack(message, body);
    bool good = link_answer(&d->link, body, bytes);
    free(body);
    return good;
}

static bool answer_done(struct device *d, bool good)
{
    Emulation__Done done = EMULATION__DONE__INIT;
    done.has_ok = true;
    done.ok = good;
    return answer(d, &done.base);
}

static struct unit *unit_of(struct device *d, uint64_t address, uint64_t *offset)
{
    uint64_t number = (address - UNIT_BASE) / UNIT_PITCH;
    *offset = (address - UNIT_BASE) % UNIT_PITCH;
    return address >= UNIT_BASE && number < d->n_units ? &d->unit[number] : NULL;
}

/* ---- requests: each takes a body and answers it ---- */

static bool do_alloc(struct device *d, const ProtobufCMessage *m)
{
    const Emulation__Alloc *r = (const Emulation__Alloc *)m;
    return answer_done(d, d->fault.kind != FAULT_refuses_memory &&
                              memory_alloc(&d->memory, r->address, r->size, CARD_BYTES));
}

static bool do_free(struct device *d, const ProtobufCMessage *m)
{
    memory_free(&d->memory, ((const Emulation__Free *)m)->address);
    return answer_done(d, true);
}

static bool do_copy_in(struct device *d, const ProtobufCMessage *m)
{
    const Emulation__CopyIn *r = (const Emulation__CopyIn *)m;
    uint8_t *to = memory_at(&d->memory, r->destination + r->seek, r->data.len);
    if (to != NULL)
        memcpy(to, r->data.data, r->data.len);
    Emulation__CopyInDone done = EMULATION__COPY_IN_DONE__INIT;
    done.has_size = true;
    done.size = to != NULL ? r->size : 0;
    return answer(d, &done.base);
}

static bool do_copy_out(struct device *d, const ProtobufCMessage *m)
{
    const Emulation__CopyOut *r = (const Emulation__CopyOut *)m;
    Emulation__CopyOutDone done = EMULATION__COPY_OUT_DONE__INIT;
    done.has_size = done.has_data = true;
    done.data.data = memory_at(&d->memory, r->source + r->skip, r->size);
    done.data.len = done.data.data != NULL ? r->size : 0;
    done.size = done.data.len;
    return answer(d, &done.base);
}

static bool do_write_register(struct device *d, const ProtobufCMessage *m)
{
    const Emulation__WriteRegister *r = (const Emulation__WriteRegister *)m;
    uint64_t offset;
    struct unit *u = unit_of(d, r->address, &offset);
    if (u != NULL)
        unit_write(u, offset, r->data.data, r->data.len, now_ns());
    return answer_done(d, true);
}

static bool do_read_register(struct device *d, const ProtobufCMessage *m)
{
    const Emulation__ReadRegister *r = (const Emulation__ReadRegister *)m;
    uint8_t data[256] = {0};
    uint64_t offset;
    struct unit *u = unit_of(d, r->address, &offset);
    Emulation__ReadRegisterDone done = EMULATION__READ_REGISTER_DONE__INIT;
    done.has_ok = done.has_data = true;
    done.ok = 1;
    done.data.data = data;
    done.data.len = r->size < sizeof data ? r->size : sizeof data;
    if (u != NULL)
        unit_read(u, offset, data, done.data.len, now_ns());
    return answer(d, &done.base);
}

static bool do_timestamp(struct device *d, const ProtobufCMessage *m)
{
    (void)m;
    Emulation__Timestamp t = EMULATION__TIMESTAMP__INIT;
    t.has_value = true;
    t.value = now_ns();
    return answer(d, &t.base);
}

static bool do_nothing(struct device *d, const ProtobufCMessage *m)
{
    (void)m;
    Emulation__Empty empty = EMULATION__EMPTY__INIT;
    return answer(d, &empty.base);
}

static bool do_environment(struct device *d, const ProtobufCMessage *m)
{
    (void)m;
    return answer_done(d, true);
}

static bool do_close(struct device *d, const ProtobufCMessage *m)
{
    (void)m;
    return link_say_closing(&d->link) && answer_done(d, true);
}

static const struct {
    enum link_request request;
    const ProtobufCMessageDescriptor *body;
    bool (*answer)(struct device *d, const ProtobufCMessage *m);
} request_table[] = {
    {LINK_SET_ENVIRONMENT, &emulation__set_environment__descriptor, do_environment},
    {LINK_ALLOC, &emulation__alloc__descriptor, do_alloc},
    {LINK_FREE, &emulation__free__descriptor, do_free},
    {LINK_COPY_IN, &emulation__copy_in__descriptor, do_copy_in},
    {LINK_COPY_OUT, &emulation__copy_out__descriptor, do_copy_out},
    {LINK_WRITE_REGISTER, &emulation__write_register__descriptor, do_write_register},
    {LINK_READ_REGISTER, &emulation__read_register__descriptor, do_read_register},
    {LINK_TIMESTAMP, &emulation__timestamp__descriptor, do_timestamp},
    {LINK_DEBUG_MESSAGES, &emulation__empty__descriptor, do_nothing},
    {LINK_CLOSE, &emulation__empty__descriptor, do_close},
};

/* False: the host is gone, has closed, or asked for what there is not. */
static bool serve(struct device *d)
{
    uint32_t request;
    size_t bytes;
    if (!link_read(&d->link, &request, &bytes))
        return false;
    for (size_t i = 0; i < sizeof request_table / sizeof request_table[0]; i++) {
        if ((uint32_t)request_table[i].request != request)
            continue;
        ProtobufCMessage *m =
            protobuf_c_message_unpack(request_table[i].body, NULL, bytes, d->link.body);
        bool good = m != NULL && request_table[i].answer(d, m);
        if (m != NULL)
            protobuf_c_message_free_unpacked(m, NULL);
        return good && request != LINK_CLOSE;
    }
    (void)fprintf(stderr, "sparse-device: request %u: unknown\n", request);
    return false;
}

static bool defaults(struct arguments *a, char *folder, size_t bytes)
{
    const char *user = getenv("USER"), *id = getenv("EMULATION_SOCKETID");
    (void)snprintf(folder, bytes, "/tmp/%s", user != NULL ? user : "");
    a->folder = a->folder != NULL ? a->folder : folder;
    a->id = a->id != NULL ? a->id : id;
    if (a->id == NULL)
        (void)fprintf(stderr, "sparse-device: give --id or set EMULATION_SOCKETID\n");
    return a->id != NULL;
}

int main(int argc, char **argv)
{
    static struct device device;
    struct arguments a = {.units = 1, .patience_s = 30};
    char faults[1024], doc[1400], folder[256];
    fault_help(faults, sizeof faults);
    (void)snprintf(doc, sizeof doc, "An emulated card for XRT's hardware emulation.\vFaults:\n%s",
                   faults);
    const struct argp argp = {options, parse, "libkernel_NAME.so", doc, NULL, NULL, NULL};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (!defaults(&a, folder, sizeof folder) || !unit_kernel_open(&device.kernel, a.kernel))
        return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    if (a.fault.kind == FAULT_never_connects) {
        while (pause() != 0 && errno == EINTR) {
        }
    }
    device.fault = a.fault;
    for (; device.n_units < a.units; device.n_units++) {
        if (!unit_init(&device.unit[device.n_units], &device.kernel, &device.fault, &device.memory))
            return 1;
    }
    bool connected = link_open(&device.link, a.folder, a.id, a.patience_s);
    while (connected && serve(&device)) {
    }
    link_close(&device.link);
    for (unsigned i = 0; i < device.n_units; i++)
        unit_fini(&device.unit[i]);
    memory_fini(&device.memory);
    unit_kernel_close(&device.kernel);
    return connected ? 0 : 1;
}
