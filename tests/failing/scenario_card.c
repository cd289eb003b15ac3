/* A kernel's container, a card's process, and Kafka's clients. */
#include "calls.h"
#include "scenario.h"

#include "../unit/xclbin_file.h"
#include "data/monitor.h"
#include "engine/xrt/offload.h"
#include "engine/xrt/xclbin.h"
#include "output/kafka.h"
#include "readout/kafka.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char metadata[] = XCLBIN_FILE_METADATA_OF("1");

static const char *write_xclbin(void)
{
    static struct xclbin_file f = XCLBIN_FILE_GOOD;
    const char *path = scenario_path("k.xclbin");
    if (access(path, R_OK) == 0)
        return path;
    calls_pause(true);
    f.metadata = metadata;
    xclbin_file_make(&f);
    FILE *to = fopen(path, "we");
    if (to == NULL || fwrite(f.data, 1, f.bytes, to) != f.bytes || fclose(to) != 0)
        scenario_wrong("the test cannot write %s", path);
    calls_pause(false);
    return path;
}

static bool read_xclbin(struct error *err)
{
    struct xclbin x;
    if (!xclbin_read(write_xclbin(), &x, err))
        return false;
    if (x.n_slots != 5 || x.height != 9 || strcmp(x.kernel, "k") != 0)
        scenario_wrong("half a container was read");
    return true;
}

/* A card whose program ends at once: it comes down each time it is started, and what could not
 * be started is counted as down as well. */
static bool offload(struct error *err)
{
    static const struct pixel place = {1, 1};
    static const int32_t value = 3;
    static const struct window window = {
        .n_active = 1, .n_listed = 1, .place = &place, .value = &value};
    static const int64_t zero;
    static const struct offload_test test = {&window, &zero, 1};
    static const struct model model = {
        .height = 9, .width = 7, .channels = 1, .n_outputs = 1, .max_listed = 5};
    static struct fpga_monitor monitor;
    struct fpga_settings settings = {.batches = 2,
                                     .batch_windows = 4,
                                     .deadline_ns = 1000,
                                     .start_limit_ns = UINT64_C(3600000000000),
                                     .restart_ns = 1000000,
                                     .program = "/bin/true"};
    struct model_settings ms = {.device_command = "no"};
    (void)snprintf(ms.xclbin, sizeof ms.xclbin, "%s", write_xclbin());
    calls_pause(true);
    int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    calls_pause(false);
    memset(&monitor, 0, sizeof monitor);
    struct offload *o = offload_create(&settings, &ms, 0, &model, &test, done_fd, &monitor, err);
    bool good = o != NULL;
    if (good) {
        uint64_t now_ns = 1000000000;
        for (int i = 0; i < 5000 && counter_read(&monitor.down[FPGA_DOWN_died]) == 0; i++) {
            offload_tick(o, now_ns += 100000000);
            (void)usleep(500);
        }
        if (counter_read(&monitor.down[FPGA_DOWN_died]) == 0)
            scenario_wrong("a program that ended is not missed");
        if (offload_slot(o) >= 0)
            scenario_wrong("a card that is down takes windows");
    }
    offload_destroy(&o);
    (void)close(done_fd);
    return good;
}

/* ---- Kafka, whose brokers are not there ---- */

static bool send_to_kafka(struct error *err)
{
    static struct monitor monitor;
    struct kafka_output_settings s = {.queue = 10};
    (void)snprintf(s.brokers, sizeof s.brokers, "127.0.0.1:1");
    (void)snprintf(s.topic, sizeof s.topic, "decisions");
    s.properties.count = 1;
    (void)snprintf(s.properties.text[0], SETTINGS_PATH_BYTES, "linger.ms=1");
    memset(&monitor, 0, sizeof monitor);
    struct kafka_decisions *k = kafka_decisions_create(&s, -1, &monitor, err);
    bool good = k != NULL;
    kafka_decisions_destroy(&k, 0);
    return good;
}

const struct scenario card_scenarios[] = {
    {"xclbin", read_xclbin}, {"offload", offload}, {"kafka-decisions", send_to_kafka}, {0}};
