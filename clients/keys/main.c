/* sparse-keys: makes a pair of keys for a socket of sparsed or of one of its clients.
 *
 * Files as czmq and pyzmq know them: NAME.key to give away, NAME.key_secret to keep.
 * The secret one is made first, with nobody else's access and only where there is none,
 * so that no key in use is ever lost to a second call.
 */
#include "common/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

struct options {
    const char *role; /* NULL: none given */
    const char *name; /* NULL: the file's */
    const char *path; /* without .key */
    bool public;
};

static const char help[] =
    "Usage: sparse-keys [OPTION]... PATH\n"
    "Makes a pair of keys: PATH.key_secret, to keep (mode 600), and PATH.key, to give away.\n"
    "A file that is there is never overwritten. Prints the line that the daemon's list of\n"
    "clients (security.clients) needs to let this key in.\n"
    "\n"
    "  --role readout|subscriber|control\n"
    "                 sends fragments (default), reads decisions and metrics, or starts and\n"
    "                 stops runs\n"
    "  --name NAME    what the log calls the key; default: PATH without its folder\n"
    "  --public       make nothing: print the line for the key file PATH, which exists\n"
    "  -h, --help     this text\n"
    "  --version      the version\n"
    "\n"
    "Examples:\n"
    "  sparse-keys /etc/sparsed/sparsed                 the daemon's own; give sparsed.key to all\n"
    "  sparse-keys --role readout daq01 >> clients      a crate's; its clients line into the list\n"
    "  sparse-keys --public --role subscriber daq01.key the line once more, with another role\n"
    "\n"
    "Exit status: 0; 1 if a file cannot be made or read; 2 for a bad command line.\n";

static int usage(const char *what, const char *must)
{
    fprintf(stderr, "sparse-keys: %s: %s; --help shows how it is used\n", what, must);
    return 2;
}

static bool is_role(const char *text)
{
    return strcmp(text, "readout") == 0 || strcmp(text, "subscriber") == 0 ||
           strcmp(text, "control") == 0;
}

/* One line, without what would end a line or a quoted text. */
static bool is_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
            return false;
    return text[0] != '\0' && text[0] != ' ' && strlen(text) < 64;
}

/* Exit status of a program that ends here, or -1 to go on. */
static int read_options(int argc, char **argv, struct options *o)
{
    enum { ROLE = 256, NAME, PUBLIC, VERSION };
    static const struct option table[] = {
        {"role", required_argument, NULL, ROLE}, {"name", required_argument, NULL, NAME},
        {"public", no_argument, NULL, PUBLIC},   {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, VERSION}, {0}};
    int c;
    while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (c) {
        case ROLE:
            o->role = optarg;
            if (!is_role(optarg))
                return usage(optarg, "--role must be readout, subscriber or control");
            break;
        case NAME:
            o->name = optarg;
            break;
        case PUBLIC:
            o->public = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case VERSION:
            puts("sparse-keys " SPARSED_VERSION);
            return 0;
        default:
            return 2; /* getopt_long said why */
        }
    }
    if (argc - optind != 1)
        return usage("PATH", "must be given, once");
    o->path = argv[optind];
    return -1;
}

static void print_line(const struct options *o, const char *name, const char *public_key)
{
    printf("%-10s  %s  %s\n", o->role ? o->role : "readout", public_key, name);
}

/* A new file of that mode, or none. */
static bool write_file(const char *path, mode_t mode, const char *name,
                       const struct keys_pair *keys, struct failure *f)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        return failure_set(f, "%s: %s%s", path, strerror(errno),
                           errno == EEXIST ? ": a key is never overwritten" : "");
    fprintf(to, "#   ZeroMQ CURVE %s certificate\n\nmetadata\n    name = \"%s\"\n",
            keys->secret_key[0] ? "**secret**" : "public", name);
    fprintf(to, "curve\n    public-key = \"%s\"\n", keys->public_key);
    if (keys->secret_key[0])
        fprintf(to, "    secret-key = \"%s\"\n", keys->secret_key);
    bool good = fflush(to) == 0 && fsync(fd) == 0;
    int why = errno;
    good = fclose(to) == 0 && good;
    if (!good)
        (void)unlink(path);
    return good || failure_set(f, "%s: %s", path, strerror(why));
}

static bool make(const struct options *o, const char *name, struct failure *f)
{
    struct keys_pair keys;
    char public_path[4096], secret_path[4096];
    if (strlen(o->path) > sizeof public_path - 16)
        return failure_set(f, "%.100s...: is too long for a path", o->path);
    (void)snprintf(public_path, sizeof public_path, "%s.key", o->path);
    (void)snprintf(secret_path, sizeof secret_path, "%s.key_secret", o->path);
    if (access(public_path, F_OK) == 0)
        return failure_set(f, "%s: %s: a key is never overwritten", public_path, strerror(EEXIST));
    if (zmq_curve_keypair(keys.public_key, keys.secret_key) != 0)
        return failure_set(f, "libzmq makes no keys: %s", zmq_strerror(errno));
    bool good = write_file(secret_path, 0600, name, &keys, f);
    explicit_bzero(keys.secret_key, sizeof keys.secret_key);
    if (good && !write_file(public_path, 0644, name, &keys, f)) {
        (void)unlink(secret_path); /* ours, and of no use alone */
        good = false;
    }
    if (good) {
        print_line(o, name, keys.public_key);
        fprintf(stderr, "%s to keep, %s to give away\n", secret_path, public_path);
    }
    return good;
}

static bool show(const struct options *o, const char *name, struct failure *f)
{
    struct keys_pair keys;
    bool good = keys_read(&keys, o->path, f);
    if (good)
        print_line(o, name, keys.public_key);
    explicit_bzero(&keys, sizeof keys);
    return good;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct failure f = {""};
    char base[256];
    int status = read_options(argc, argv, &o);
    if (status >= 0)
        return status;
    const char *slash = strrchr(o.path, '/');
    (void)snprintf(base, sizeof base, "%s", slash ? slash + 1 : o.path);
    char *dot = o.public ? strstr(base, ".key") : NULL;
    if (dot)
        *dot = '\0';
    const char *name = o.name ? o.name : base;
    if (!is_name(name))
        return usage(name, "--name must be 1 to 63 characters, without quotes");
    if (!(o.public ? show(&o, name, &f) : make(&o, name, &f))) {
        fprintf(stderr, "sparse-keys: %s\n", f.text);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
