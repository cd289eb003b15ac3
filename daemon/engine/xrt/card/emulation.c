#include "engine/xrt/card/emulation.h"

#include "engine/xrt/folder.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_BYTES = 0x10000 };

static char folder[FOLDER_BYTES];    /* empty: none */
static volatile sig_atomic_t device; /* its process; 0: none */
static void (*device_ended)(int status);

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
    char library[PATH_MAX], path[FOLDER_BYTES + 16];
    folder_name(getpid(), folder);
    if (!folder_make(getpid())) {
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

/* A signal handler: nothing here waits or allocates. */
static void on_child(int number)
{
    (void)number;
    int status, why = errno;
    if (device > 0 && waitpid((pid_t)device, &status, WNOHANG) == (pid_t)device) {
        device = 0;
        device_ended(status);
    }
    errno = why;
}

static _Noreturn void become_device(const char *command)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    char *run = NULL; /* exec: the shell becomes the device, and so is what is ended */
    if (asprintf(&run, "exec %s", command) >= 0)
        (void)execl("/bin/sh", "sh", "-c", run, (char *)NULL);
    _exit(127);
}

bool emulation_start(const char *command, void (*ended)(int status), struct error *err)
{
    if (!set_environment(err))
        return false;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    device_ended = ended;
    (void)sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child, .sa_flags = SA_RESTART},
                    NULL);
    (void)sigprocmask(SIG_BLOCK, &child, NULL); /* not before `device` is known */
    pid_t pid = fork();
    if (pid == 0) {
        (void)sigprocmask(SIG_UNBLOCK, &child, NULL);
        become_device(command);
    }
    device = pid > 0 ? (sig_atomic_t)pid : 0;
    (void)sigprocmask(SIG_UNBLOCK, &child, NULL);
    return pid > 0 ||
           error_set(err, ERROR_SYSTEM, "cannot start the device process: %s", strerror(errno));
}

void emulation_stop(void)
{
    (void)signal(SIGCHLD, SIG_DFL);
    if (device > 0) {
        (void)kill((pid_t)device, SIGKILL);
        (void)waitpid((pid_t)device, NULL, 0);
        device = 0;
    }
    if (folder[0] != '\0')
        folder_remove(getpid());
}
