#include "engine/xrt/card/emulation.h"

#include "engine/xrt/shared.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_BYTES = 0x10000 };

static char folder[SHARED_FOLDER_BYTES]; /* empty: none */
static pid_t device;

/* The library sleeps for 10 s at its first command and for 1 s at each wait, for
 * simulators that take that long to start. Ours does not; in emulation its sleep is
 * short. (Found before libc's because this program exports it.) */
unsigned sleep(unsigned seconds)
{
    struct timespec t = {.tv_sec = seconds};
    if (folder[0] != '\0')
        t = (struct timespec){.tv_nsec = 1000 * 1000};
    (void)nanosleep(&t, NULL);
    return 0;
}

/* system_dpa: closing would wait for 10 s. dont_run: the device process is ours. pad: the
 * library's message buffer never grows beyond its first message, which carries these
 * settings; so they are made as long as the longest message. */
static bool write_settings(const char *path)
{
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return false;
    (void)fprintf(f,
                  "[Emulation]\npacket_size = %#x\nsystem_dpa = false\n"
                  "print_infos_in_console = false\ndont_run = true\n[Debug]\npad = ",
                  PACKET_BYTES);
    for (int i = 0; i < PACKET_BYTES + 4096; i++)
        (void)fputc('x', f);
    (void)fputc('\n', f);
    return fclose(f) == 0;
}

/* Where XRT's libraries are: beside the one that is loaded. */
static bool library_folder(char *path, size_t bytes)
{
    Dl_info info;
    void *symbol = dlsym(RTLD_DEFAULT, "xrtDeviceOpen");
    if (symbol == NULL || dladdr(symbol, &info) == 0)
        return false;
    (void)snprintf(path, bytes, "%s", info.dli_fname);
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

static bool set_environment(struct error *err)
{
    char library[PATH_MAX], path[SHARED_FOLDER_BYTES + 16];
    shared_folder(getpid(), folder);
    if (mkdir(folder, 0700) != 0) {
        (void)error_set(err, ERROR_SYSTEM, "%s: %s", folder, strerror(errno));
        folder[0] = '\0';
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/lib", folder);
    bool good = library_folder(library, sizeof library) && symlink(library, path) == 0;
    (void)snprintf(path, sizeof path, "%s/xrt.ini", folder);
    good = good && write_settings(path) && setenv("XRT_INI_PATH", path, 1) == 0 &&
           setenv("XILINX_XRT", folder, 1) == 0 && setenv("XCL_EMULATION_MODE", "hw_emu", 1) == 0 &&
           setenv("EMULATION_SOCKETID", "card", 1) == 0 &&
           setenv("USER", folder + strlen("/tmp/"), 1) == 0; /* sockets are in /tmp/$USER */
    return good || error_set(err, ERROR_SYSTEM, "%s: cannot be prepared for the emulation", folder);
}

bool emulation_start(const char *command, struct error *err)
{
    if (!set_environment(err))
        return false;
    device = fork();
    if (device < 0)
        return error_set(err, ERROR_SYSTEM, "cannot start the device process: %s", strerror(errno));
    if (device == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setpgid(0, 0);
        char *run = NULL; /* exec: the shell becomes the device, and so is what is ended */
        if (asprintf(&run, "exec %s", command) >= 0)
            (void)execl("/bin/sh", "sh", "-c", run, (char *)NULL);
        _exit(127);
    }
    return true;
}

void emulation_stop(void)
{
    if (device > 0) {
        (void)kill(device, SIGKILL);
        (void)waitpid(device, NULL, 0);
        device = 0;
    }
}
