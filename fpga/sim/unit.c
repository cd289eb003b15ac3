#include "unit.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers, as fpga/hls/kernel_abi.h has them. */
enum { CONTROL = 0x00, WINDOWS = 0x10, RESULTS = 0x1c, N_WINDOWS = 0x28, TAG = 0x30 };
enum { START = 1 << 0, DONE = 1 << 1, IDLE = 1 << 2, READY = 1 << 3, CONTINUE = 1 << 4 };
#define NS_PER_MS UINT64_C(1000000)

bool unit_kernel_open(struct unit_kernel *k, const char *path)
{
    char *whole = realpath(path, NULL); /* a name without a slash would be looked for elsewhere */
    *k = (struct unit_kernel){.library =
                                  whole != NULL ? dlopen(whole, RTLD_NOW | RTLD_LOCAL) : NULL};
    if (k->library == NULL) {
        (void)fprintf(stderr, "%s: %s\n", path, whole != NULL ? dlerror() : "no such file");
        free(whole);
        return false;
    }
    free(whole);
    const struct kernel_info *(*info)(void) = NULL;
    *(void **)&info = dlsym(k->library, "kernel_info");
    *(void **)&k->run = dlsym(k->library, "kernel_run");
    if (info == NULL || k->run == NULL || info()->abi_version != KERNEL_ABI_VERSION) {
        (void)fprintf(stderr, "%s: no kernel of this version (fpga/hls/kernel_abi.h)\n", path);
        unit_kernel_close(k);
        return false;
    }
    k->info = info();
    return true;
}

void unit_kernel_close(struct unit_kernel *k)
{
    if (k->library != NULL)
        (void)dlclose(k->library);
    *k = (struct unit_kernel){0};
}

static uint64_t word64(const struct unit *u, uint32_t offset)
{
    return u->word[offset / 4] | (uint64_t)u->word[offset / 4 + 1] << 32;
}

static void compute(struct unit *u)
{
    const struct kernel_info *info = u->kernel->info;
    uint32_t n = u->word[N_WINDOWS / 4];
    const uint8_t *windows =
        memory_at(u->memory, word64(u, WINDOWS), (uint64_t)n * info->window_bytes);
    uint8_t *results = memory_at(u->memory, word64(u, RESULTS), (uint64_t)n * info->result_bytes);
    if (n == 0 || windows == NULL || results == NULL) {
        u->refused++; /* a card would read and write what lies there */
        return;
    }
    u->kernel->run(windows, results, n, u->word[TAG / 4]);
    if (u->fault->kind == FAULT_wrong_bits && u->launches >= u->fault->number)
        results[(size_t)(n / 2) * info->result_bytes + 8] ^= 1; /* the first score of one window */
}

static void launch(struct unit *u, uint64_t now_ns)
{
    const struct fault *f = u->fault;
    u->launches++;
    bool reached = u->launches >= f->number;
    if (f->kind == FAULT_dies && reached)
        exit(EXIT_FAILURE);
    if (!(f->kind == FAULT_stale && reached))
        compute(u);
    u->busy = true;
    u->done = false;
    u->done_ns = f->kind == FAULT_hangs && reached ? UINT64_MAX
                 : f->kind == FAULT_slow           ? now_ns + f->number * NS_PER_MS
                                                   : now_ns;
}

static uint32_t control(struct unit *u, uint64_t now_ns)
{
    if (u->busy && u->done_ns != UINT64_MAX && now_ns >= u->done_ns) {
        u->busy = false;
        u->done = true;
    }
    if (u->busy)
        return START;
    uint32_t bits = IDLE | (u->done ? DONE | READY : 0);
    u->done = false; /* reading clears it */
    return bits;
}

void unit_write(struct unit *u, uint64_t offset, const uint8_t *data, size_t bytes, uint64_t now_ns)
{
    for (; bytes >= 4 && offset + 4 <= UNIT_REGISTER_BYTES; offset += 4, data += 4, bytes -= 4) {
        uint32_t word;
        memcpy(&word, data, sizeof word);
        if (offset != CONTROL)
            u->word[offset / 4] = word;
        else if ((word & START) != 0 && !u->busy)
            launch(u, now_ns);
    }
}

void unit_read(struct unit *u, uint64_t offset, uint8_t *data, size_t bytes, uint64_t now_ns)
{
    memset(data, 0, bytes);
    for (; bytes >= 4 && offset + 4 <= UNIT_REGISTER_BYTES; offset += 4, data += 4, bytes -= 4) {
        uint32_t word = offset == CONTROL ? control(u, now_ns) : u->word[offset / 4];
        memcpy(data, &word, sizeof word);
    }
}
