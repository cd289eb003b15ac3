#include "unit.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers, as fpga/hls/kernel_abi.h has them. */
enum { CONTROL = 0x00, WINDOWS = 0x10, RESULTS = 0x1c, N_WINDOWS = 0x28, TAG = 0x30, IMAGE = 0x38 };
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
    *(void **)&k->create = dlsym(k->library, "kernel_circuit_create");
    *(void **)&k->destroy = dlsym(k->library, "kernel_circuit_destroy");
    *(void **)&k->write = dlsym(k->library, "kernel_circuit_write");
    *(void **)&k->read = dlsym(k->library, "kernel_circuit_read");
    bool circuit = k->create != NULL && k->destroy != NULL && k->write != NULL && k->read != NULL;
    if (info == NULL || (k->run == NULL && !circuit) || info()->abi_version != KERNEL_ABI_VERSION) {
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

static uint8_t *circuit_memory(void *user, uint64_t address, uint64_t bytes)
{
    return memory_at(user, address, bytes);
}

bool unit_init(struct unit *u, const struct unit_kernel *kernel, const struct fault *fault,
               struct memory *memory)
{
    *u = (struct unit){.kernel = kernel, .fault = fault, .memory = memory};
    if (kernel->run == NULL)
        u->circuit = kernel->create(circuit_memory, memory);
    return kernel->run != NULL || u->circuit != NULL;
}

void unit_fini(struct unit *u)
{
    if (u->circuit != NULL)
        u->kernel->destroy(u->circuit);
    u->circuit = NULL;
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

/* One bit of the first score of the first window, of a circuit: it knows how large results are. */
static void spoil(struct unit *u)
{
    uint8_t *result = memory_at(u->memory, word64(u, RESULTS), 12);
    if (result != NULL)
        result[8] ^= 1;
}

/* One bit of the middle of the first KiB of a network's records. */
static void spoil_image(struct unit *u)
{
    uint8_t *image = memory_at(u->memory, word64(u, IMAGE), 1024);
    if (image != NULL)
        image[512] ^= 1;
}

static bool reached(const struct unit *u, enum fault_kind kind)
{
    return u->fault->kind == kind && u->launches >= u->fault->number;
}

static void launch(struct unit *u, uint64_t now_ns)
{
    const struct fault *f = u->fault;
    u->launches++;
    if (reached(u, FAULT_dies))
        exit(EXIT_FAILURE);
    if (u->fault->kind == FAULT_bad_image && u->launches == u->fault->number)
        spoil_image(u);
    u->runs = u->circuit != NULL && !reached(u, FAULT_stale);
    if (u->runs)
        u->kernel->write(u->circuit, CONTROL, START);
    else if (u->circuit == NULL && !reached(u, FAULT_stale))
        compute(u);
    u->busy = true;
    u->done = false;
    u->done_ns = reached(u, FAULT_hangs) ? UINT64_MAX
                 : f->kind == FAULT_slow ? now_ns + f->number * NS_PER_MS
                                         : now_ns;
}

/* Whether a circuit that was started has ended; time goes on in it by looking. */
static bool circuit_ended(struct unit *u)
{
    if (!u->runs)
        return true;
    if ((u->kernel->read(u->circuit, CONTROL) & DONE) == 0)
        return false;
    u->kernel->write(u->circuit, CONTROL, CONTINUE);
    u->runs = false;
    if (reached(u, FAULT_wrong_bits))
        spoil(u);
    return true;
}

static uint32_t control(struct unit *u, uint64_t now_ns)
{
    if (u->busy && u->done_ns != UINT64_MAX && now_ns >= u->done_ns && circuit_ended(u)) {
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
        if (offset != CONTROL) {
            u->word[offset / 4] = word;
            if (u->circuit != NULL)
                u->kernel->write(u->circuit, (uint32_t)offset, word);
        } else if ((word & START) != 0 && !u->busy) {
            launch(u, now_ns);
        }
    }
}

void unit_read(struct unit *u, uint64_t offset, uint8_t *data, size_t bytes, uint64_t now_ns)
{
    memset(data, 0, bytes);
    for (; bytes >= 4 && offset + 4 <= UNIT_REGISTER_BYTES; offset += 4, data += 4, bytes -= 4) {
        uint32_t word = offset == CONTROL    ? control(u, now_ns)
                        : u->circuit != NULL ? u->kernel->read(u->circuit, (uint32_t)offset)
                                             : u->word[offset / 4];
        memcpy(data, &word, sizeof word);
    }
}
