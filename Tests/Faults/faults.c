// Makes system calls on files fail as a test says: preloaded (LD_PRELOAD) into the process under test.
//
// FAULT_RULES names a file of rules, which may be replaced (rename(2)) while the process runs. A rule is a line:
//
//     CALL FILE SIZE SKIP COUNT ERROR [done | slow]
//
// CALL: pwrite, write, writev, pread, fdatasync, fsync, ftruncate, fallocate, open or mmap. FILE: part of the file's
// path. SIZE: of the bytes to be written, 0 for any. SKIP: so many calls pass first. COUNT: so many fail then, 0: all.
// ERROR: the errno. `done`: the call is made before it fails, as of a disk that loses its answer. `slow`: it does
// not fail, and begins ERROR milliseconds later.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct rule {
    char call[16];
    char file[256];
    unsigned long size, skip, count;
    int error, is_done, is_slow;
    unsigned long seen, failed;
};

static struct rule rules[32];
static int rule_count;
static ino_t rules_inode;
static struct timespec rules_time;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// Reads the rules when the file is another one than before.
static void refresh(void) {
    const char *path = getenv("FAULT_RULES");
    struct stat status;
    if (path == NULL || stat(path, &status) != 0) {
        rule_count = 0;
        rules_inode = 0;
        return;
    }
    if (status.st_ino == rules_inode && memcmp(&status.st_mtim, &rules_time, sizeof rules_time) == 0) return;
    rules_inode = status.st_ino;
    rules_time = status.st_mtim;
    rule_count = 0;
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0) return;
    char text[8192];
    long length = syscall(SYS_read, descriptor, text, sizeof text - 1);
    syscall(SYS_close, descriptor);
    if (length < 0) return;
    text[length] = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rule_count < 32;) {
        struct rule rule = {0};
        char how[8] = "";
        int found = sscanf(line, "%15s %255s %lu %lu %lu %d %7s", rule.call, rule.file, &rule.size, &rule.skip,
                           &rule.count, &rule.error, how);
        rule.is_done = strcmp(how, "done") == 0;
        rule.is_slow = strcmp(how, "slow") == 0;
        if (found >= 6) rules[rule_count++] = rule;
    }
}

// The errno that the call is to fail with, negated when it is made all the same; 0: it passes.
static int fault_at(const char *call, const char *path, size_t size) {
    int error = 0, milliseconds = 0;
    pthread_mutex_lock(&lock);
    refresh();
    for (int index = 0; index < rule_count && error == 0 && milliseconds == 0; index++) {
        struct rule *rule = &rules[index];
        if (strcmp(rule->call, call) != 0 || strstr(path, rule->file) == NULL) continue;
        if (rule->size != 0 && rule->size != size) continue;
        if (rule->seen++ < rule->skip) continue;
        if (rule->count != 0 && rule->failed >= rule->count) continue;
        rule->failed++;
        if (rule->is_slow) milliseconds = rule->error;
        else error = rule->is_done ? -rule->error : rule->error;
    }
    pthread_mutex_unlock(&lock);
    if (milliseconds > 0) {
        struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
        nanosleep(&pause, NULL);
    }
    return error;
}

static int fault(const char *call, int descriptor, size_t size) {
    if (getenv("FAULT_RULES") == NULL) return 0;
    int before = errno;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    int error = 0;
    if (length > 0) {
        path[length] = 0;
        error = fault_at(call, path, size);
    }
    errno = before;
    return error;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// Fails as the rules say, before or after the call.
#define CALL(type, call, descriptor, size, made)      \
    do {                                              \
        int error = fault(call, descriptor, size);    \
        if (error > 0) {                              \
            errno = error;                            \
            return -1;                                \
        }                                             \
        type result = made;                           \
        if (error < 0) {                              \
            errno = -error;                           \
            return -1;                                \
        }                                             \
        return result;                                \
    } while (0)

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    CALL(ssize_t, "pwrite", descriptor, count, REAL(pwrite)(descriptor, bytes, count, offset));
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    CALL(ssize_t, "pwrite", descriptor, count, REAL(pwrite64)(descriptor, bytes, count, offset));
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    CALL(ssize_t, "pread", descriptor, count, REAL(pread)(descriptor, bytes, count, offset));
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    CALL(ssize_t, "write", descriptor, count, REAL(write)(descriptor, bytes, count));
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    CALL(ssize_t, "writev", descriptor, 0, REAL(writev)(descriptor, parts, count));
}

int fdatasync(int descriptor) { CALL(int, "fdatasync", descriptor, 0, REAL(fdatasync)(descriptor)); }

int fsync(int descriptor) { CALL(int, "fsync", descriptor, 0, REAL(fsync)(descriptor)); }

int ftruncate(int descriptor, off_t size) {
    CALL(int, "ftruncate", descriptor, 0, REAL(ftruncate)(descriptor, size));
}

int fallocate(int descriptor, int mode, off_t start, off_t count) {
    CALL(int, "fallocate", descriptor, 0, REAL(fallocate)(descriptor, mode, start, count));
}

void *mmap(void *address, size_t count, int protection, int flags, int descriptor, off_t offset) {
    int error = descriptor >= 0 ? fault("mmap", descriptor, 0) : 0;
    if (error > 0) {
        errno = error;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, count, protection, flags, descriptor, offset);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int before = errno;
    int error = getenv("FAULT_RULES") == NULL ? 0 : fault_at("open", path, 0);
    errno = before;
    if (error > 0) {
        errno = error;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
