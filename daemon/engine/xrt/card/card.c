#include "engine/xrt/card/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xrt/experimental/xrt_ini.h>
#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#include <xrt/xrt_kernel.h>

/* The kernel's arguments, in order: fpga/hls/kernel_abi.h. */
enum {
    ARG_WINDOWS,
    ARG_RESULTS,
    ARG_N_WINDOWS,
    ARG_TAG,
    ARG_IMAGE,
    ARG_IMAGE_BYTES,
    ARG_IMAGE_NAME
};
enum { ERROR_REGISTER = 0x4c, MOST_UNITS = 16, NAME_BYTES = 64 };

struct slot {
    xrtBufferHandle windows, results;
    uint8_t *windows_map, *results_map;
    xrtRunHandle run;
};

struct card {
    xrtDeviceHandle device;
    xrtKernelHandle kernel;
    xuid_t uuid;
    char name[NAME_BYTES]; /* of the kernel */
    xrtBufferHandle image;
    uint64_t image_bytes;
    uint32_t image_name;
    uint32_t n_slots;
    struct slot slot[CARD_SLOTS];
};

/* A buffer in the memory bank that the kernel's argument is wired to. */
static bool make_buffer(struct card *c, uint64_t bytes, int argument, xrtBufferHandle *buffer,
                        uint8_t **map)
{
    int group = xrtKernelArgGroupId(c->kernel, argument);
    if (group < 0)
        return false;
    *buffer = xrtBOAlloc(c->device, bytes, XRT_BO_FLAGS_NONE, (xrtMemoryGroup)group);
    *map = *buffer != NULL ? xrtBOMap(*buffer) : NULL;
    return *map != NULL;
}

static bool make_slot(struct card *c, struct slot *s, const struct card_settings *settings)
{
    if (!make_buffer(c, settings->windows_bytes, ARG_WINDOWS, &s->windows, &s->windows_map) ||
        !make_buffer(c, settings->results_bytes, ARG_RESULTS, &s->results, &s->results_map))
        return false;
    s->run = xrtRunOpen(c->kernel);
    return s->run != NULL && xrtRunSetArg(s->run, ARG_WINDOWS, s->windows) == 0 &&
           xrtRunSetArg(s->run, ARG_RESULTS, s->results) == 0 &&
           (c->image == NULL ||
            (xrtRunSetArg(s->run, ARG_IMAGE, c->image) == 0 &&
             xrtRunSetArg(s->run, ARG_IMAGE_BYTES, (uint32_t)c->image_bytes) == 0 &&
             xrtRunSetArg(s->run, ARG_IMAGE_NAME, c->image_name) == 0));
}

/* Every launch carries where the image lies and its name: a compute unit that another process,
 * or another model, has used meanwhile loads it again by itself. */
static bool put_image(struct card *c, const struct card_settings *s)
{
    uint8_t *map = NULL;
    if (s->image_bytes == 0)
        return true;
    c->image_bytes = s->image_bytes;
    c->image_name = s->image_name;
    if (!make_buffer(c, s->image_bytes, ARG_IMAGE, &c->image, &map))
        return false;
    memcpy(map, s->image, s->image_bytes);
    return xrtBOSync(c->image, XCL_BO_SYNC_BO_TO_DEVICE, s->image_bytes, 0) == 0;
}

static bool open_kernel(struct card *c, const struct card_settings *s, struct error *err)
{
    (void)snprintf(c->name, sizeof c->name, "%s", s->kernel);
    (void)xrtIniStringSet("Runtime.rw_shared", "true"); /* else card_error may not read */
    c->device = xrtDeviceOpen(s->device);
    if (c->device == NULL)
        return error_set(err, ERROR_SYSTEM, "device %u: XRT cannot open it", s->device);
    if (xrtDeviceLoadXclbinFile(c->device, s->xclbin) != 0)
        return error_set(err, ERROR_SYSTEM, "%s: XRT does not load it on device %u", s->xclbin,
                         s->device);
    if (xrtDeviceGetXclbinUUID(c->device, c->uuid) != 0)
        return error_set(err, ERROR_SYSTEM, "%s: XRT gives no identity of it", s->xclbin);
    c->kernel = xrtPLKernelOpen(c->device, c->uuid, s->kernel);
    return c->kernel != NULL ||
           error_set(err, ERROR_SYSTEM, "%s: XRT finds no kernel %s in it", s->xclbin, s->kernel);
}

struct card *card_open(const struct card_settings *settings, struct error *err)
{
    struct card *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the card");
        return NULL;
    }
    bool good = open_kernel(c, settings, err);
    if (good && !put_image(c, settings))
        good = error_set(err, ERROR_SYSTEM, "device %u: no memory on the card for the network",
                         settings->device);
    for (; good && c->n_slots < settings->slots; c->n_slots++) {
        if (!make_slot(c, &c->slot[c->n_slots], settings)) {
            c->n_slots++;
            good = error_set(err, ERROR_SYSTEM, "device %u: no memory on the card for batch %u",
                             settings->device, c->n_slots);
            break;
        }
    }
    if (!good)
        card_close(&c);
    return c;
}

/* Runs, buffers, kernel, device, in this order: any other crashes the library. */
void card_close(struct card **card)
{
    struct card *c = *card;
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slot[i].run != NULL)
            (void)xrtRunClose(c->slot[i].run);
    }
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slot[i].windows != NULL)
            (void)xrtBOFree(c->slot[i].windows);
        if (c->slot[i].results != NULL)
            (void)xrtBOFree(c->slot[i].results);
    }
    if (c->image != NULL)
        (void)xrtBOFree(c->image);
    if (c->kernel != NULL)
        (void)xrtKernelClose(c->kernel);
    if (c->device != NULL)
        (void)xrtDeviceClose(c->device);
    free(c);
    *card = NULL;
}

uint8_t *card_windows(struct card *card, uint32_t slot)
{
    return card->slot[slot].windows_map;
}

const uint8_t *card_results(const struct card *card, uint32_t slot)
{
    return card->slot[slot].results_map;
}

bool card_start(struct card *card, uint32_t slot, uint64_t bytes, uint32_t n_windows, uint32_t tag)
{
    struct slot *s = &card->slot[slot];
    return xrtBOSync(s->windows, XCL_BO_SYNC_BO_TO_DEVICE, bytes, 0) == 0 &&
           xrtRunSetArg(s->run, ARG_N_WINDOWS, n_windows) == 0 &&
           xrtRunSetArg(s->run, ARG_TAG, tag) == 0 && xrtRunStart(s->run) == 0;
}

enum card_state card_done(struct card *card, uint32_t slot, uint64_t bytes)
{
    struct slot *s = &card->slot[slot];
    switch (xrtRunState(s->run)) {
    case ERT_CMD_STATE_NEW:
    case ERT_CMD_STATE_QUEUED:
    case ERT_CMD_STATE_SUBMITTED:
    case ERT_CMD_STATE_RUNNING:
        return CARD_BUSY;
    case ERT_CMD_STATE_COMPLETED:
        return xrtBOSync(s->results, XCL_BO_SYNC_BO_FROM_DEVICE, bytes, 0) == 0 ? CARD_DONE
                                                                                : CARD_FAILED;
    default:
        return CARD_FAILED;
    }
}

/* Registers are read of one unit at a time, by its name: "kernel:{kernel_1}", as they are linked
 * if nobody names them. */
uint32_t card_error(const struct card *card)
{
    uint32_t code = 0;
    for (int unit = 1; unit <= MOST_UNITS && code == 0; unit++) {
        char name[2 * NAME_BYTES + 16];
        (void)snprintf(name, sizeof name, "%s:{%s_%d}", card->name, card->name, unit);
        xrtKernelHandle one = xrtPLKernelOpen(card->device, card->uuid, name);
        if (one == NULL)
            break;
        if (xrtKernelReadRegister(one, ERROR_REGISTER, &code) != 0)
            code = 0;
        (void)xrtKernelClose(one);
    }
    return code;
}
