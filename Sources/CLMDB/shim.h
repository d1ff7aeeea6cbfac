// liblmdb, as it is, and three doors to the system that Glibc's module lacks and only the store wants.
#ifndef TOLLGATE_CLMDB_SHIM_H
#define TOLLGATE_CLMDB_SHIM_H
#include <errno.h>
#include <lmdb.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <time.h>

// GNU's own function, and its flag: _GNU_SOURCE would change structures that Swift's Glibc module has already.
extern int fallocate(int descriptor, int mode, off_t start, off_t count);
#define CLMDB_KEEP_SIZE 1

// GNU's own, too: a wait with a limit by the monotonic clock.
extern int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *end);

// The same with CLOCK_MONOTONIC: 0, or an errno.
static inline int clmdb_semaphore_wait(sem_t *semaphore, const struct timespec *end) {
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, end) == 0 ? 0 : errno;
}

// fallocate(2): takes disk space, and leaves the file's size as it is. 0, or an errno.
static inline int clmdb_reserve(int descriptor, int64_t start, int64_t count) {
    return fallocate(descriptor, CLMDB_KEEP_SIZE, (off_t)start, (off_t)count) == 0 ? 0 : errno;
}

// statfs(2): whether the directory is on a file system in memory (TMPFS_MAGIC, RAMFS_MAGIC).
static inline int clmdb_is_in_memory(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 && (status.f_type == 0x01021994 || status.f_type == 0x858458f6);
}
#endif
