#include "service/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_BYTES = 512 };

struct client {
    uint8_t key[CURVE_KEY_BYTES];
    enum door_role role;
    char name[CLIENTS_NAME_BYTES];
};

struct clients {
    const char *path, *setting;
    struct stat seen; /* of the file when it was last looked at */
    uint32_t count;
    struct client *client; /* CLIENTS_MAX of them */
    struct client *next;   /* where a new list is put together */
};

static bool find_role(const char *text, enum door_role *role)
{
    for (uint32_t i = 0; i < DOOR_ROLE_COUNT; i++) {
        *role = (enum door_role)i;
        if (strcmp(text, door_role_name(*role)) == 0)
            return true;
    }
    return false;
}

/* "ROLE KEY NAME"; NULL if it is one, else what is wrong with it. */
static const char *parse(const char *line, struct client *to)
{
    char role[32], key[64];
    int name_at = 0;
    if (sscanf(line, "%31s %63s %n", role, key, &name_at) < 2)
        return "must be a role, a public key and a name";
    if (!find_role(role, &to->role))
        return "the role must be readout, subscriber or control";
    if (!curve_decode(key, to->key))
        return "the public key must be 40 characters of Z85, as sparse-keys prints them";
    if (name_at == 0 || line[name_at] == '\0')
        return "the key must have a name";
    (void)snprintf(to->name, sizeof to->name, "%s", line + name_at);
    return NULL;
}

/* Cuts the line's end and blanks before it. False: the line is empty or a comment. */
static bool has_content(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
        line[--n] = '\0';
    size_t blank = strspn(line, " \t");
    return line[blank] != '\0' && line[blank] != '#';
}

static bool read_all(struct clients *c, FILE *from, uint32_t *count, struct error *err)
{
    char line[LINE_BYTES];
    *count = 0;
    for (unsigned number = 1; fgets(line, sizeof line, from) != NULL; number++) {
        const char *wrong = NULL;
        if (!has_content(line))
            continue;
        if (strlen(line) + 1 == sizeof line)
            wrong = "is too long";
        else if (*count == CLIENTS_MAX)
            wrong = "is one key too many";
        else
            wrong = parse(line, &c->next[(*count)++]);
        if (wrong != NULL)
            return error_set(err, ERROR_CONFIG, "%s = \"%s\", line %u: %s", c->setting, c->path,
                             number, wrong);
    }
    return ferror(from) == 0 ||
           error_set(err, ERROR_CONFIG, "%s = \"%s\": %s", c->setting, c->path, strerror(errno));
}

static bool read_file(struct clients *c, struct error *err)
{
    uint32_t count = 0;
    FILE *from = fopen(c->path, "re");
    if (from == NULL)
        return error_set(err, ERROR_CONFIG, "%s = \"%s\": %s", c->setting, c->path,
                         strerror(errno));
    bool good = read_all(c, from, &count, err);
    (void)fclose(from);
    if (!good)
        return false;
    struct client *old = c->client;
    c->client = c->next;
    c->next = old;
    c->count = count;
    return true;
}

struct clients *clients_create(const char *path, const char *setting, struct error *err)
{
    struct clients *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->path = path;
        c->setting = setting;
        c->client = calloc(CLIENTS_MAX, sizeof *c->client);
        c->next = calloc(CLIENTS_MAX, sizeof *c->next);
    }
    if (c == NULL || c->client == NULL || c->next == NULL)
        (void)error_set(err, ERROR_SYSTEM, "no memory for the list of clients");
    else if (stat(path, &c->seen) != 0)
        (void)error_set(err, ERROR_CONFIG, "%s = \"%s\": %s", setting, path, strerror(errno));
    else if (read_file(c, err))
        return c;
    clients_destroy(&c);
    return NULL;
}

void clients_destroy(struct clients **c)
{
    if (*c != NULL) {
        free((*c)->client);
        free((*c)->next);
        free(*c);
        *c = NULL;
    }
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool clients_refresh(struct clients *c, struct error *err)
{
    struct stat now = {0};
    if (stat(c->path, &now) != 0)
        now = (struct stat){0}; /* absent: a change like any other */
    if (same(&now, &c->seen))
        return true;
    c->seen = now;
    return read_file(c, err);
}

uint32_t clients_count(const struct clients *c)
{
    return c->count;
}

const char *clients_find(const struct clients *c, const uint8_t key[CURVE_KEY_BYTES],
                         enum door_role role, bool *known)
{
    *known = false;
    for (uint32_t i = 0; i < c->count; i++) {
        if (memcmp(c->client[i].key, key, CURVE_KEY_BYTES) != 0)
            continue;
        *known = true;
        if (c->client[i].role == role)
            return c->client[i].name;
    }
    return NULL;
}
