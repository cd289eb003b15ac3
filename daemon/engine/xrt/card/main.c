/* sparsed-xrt: holds a card for sparsed, in a process of its own, because XRT may abort,
 * exit, spin, or signal its whole process group. Started by sparsed (offload.h) with the
 * shared memory and the eventfds of shared.h as its descriptors; not for hand use.
 *
 * It ends when sparsed does, when it is told to, or when a launch fails: sparsed starts
 * another.
 */
#include "base/clock.h"
#include "base/error.h"
#include "engine/xrt/card/card.h"
#include "engine/xrt/card/emulation.h"
#include "engine/xrt/kernel_error.h"
#include "engine/xrt/shared.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long the card is asked again and again before the process lets others run. */
#define SPIN_NS  (50 * NS_PER_US)
#define NAP_NS   (20 * NS_PER_US)
#define SLEEP_MS 1000
/* From being told to end until ended, however the library hangs. */
#define END_LIMIT_S 2

static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
    (void)number;
    told_to_end = 1;
    (void)alarm(END_LIMIT_S);
}

static struct shared *map_shared(void)
{
    struct stat s;
    if (fstat(SHARED_FD_MEMORY, &s) != 0 || s.st_size < (off_t)sizeof(struct shared))
        return NULL;
    void *map =
        mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD_MEMORY, 0);
    struct shared *shared = map != MAP_FAILED ? map : NULL;
    return shared != NULL && shared->version == SHARED_VERSION &&
                   shared->layout.n_slots <= SHARED_SLOTS &&
                   (off_t)shared_bytes(&shared->layout) <= s.st_size
               ? shared
               : NULL;
}

static void tell_daemon(void)
{
    uint64_t one = 1;
    (void)!write(SHARED_FD_DONE, &one, sizeof one);
}

static void wait_for_work(void)
{
    struct pollfd p = {.fd = SHARED_FD_WORK, .events = POLLIN};
    uint64_t taken;
    if (poll(&p, 1, SLEEP_MS) > 0)
        (void)!read(SHARED_FD_WORK, &taken, sizeof taken);
}

static uint32_t state_of(struct shared_batch *b)
{
    return atomic_load_explicit(&b->state, memory_order_acquire);
}

static void finish(struct shared_batch *b, enum shared_batch_state state)
{
    b->done_ns = clock_monotonic_ns();
    atomic_store_explicit(&b->state, state, memory_order_release);
    tell_daemon();
}

/* What is on the card, oldest first, by slot. */
struct under_way {
    uint32_t slot[SHARED_SLOTS], n;
};

static bool is_under_way(const struct under_way *u, uint32_t slot)
{
    for (uint32_t i = 0; i < u->n; i++) {
        if (u->slot[i] == slot)
            return true;
    }
    return false;
}

static bool start_submitted(struct shared *s, struct card *card, struct under_way *u)
{
    for (uint32_t i = 0; i < s->layout.n_slots; i++) {
        struct shared_batch *b = &s->batch[i];
        if (state_of(b) != BATCH_SUBMITTED || is_under_way(u, i))
            continue;
        uint64_t bytes = b->n_windows * s->layout.window_bytes;
        if (b->n_windows == 0 || b->n_windows > s->layout.batch_windows)
            return false;
        b->started_ns = clock_monotonic_ns();
        memcpy(card_windows(card, i), shared_windows(s, &s->layout, i), bytes);
        if (!card_start(card, i, bytes, b->n_windows, b->tag))
            return false;
        u->slot[u->n++] = i;
    }
    return true;
}

/* Whether the kernel said why it wrote nothing: one that loads its network may refuse it. Its
 * first and last result carry no tag of this batch then. */
static bool has_error(struct shared *s, struct card *card, uint32_t slot)
{
    const struct shared_batch *b = &s->batch[slot];
    const uint8_t *first = card_results(card, slot);
    const uint8_t *last = first + (b->n_windows - 1) * s->layout.result_bytes;
    uint32_t tag[2], last_tag = b->tag + b->n_windows - 1;
    memcpy(&tag[0], first, sizeof tag[0]);
    memcpy(&tag[1], last, sizeof tag[1]);
    if (s->layout.image_bytes == 0 || (tag[0] == b->tag && tag[1] == last_tag))
        return false;
    uint32_t code = card_error(card);
    if (code != 0)
        (void)snprintf(s->error, sizeof s->error, "the kernel stopped with error code %u: %s", code,
                       kernel_error_text(code));
    return code != 0;
}

static bool collect(struct shared *s, struct card *card, struct under_way *u, bool *moved)
{
    for (uint32_t k = 0; k < u->n; k++) {
        uint32_t slot = u->slot[k];
        struct shared_batch *b = &s->batch[slot];
        uint64_t bytes = b->n_windows * s->layout.result_bytes;
        enum card_state state = card_done(card, slot, bytes);
        if (state == CARD_BUSY)
            continue;
        if (state == CARD_DONE && has_error(s, card, slot))
            state = CARD_FAILED;
        memcpy(shared_results(s, &s->layout, slot), card_results(card, slot), bytes);
        memmove(&u->slot[k], &u->slot[k + 1], (--u->n - k) * sizeof u->slot[0]);
        finish(b, state == CARD_DONE ? BATCH_DONE : BATCH_FAILED);
        *moved = true;
        return state == CARD_DONE;
    }
    return true;
}

/* Until told to end (true) or a launch fails (false). */
static bool serve(struct shared *s, struct card *card)
{
    struct under_way u = {.n = 0};
    uint64_t moved_ns = clock_monotonic_ns();
    while (told_to_end == 0) {
        bool moved = false;
        if (!start_submitted(s, card, &u) || !collect(s, card, &u, &moved))
            return false;
        uint64_t now = clock_monotonic_ns();
        moved_ns = moved ? now : moved_ns;
        if (u.n == 0)
            wait_for_work();
        else if (now - moved_ns > SPIN_NS)
            (void)nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    }
    return true;
}

static void refuse(struct shared *s, const struct error *err)
{
    (void)snprintf(s->error, sizeof s->error, "%.*s", SHARED_TEXT_BYTES - 1, err->text);
    atomic_store_explicit(&s->process, PROCESS_REFUSED, memory_order_release);
    tell_daemon();
}

/* What on_device_end says, made before: a signal handler formats nothing. */
static struct {
    struct shared *shared;
    struct error ended, no_command;
} device_report;

/* In a signal handler. While the card is being opened it is a refusal, with its reason;
 * later the end of this process says enough. */
static void on_device_end(int status)
{
    struct shared *s = device_report.shared;
    if (told_to_end != 0)
        return; /* closing the card ends its device */
    bool found = !(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    if (atomic_load_explicit(&s->process, memory_order_relaxed) == PROCESS_STARTING) {
        memcpy(s->error, (found ? &device_report.ended : &device_report.no_command)->text,
               SHARED_TEXT_BYTES);
        s->error[SHARED_TEXT_BYTES - 1] = '\0';
        atomic_store_explicit(&s->process, PROCESS_REFUSED, memory_order_release);
        tell_daemon();
    }
    _exit(1);
}

static bool start_emulation(struct shared *s, const char *command, struct error *err)
{
    device_report.shared = s;
    (void)error_set(&device_report.ended, ERROR_SYSTEM,
                    "engine.model[].device_command: %.120s: ended before the card was open",
                    command);
    (void)error_set(&device_report.no_command, ERROR_CONFIG,
                    "engine.model[].device_command: %.120s: no such command (the shell says 127)",
                    command);
    return emulation_start(command, on_device_end, err);
}

static bool run(struct shared *s, const char *xclbin, const char *kernel, uint32_t device)
{
    struct error err = {0};
    struct card_settings settings = {.device = device,
                                     .xclbin = xclbin,
                                     .kernel = kernel,
                                     .slots = s->layout.n_slots,
                                     .windows_bytes = shared_windows_bytes(&s->layout),
                                     .results_bytes = shared_results_bytes(&s->layout),
                                     .image = shared_image(s, &s->layout),
                                     .image_bytes = s->layout.image_bytes,
                                     .image_name = s->layout.image_name};
    struct card *card = card_open(&settings, &err);
    if (card == NULL) {
        refuse(s, &err);
        return false;
    }
    atomic_store_explicit(&s->process, PROCESS_READY, memory_order_release);
    tell_daemon();
    bool good = serve(s, card);
    if (good)
        card_close(&card); /* after a failed launch the library would crash in it */
    return good;
}

int main(int argc, char **argv)
{
    struct shared *s = argc == 6 ? map_shared() : NULL;
    if (s == NULL) {
        (void)fprintf(stderr, "sparsed-xrt: is started by sparsed, with its descriptors, as\n"
                              "    sparsed-xrt XCLBIN KERNEL DEVICE DEVICE-COMMAND PARENT\n");
        return 2;
    }
    (void)setpgid(0, 0); /* what the library signals is its group: ours alone */
    (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    /* Of the thread that started us: sparsed's event thread, which owns the card. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != (pid_t)strtol(argv[5], NULL, 10))
        return 0; /* sparsed ended before we asked to be told */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    struct error err = {0};
    bool good = argv[4][0] == '\0' || start_emulation(s, argv[4], &err);
    if (!good)
        refuse(s, &err);
    else
        /* An emulated card is the only one its process sees. */
        good =
            run(s, argv[1], argv[2], argv[4][0] == '\0' ? (uint32_t)strtoul(argv[3], NULL, 10) : 0);
    emulation_stop();
    return good ? 0 : 1;
}
