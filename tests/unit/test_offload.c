/* The offload against a process that does what it likes. The process is this program itself,
 * started by the offload with a mode instead of a device command. Time is the test's: a
 * deadline passes when the test says so, however slow the machine is. */
#include "cmocka_all.h"
#include "xclbin_file.h"

#include "base/clock.h"
#include "base/log.h"
#include "data/window.h"
#include "engine/xrt/offload.h"
#include "engine/xrt/shared.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 100, DEADLINE_NS = 1000 };

/* ---- the process ---- */

static void tell(void)
{
    uint64_t one = 1;
    (void)!write(SHARED_FD_DONE, &one, sizeof one);
}

static void answer(struct shared *s, const struct shared_layout *l, uint32_t slot, uint32_t wrong)
{
    struct shared_batch *b = &s->batch[slot];
    for (uint32_t i = 0; i < b->n_windows; i++) {
        uint32_t record[4] = {b->tag + i + wrong, 0, 0, 0};
        memcpy(shared_results(s, l, slot) + (size_t)i * l->result_bytes, record, sizeof record);
    }
}

static int process(const char *mode)
{
    struct stat size;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(mode, "ends") == 0 || fstat(SHARED_FD_MEMORY, &size) != 0)
        return 0;
    struct shared *s =
        mmap(NULL, (size_t)size.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD_MEMORY, 0);
    if (s == MAP_FAILED)
        return 1;
    const struct shared_layout l = s->layout;
    if (strcmp(mode, "refuses") == 0) {
        memset(s->error, 'x', sizeof s->error); /* a text without an end */
        atomic_store(&s->process, PROCESS_REFUSED);
    } else if (strcmp(mode, "shrinks") == 0 && ftruncate(SHARED_FD_MEMORY, 0) == 0) {
        return 1; /* it was let: the daemon would die of its next look */
    } else {
        atomic_store(&s->process, PROCESS_READY);
    }
    tell();
    for (uint32_t batches = 0;;) {
        struct pollfd p = {.fd = SHARED_FD_WORK, .events = POLLIN};
        uint64_t taken;
        if (poll(&p, 1, -1) > 0)
            (void)!read(SHARED_FD_WORK, &taken, sizeof taken);
        for (uint32_t i = 0; i < l.n_slots; i++) {
            if (atomic_load(&s->batch[i].state) != BATCH_SUBMITTED)
                continue;
            bool tested = batches++ > 0;
            answer(s, &l, i, tested && strcmp(mode, "lies") == 0);
            if (tested && strcmp(mode, "scribbles") == 0)
                memset(s, 0xff, sizeof *s);
            else
                atomic_store(&s->batch[i].state,
                             tested && strcmp(mode, "fails") == 0 ? BATCH_FAILED : BATCH_DONE);
            tell();
        }
    }
}

/* ---- the daemon's side ---- */

static const char metadata[] = XCLBIN_FILE_METADATA_OF("1");

struct bench {
    struct fpga_settings settings;
    struct model_settings model_settings;
    struct model model;
    struct fpga_monitor monitor;
    struct offload *offload;
    int done_fd;
    uint64_t now_ns;
};

static const struct pixel place = {1, 1};
static const int32_t value = 3;
static const struct window window = {
    .n_active = 1, .n_listed = 1, .place = &place, .value = &value};
static const int64_t zero;
static const struct offload_test test = {&window, &zero, 1};
static struct bench b;

static void begin(const char *mode)
{
    static struct xclbin_file f = XCLBIN_FILE_GOOD;
    struct error err = {0};
    char path[] = "/tmp/test_offload_XXXXXX";
    f.metadata = metadata;
    xclbin_file_make(&f);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, f.data, f.bytes), f.bytes);
    (void)close(fd);
    b = (struct bench){
        .settings = {.batches = 2,
                     .batch_windows = 4,
                     .deadline_ns = DEADLINE_NS,
                     .start_limit_ns = 3600 * NS_PER_S,
                     .restart_ns = NS_PER_S},
        .model = {.height = 9, .width = 7, .channels = 1, .n_outputs = 1, .max_listed = 5},
        .done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .now_ns = NS_PER_S};
    ssize_t n = readlink("/proc/self/exe", b.settings.program, sizeof b.settings.program - 1);
    assert_true(n > 0);
    (void)snprintf(b.model_settings.xclbin, sizeof b.model_settings.xclbin, "%s", path);
    (void)snprintf(b.model_settings.device_command, sizeof b.model_settings.device_command, "%s",
                   mode);
    b.offload = offload_create(&b.settings, &b.model_settings, 0, &b.model, &test, b.done_fd,
                               &b.monitor, &err);
    (void)unlink(path);
    if (b.offload == NULL)
        fail_msg("%s", err.text);
}

static int end(void **state)
{
    (void)state;
    offload_destroy(&b.offload);
    (void)close(b.done_fd);
    return 0;
}

/* The offload's clock goes on by `step_ns` a look; the real one by a millisecond. */
static void until(const _Atomic uint32_t *state, uint32_t wanted, uint64_t step_ns)
{
    for (int i = 0; i < 30000 && atomic_load(state) != wanted; i++) {
        b.now_ns += step_ns;
        offload_tick(b.offload, b.now_ns);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(state), wanted);
}

/* Up, and a batch of two windows is out. Ticks of 0: nothing can be late. */
static int batch_out(const char *mode)
{
    begin(mode);
    until(&b.monitor.state, FPGA_STATE_up, 0);
    int slot = offload_slot(b.offload);
    assert_true(slot >= 0);
    offload_put(b.offload, slot, 0, &window);
    offload_put(b.offload, slot, 1, &window);
    offload_submit(b.offload, slot, 2, b.now_ns);
    return slot;
}

static enum offload_outcome outcome(int slot)
{
    enum offload_outcome o = OFFLOAD_PENDING;
    for (int i = 0; i < 30000 && o == OFFLOAD_PENDING; i++) {
        o = offload_poll(b.offload, slot, b.now_ns);
        (void)poll(NULL, 0, 1);
    }
    return o;
}

static void a_sound_process(void **state)
{
    (void)state;
    int slot = batch_out("sound");
    int64_t raw = 7;
    assert_int_equal(outcome(slot), OFFLOAD_DONE);
    assert_true(offload_result(b.offload, slot, 0, &raw));
    assert_int_equal(raw, 0);
    assert_true(offload_result(b.offload, slot, 1, &raw));
    offload_release(b.offload, slot);
    assert_int_equal(counter_read(&b.monitor.launches), 2); /* with the self-test */
    assert_int_equal(counter_read(&b.monitor.windows), 3);
}

/* The memory cannot be cut off: what is mapped beyond its end kills whoever reads it. */
static void the_memory_cannot_be_shrunk(void **state)
{
    (void)state;
    int slot = batch_out("shrinks");
    assert_int_equal(outcome(slot), OFFLOAD_DONE);
}

/* A process gone astray has written over everything before the windows: states that are none,
 * sizes of exabytes. The batch is late like any other; the daemon reads where it always read. */
static void scribbled_memory_is_a_late_batch(void **state)
{
    (void)state;
    int slot = batch_out("scribbles");
    struct pollfd p = {.fd = b.done_fd, .events = POLLIN};
    (void)poll(&p, 1, 30000);
    (void)poll(NULL, 0, 20);
    assert_int_equal(offload_poll(b.offload, slot, b.now_ns), OFFLOAD_PENDING);
    int64_t raw;
    (void)offload_result(b.offload, slot, 1, &raw); /* a sanitizer would see it */
    b.now_ns += DEADLINE_NS + 1;
    offload_tick(b.offload, b.now_ns);
    assert_int_equal(counter_read(&b.monitor.down[FPGA_DOWN_late]), 1);
    assert_int_equal(offload_poll(b.offload, slot, b.now_ns), OFFLOAD_LOST);
}

static void an_answer_to_another_window(void **state)
{
    (void)state;
    int slot = batch_out("lies");
    int64_t raw;
    assert_int_equal(outcome(slot), OFFLOAD_DONE);
    assert_false(offload_result(b.offload, slot, 0, &raw));
    offload_release(b.offload, slot);
    offload_distrust(b.offload, FPGA_DOWN_lied, b.now_ns);
    assert_int_equal(atomic_load(&b.monitor.state), FPGA_STATE_down);
    assert_int_equal(offload_slot(b.offload), -1);
}

static void a_failed_launch(void **state)
{
    (void)state;
    int slot = batch_out("fails");
    assert_int_equal(outcome(slot), OFFLOAD_LOST);
    assert_int_equal(counter_read(&b.monitor.down[FPGA_DOWN_failed]), 1);
}

static void a_refusal_without_an_end(void **state)
{
    (void)state;
    begin("refuses");
    until(&b.monitor.state, FPGA_STATE_starting, 0);
    for (int i = 0; i < 30000 && counter_read(&b.monitor.down[FPGA_DOWN_refused]) == 0; i++) {
        offload_tick(b.offload, b.now_ns);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(counter_read(&b.monitor.down[FPGA_DOWN_refused]), 1);
}

/* The back-off doubles, and what waits for it is not woken before. */
static void starts_become_rarer(void **state)
{
    (void)state;
    begin("ends");
    uint64_t wait_ns = NS_PER_S;
    for (int i = 0; i < 8; i++) {
        until(&b.monitor.state, FPGA_STATE_starting, 0);
        until(&b.monitor.state, FPGA_STATE_down, 20 * NS_PER_MS);
        uint64_t fell = b.now_ns;
        for (int k = 0; k < 30000 && offload_next_ns(b.offload) <= fell + 20 * NS_PER_MS; k++) {
            b.now_ns = offload_next_ns(b.offload);
            offload_tick(b.offload, b.now_ns); /* until the process is reaped */
            (void)poll(NULL, 0, 1);
        }
        assert_int_equal(offload_next_ns(b.offload), fell + wait_ns);
        offload_tick(b.offload, fell + wait_ns - 1);
        assert_int_equal(atomic_load(&b.monitor.state), FPGA_STATE_down);
        b.now_ns = fell + wait_ns;
        wait_ns = wait_ns * 2 < 60 * NS_PER_S ? wait_ns * 2 : 60 * NS_PER_S;
    }
}

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

/* A card that is broken for good is started once a minute for months: each start that left
 * one descriptor or one dead child behind would end the daemon. */
static void many_starts_leave_nothing(void **state)
{
    (void)state;
    begin("ends");
    int before = descriptors();
    for (int i = 0; i < 1000 * STARTS && counter_read(&b.monitor.starts) < STARTS; i++) {
        b.now_ns += 61 * NS_PER_S;
        offload_tick(b.offload, b.now_ns);
        (void)poll(NULL, 0, 1); /* for the process, which needs its own time */
    }
    assert_int_equal(counter_read(&b.monitor.starts), STARTS);
    offload_destroy(&b.offload);
    assert_int_equal(descriptors(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

int main(int argc, char **argv)
{
    if (argc == 6)
        return process(argv[4]);
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_sound_process, end),
        cmocka_unit_test_teardown(the_memory_cannot_be_shrunk, end),
        cmocka_unit_test_teardown(scribbled_memory_is_a_late_batch, end),
        cmocka_unit_test_teardown(an_answer_to_another_window, end),
        cmocka_unit_test_teardown(a_failed_launch, end),
        cmocka_unit_test_teardown(a_refusal_without_an_end, end),
        cmocka_unit_test_teardown(starts_become_rarer, end),
        cmocka_unit_test_teardown(many_starts_leave_nothing, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
