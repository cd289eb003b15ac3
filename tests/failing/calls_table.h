/* What is made to fail: a row a function.
 *
 *     X(type, name, parameters, arguments, what a failure returns, its errno)
 *
 * FAILING_CALLS fail before they did anything; FAILING_ENDS do their work first, as a close
 * does: what they end has ended, and only the answer is bad. CMake reads the names here too:
 * a row is one line that begins with X(.
 */
#ifndef SPARSED_TESTS_FAILING_CALLS_TABLE_H
#define SPARSED_TESTS_FAILING_CALLS_TABLE_H

/* clang-format off */
#define FAILING_CALLS(X) \
    X(void *, malloc, (size_t n), (n), NULL, ENOMEM) \
    X(void *, calloc, (size_t n, size_t each), (n, each), NULL, ENOMEM) \
    X(void *, realloc, (void *p, size_t n), (p, n), NULL, ENOMEM) \
    X(void *, aligned_alloc, (size_t a, size_t n), (a, n), NULL, ENOMEM) \
    X(char *, strdup, (const char *s), (s), NULL, ENOMEM) \
    X(FILE *, open_memstream, (char **text, size_t *n), (text, n), NULL, ENOMEM) \
    X(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EIO) \
    X(int, ferror, (FILE *f), (f), 1, EIO) \
    X(int, stat, (const char *path, struct stat *s), (path, s), -1, EIO) \
    X(int, fstat, (int fd, struct stat *s), (fd, s), -1, EIO) \
    X(int, statvfs, (const char *path, struct statvfs *s), (path, s), -1, EIO) \
    X(int, mkstemp, (char *path), (path), -1, EROFS) \
    X(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, ENFILE) \
    X(int, ftruncate, (int fd, off_t n), (fd, n), -1, ENOSPC) \
    X(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), -1, ENOSPC) \
    X(void *, mmap, (void *at, size_t n, int p, int f, int fd, off_t o), (at, n, p, f, fd, o), MAP_FAILED, ENOMEM) \
    X(int, eventfd, (unsigned n, int flags), (n, flags), -1, EMFILE) \
    X(int, dup3, (int from, int to, int flags), (from, to, flags), -1, EMFILE) \
    X(pid_t, fork, (void), (), -1, EAGAIN) \
    X(ssize_t, readlink, (const char *path, char *to, size_t n), (path, to, n), -1, EIO) \
    X(int, socket, (int family, int type, int protocol), (family, type, protocol), -1, EMFILE) \
    X(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, EADDRINUSE) \
    X(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE) \
    X(int, getaddrinfo, (const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found), (host, port, hints, found), EAI_AGAIN, 0) \
    X(int, pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*body)(void *), void *arg), (t, a, body, arg), EAGAIN, 0) \
    X(int, posix_spawn, (pid_t *pid, const char *path, const posix_spawn_file_actions_t *f, const posix_spawnattr_t *a, char *const *argv, char *const *env), (pid, path, f, a, argv, env), EAGAIN, 0) \
    X(void *, zmq_socket, (void *context, int type), (context, type), NULL, EMFILE) \
    X(int, zmq_setsockopt, (void *s, int option, const void *value, size_t n), (s, option, value, n), -1, EINVAL) \
    X(int, zmq_getsockopt, (void *s, int option, void *value, size_t *n), (s, option, value, n), -1, EINVAL) \
    X(int, zmq_bind, (void *s, const char *endpoint), (s, endpoint), -1, EADDRINUSE) \
    X(int, zmq_connect, (void *s, const char *endpoint), (s, endpoint), -1, EMTHREAD) \
    X(int, zmq_socket_monitor, (void *s, const char *endpoint, int events), (s, endpoint, events), -1, EMTHREAD) \
    X(int, zmq_ctx_set, (void *context, int option, int value), (context, option, value), -1, EINVAL) \
    X(int, zmq_send, (void *s, const void *data, size_t n, int flags), (s, data, n, flags), -1, EAGAIN) \
    X(int, zmq_recv, (void *s, void *data, size_t n, int flags), (s, data, n, flags), -1, EAGAIN) \
    X(int, zmq_msg_recv, (zmq_msg_t *m, void *s, int flags), (m, s, flags), -1, EAGAIN) \
    X(hid_t, H5Fopen, (const char *path, unsigned flags, hid_t list), (path, flags, list), -1, EIO) \
    X(hid_t, H5Fcreate, (const char *path, unsigned flags, hid_t c, hid_t a), (path, flags, c, a), -1, EIO) \
    X(herr_t, H5Fget_vfd_handle, (hid_t f, hid_t list, void **handle), (f, list, handle), -1, EIO) \
    X(herr_t, H5Fget_filesize, (hid_t f, hsize_t *n), (f, n), -1, EIO) \
    X(hid_t, H5Gopen2, (hid_t at, const char *name, hid_t list), (at, name, list), -1, EIO) \
    X(hid_t, H5Gcreate2, (hid_t at, const char *name, hid_t l, hid_t c, hid_t a), (at, name, l, c, a), -1, EIO) \
    X(herr_t, H5Gget_info, (hid_t g, H5G_info_t *info), (g, info), -1, EIO) \
    X(herr_t, H5Lget_info, (hid_t at, const char *name, H5L_info_t *info, hid_t list), (at, name, info, list), -1, EIO) \
    X(ssize_t, H5Lget_name_by_idx, (hid_t at, const char *group, H5_index_t by, H5_iter_order_t order, hsize_t n, char *name, size_t size, hid_t list), (at, group, by, order, n, name, size, list), -1, EIO) \
    X(hid_t, H5Dopen2, (hid_t at, const char *name, hid_t list), (at, name, list), -1, EIO) \
    X(hid_t, H5Dcreate2, (hid_t at, const char *name, hid_t type, hid_t space, hid_t l, hid_t c, hid_t a), (at, name, type, space, l, c, a), -1, EIO) \
    X(hid_t, H5Dget_space, (hid_t d), (d), -1, EIO) \
    X(hid_t, H5Dget_type, (hid_t d), (d), -1, EIO) \
    X(hid_t, H5Dget_create_plist, (hid_t d), (d), -1, EIO) \
    X(herr_t, H5Dset_extent, (hid_t d, const hsize_t *n), (d, n), -1, ENOSPC) \
    X(herr_t, H5Dread, (hid_t d, hid_t type, hid_t m, hid_t f, hid_t list, void *to), (d, type, m, f, list, to), -1, EIO) \
    X(herr_t, H5Dwrite, (hid_t d, hid_t type, hid_t m, hid_t f, hid_t list, const void *from), (d, type, m, f, list, from), -1, ENOSPC) \
    X(hid_t, H5Aopen, (hid_t at, const char *name, hid_t list), (at, name, list), -1, EIO) \
    X(hid_t, H5Acreate2, (hid_t at, const char *name, hid_t type, hid_t space, hid_t c, hid_t a), (at, name, type, space, c, a), -1, ENOSPC) \
    X(hid_t, H5Aget_type, (hid_t a), (a), -1, EIO) \
    X(hid_t, H5Aget_space, (hid_t a), (a), -1, EIO) \
    X(herr_t, H5Aread, (hid_t a, hid_t type, void *to), (a, type, to), -1, EIO) \
    X(herr_t, H5Awrite, (hid_t a, hid_t type, const void *from), (a, type, from), -1, ENOSPC) \
    X(hid_t, H5Screate, (H5S_class_t c), (c), -1, ENOMEM) \
    X(hid_t, H5Screate_simple, (int rank, const hsize_t *n, const hsize_t *most), (rank, n, most), -1, ENOMEM) \
    X(int, H5Sget_simple_extent_ndims, (hid_t s), (s), -1, EIO) \
    X(int, H5Sget_simple_extent_dims, (hid_t s, hsize_t *n, hsize_t *most), (s, n, most), -1, EIO) \
    X(hssize_t, H5Sget_simple_extent_npoints, (hid_t s), (s), -1, EIO) \
    X(herr_t, H5Sselect_hyperslab, (hid_t s, H5S_seloper_t op, const hsize_t *at, const hsize_t *step, const hsize_t *n, const hsize_t *block), (s, op, at, step, n, block), -1, EIO) \
    X(hid_t, H5Tcopy, (hid_t t), (t), -1, ENOMEM) \
    X(herr_t, H5Tset_size, (hid_t t, size_t n), (t, n), -1, ENOMEM) \
    X(hid_t, H5Pcreate, (hid_t class), (class), -1, ENOMEM) \
    X(herr_t, H5Pset_fapl_core, (hid_t list, size_t n, hbool_t store), (list, n, store), -1, ENOMEM) \
    X(herr_t, H5Pset_file_image, (hid_t list, void *image, size_t n), (list, image, n), -1, ENOMEM) \
    X(herr_t, H5Pset_chunk, (hid_t list, int rank, const hsize_t *n), (list, rank, n), -1, ENOMEM) \
    X(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL, ENOMEM) \
    X(int, EVP_DigestInit_ex, (EVP_MD_CTX *c, const EVP_MD *type, ENGINE *e), (c, type, e), 0, 0) \
    X(int, EVP_DigestUpdate, (EVP_MD_CTX *c, const void *data, size_t n), (c, data, n), 0, 0) \
    X(int, EVP_DigestFinal_ex, (EVP_MD_CTX *c, unsigned char *to, unsigned *n), (c, to, n), 0, 0) \
    X(int, EVP_Digest, (const void *data, size_t n, unsigned char *to, unsigned *bytes, const EVP_MD *type, ENGINE *e), (data, n, to, bytes, type, e), 0, 0) \
    X(ZSTD_DCtx *, ZSTD_createDCtx, (void), (), NULL, ENOMEM) \
    X(json_t *, json_loadb, (const char *text, size_t n, size_t flags, json_error_t *e), (text, n, flags, e), NULL, ENOMEM) \
    X(rd_kafka_conf_res_t, rd_kafka_conf_set, (rd_kafka_conf_t *c, const char *name, const char *value, char *why, size_t n), (c, name, value, why, n), RD_KAFKA_CONF_INVALID, 0) \
    X(rd_kafka_t *, rd_kafka_new, (rd_kafka_type_t type, rd_kafka_conf_t *c, char *why, size_t n), (type, c, why, n), NULL, EAGAIN) \
    X(rd_kafka_resp_err_t, rd_kafka_subscribe, (rd_kafka_t *k, const rd_kafka_topic_partition_list_t *l), (k, l), RD_KAFKA_RESP_ERR__INVALID_ARG, 0)

#define FAILING_ENDS(X) \
    X(int, fclose, (FILE *f), (f), EOF, ENOSPC) \
    X(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), -1, ECHILD) \
    X(herr_t, H5Fflush, (hid_t f, H5F_scope_t scope), (f, scope), -1, ENOSPC) \
    X(herr_t, H5Fclose, (hid_t f), (f), -1, ENOSPC) \
    X(herr_t, H5Dclose, (hid_t d), (d), -1, ENOSPC)
/* clang-format on */

#endif
