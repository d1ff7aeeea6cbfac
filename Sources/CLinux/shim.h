// What Glibc's module lacks. Header only: each function is a door to one system call.
//
// Doors answer the call's result, or the negated errno: it is read here, before anything else on
// the thread can change it.
#ifndef TOLLGATE_CLINUX_SHIM_H
#define TOLLGATE_CLINUX_SHIM_H
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// GNU's own functions. Declared here because _GNU_SOURCE would change structures that Swift's Glibc
// module has already, and one program can't have two of them.
extern int accept4(int descriptor, struct sockaddr *address, socklen_t *count, int flags);
extern int pthread_setname_np(pthread_t thread, const char *name);
extern int pthread_getname_np(pthread_t thread, char *name, size_t count);
extern int sched_setaffinity(pid_t thread, size_t count, const cpu_set_t *set);
extern int sched_getaffinity(pid_t thread, size_t count, cpu_set_t *set);

static inline long clinux_result(long result) { return result < 0 ? -(long)errno : result; }

// strerror_r(3), the POSIX one: 0, or an error number.
static inline int clinux_error_text(int code, char *buffer, size_t count) {
    return strerror_r(code, buffer, count);
}

// Descriptors.

static inline long clinux_close(int descriptor) { return clinux_result(close(descriptor)); }

static inline long clinux_read(int descriptor, void *bytes, size_t count) {
    return clinux_result(read(descriptor, bytes, count));
}

static inline long clinux_write(int descriptor, const void *bytes, size_t count) {
    return clinux_result(write(descriptor, bytes, count));
}

// epoll(7), eventfd(2), timerfd_create(2), signalfd(2).

static inline long clinux_epoll_create(void) { return clinux_result(epoll_create1(EPOLL_CLOEXEC)); }

static inline long clinux_epoll_control(
    int poll, int operation, int descriptor, uint32_t events, uint64_t user_data) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.u64 = user_data;
    return clinux_result(epoll_ctl(poll, operation, descriptor, &event));
}

static inline long clinux_epoll_wait(
    int poll, struct epoll_event *events, int count, int timeout_milliseconds) {
    return clinux_result(epoll_wait(poll, events, count, timeout_milliseconds));
}

static inline long clinux_eventfd(void) {
    return clinux_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static inline long clinux_timerfd(void) {
    return clinux_result(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

// Once, in so many nanoseconds; none would switch it off.
static inline long clinux_timer_set(int timer, int64_t nanoseconds) {
    struct itimerspec spec;
    memset(&spec, 0, sizeof spec);
    spec.it_value.tv_sec = nanoseconds / 1000000000;
    spec.it_value.tv_nsec = nanoseconds % 1000000000;
    return clinux_result(timerfd_settime(timer, 0, &spec, NULL));
}

static inline long clinux_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < count; index++) sigaddset(&set, signals[index]);
    return clinux_result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

static inline long clinux_signal_read(int descriptor) {
    struct signalfd_siginfo details;
    long result = clinux_result(read(descriptor, &details, sizeof details));
    return result < 0 ? result : (long)details.ssi_signo;
}

// pthread_sigmask(3); the answer is an errno, 0 for done.
static inline long clinux_signals_block(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < count; index++) sigaddset(&set, signals[index]);
    return -(long)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static inline long clinux_signal_ignore(int number) {
    return signal(number, SIG_IGN) == SIG_ERR ? -(long)errno : 0;
}

static inline long clinux_signal_raise(int number) { return raise(number); }

// Sockets. An address travels as 16 bytes in network order, family 4 or 6.

struct clinux_address {
    uint8_t bytes[16];
    uint32_t scope;
    uint16_t port;
    uint16_t family;
};

static inline socklen_t clinux_address_store(
    const struct clinux_address *from, struct sockaddr_storage *to) {
    memset(to, 0, sizeof *to);
    if (from->family == 4) {
        struct sockaddr_in *target = (struct sockaddr_in *)to;
        target->sin_family = AF_INET;
        target->sin_port = htons(from->port);
        memcpy(&target->sin_addr, from->bytes, 4);
        return sizeof *target;
    }
    struct sockaddr_in6 *target = (struct sockaddr_in6 *)to;
    target->sin6_family = AF_INET6;
    target->sin6_port = htons(from->port);
    target->sin6_scope_id = from->scope;
    memcpy(&target->sin6_addr, from->bytes, 16);
    return sizeof *target;
}

static inline void clinux_address_load(
    const struct sockaddr_storage *from, struct clinux_address *to) {
    memset(to, 0, sizeof *to);
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *source = (const struct sockaddr_in *)from;
        to->family = 4;
        to->port = ntohs(source->sin_port);
        memcpy(to->bytes, &source->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *source = (const struct sockaddr_in6 *)from;
        to->family = 6;
        to->port = ntohs(source->sin6_port);
        to->scope = source->sin6_scope_id;
        memcpy(to->bytes, &source->sin6_addr, 16);
    }
}

static inline long clinux_socket(int family) {
    return clinux_result(socket(
        family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static inline long clinux_socket_pair(int *first, int *second) {
    int ends[2] = {-1, -1};
    long result = clinux_result(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
    *first = ends[0];
    *second = ends[1];
    return result;
}

static inline long clinux_bind(int descriptor, const struct clinux_address *address) {
    struct sockaddr_storage storage;
    socklen_t count = clinux_address_store(address, &storage);
    return clinux_result(bind(descriptor, (struct sockaddr *)&storage, count));
}

static inline long clinux_connect(int descriptor, const struct clinux_address *address) {
    struct sockaddr_storage storage;
    socklen_t count = clinux_address_store(address, &storage);
    return clinux_result(connect(descriptor, (struct sockaddr *)&storage, count));
}

static inline long clinux_listen(int descriptor, int backlog) {
    return clinux_result(listen(descriptor, backlog));
}

static inline long clinux_accept(int descriptor, struct clinux_address *peer) {
    struct sockaddr_storage storage;
    socklen_t count = sizeof storage;
    storage.ss_family = AF_UNSPEC;
    long result = clinux_result(
        accept4(descriptor, (struct sockaddr *)&storage, &count, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (result >= 0) clinux_address_load(&storage, peer);
    return result;
}

static inline long clinux_local_address(int descriptor, struct clinux_address *address) {
    struct sockaddr_storage storage;
    socklen_t count = sizeof storage;
    long result = clinux_result(getsockname(descriptor, (struct sockaddr *)&storage, &count));
    if (result >= 0) clinux_address_load(&storage, address);
    return result;
}

static inline long clinux_peer_address(int descriptor, struct clinux_address *address) {
    struct sockaddr_storage storage;
    socklen_t count = sizeof storage;
    long result = clinux_result(getpeername(descriptor, (struct sockaddr *)&storage, &count));
    if (result >= 0) clinux_address_load(&storage, address);
    return result;
}

static inline long clinux_receive(int descriptor, void *bytes, size_t count) {
    return clinux_result(recv(descriptor, bytes, count, 0));
}

static inline long clinux_peek(int descriptor, void *bytes, size_t count) {
    return clinux_result(recv(descriptor, bytes, count, MSG_PEEK));
}

// Takes bytes out of a TCP socket without copying them: tcp(7), MSG_TRUNC.
static inline long clinux_skip(int descriptor, size_t count) {
    return clinux_result(recv(descriptor, NULL, count, MSG_TRUNC));
}

static inline long clinux_send(int descriptor, const void *bytes, size_t count) {
    return clinux_result(send(descriptor, bytes, count, MSG_NOSIGNAL));
}

static inline long clinux_shutdown_writing(int descriptor) {
    return clinux_result(shutdown(descriptor, SHUT_WR));
}

static inline long clinux_option(int descriptor, int level, int name, int value) {
    return clinux_result(setsockopt(descriptor, level, name, &value, sizeof value));
}

// SO_ERROR: the pending error (0 for none), or the negated errno of the question itself.
static inline long clinux_pending_error(int descriptor) {
    int code = 0;
    socklen_t count = sizeof code;
    long result = clinux_result(getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &count));
    return result < 0 ? result : code;
}

static inline long clinux_linger_zero(int descriptor) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return clinux_result(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

// unix(7), datagrams. A name that begins with a zero is an abstract one; none of them ends with one.

static inline long clinux_datagram_socket(void) {
    return clinux_result(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static inline long clinux_send_datagram(
    int descriptor, const uint8_t *name, size_t name_count, const void *bytes, size_t count) {
    struct sockaddr_un address;
    if (name_count > sizeof address.sun_path) return -ENAMETOOLONG;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, name, name_count);
    return clinux_result(sendto(
        descriptor, bytes, count, MSG_NOSIGNAL, (const struct sockaddr *)&address,
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_count)));
}

static inline int clinux_address_parse(int family, const char *text, uint8_t *bytes) {
    return inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes);
}

static inline int clinux_address_print(
    int family, const uint8_t *bytes, char *text, uint32_t count) {
    return inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, count) != NULL;
}

// Clocks: nanoseconds.

static inline int64_t clinux_nanoseconds(int clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static inline int64_t clinux_monotonic(void) { return clinux_nanoseconds(CLOCK_MONOTONIC); }
static inline int64_t clinux_realtime(void) { return clinux_nanoseconds(CLOCK_REALTIME); }
static inline int64_t clinux_thread_time(void) {
    return clinux_nanoseconds(CLOCK_THREAD_CPUTIME_ID);
}
static inline int64_t clinux_process_time(void) {
    return clinux_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
}

// By all threads of another process (clock_getcpuclockid(3)), or the negated error number.
static inline int64_t clinux_other_process_time(int process) {
    clockid_t clock;
    struct timespec time;
    int code = clock_getcpuclockid(process, &clock);
    if (code != 0) return -(int64_t)code;
    if (clock_gettime(clock, &time) != 0) return -(int64_t)errno;
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// Threads: the answers are negated error numbers, 0 for done.

static inline long clinux_thread_start(
    pthread_t *thread, size_t stack_bytes, void *(*body)(void *), void *context) {
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code != 0) return -(long)code;
    if (stack_bytes > 0) code = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (code == 0) code = pthread_create(thread, &attributes, body, context);
    pthread_attr_destroy(&attributes);
    return -(long)code;
}

static inline void clinux_thread_set_name(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

static inline void clinux_thread_get_name(char *name, size_t count) {
    if (pthread_getname_np(pthread_self(), name, count) != 0) name[0] = 0;
}

// sched_setaffinity(2) of the calling thread, for one processor from 0 to 1,023.
static inline long clinux_thread_pin(int processor) {
    cpu_set_t set;
    memset(&set, 0, sizeof set);
    if (processor < 0 || processor >= (int)(8 * sizeof set)) return -EINVAL;
    ((unsigned char *)&set)[processor / 8] = (unsigned char)(1 << processor % 8);
    return clinux_result(sched_setaffinity(0, sizeof set, &set));
}

// The next processor that the calling thread may run on, from `processor` on; -1 for none.
// The masks are little-endian, as both of our architectures are.
static inline int clinux_thread_processor(int processor) {
    cpu_set_t set;
    memset(&set, 0, sizeof set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
    for (; processor < (int)(8 * sizeof set); processor++)
        if (((unsigned char *)&set)[processor / 8] >> processor % 8 & 1) return processor;
    return -1;
}

// Files.

static inline long clinux_open(const char *path, int flags, uint32_t mode) {
    return clinux_result(open(path, flags | O_CLOEXEC, (mode_t)mode));
}

// A file without a name in the directory, for reading and writing by its owner; it is gone when it is
// closed. A file system that has no O_TMPFILE gets one with a name that is taken away at once.
static inline long clinux_open_temporary(const char *directory) {
    long result = clinux_result(open(directory, O_RDWR | O_CLOEXEC | __O_TMPFILE, 0600));
    if (result != -EOPNOTSUPP && result != -EISDIR) return result;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/.temporary-XXXXXX", directory);
    if (length < 0 || (size_t)length >= sizeof path) return -ENAMETOOLONG;
    result = clinux_result(mkstemp(path));
    if (result < 0) return result;
    fcntl((int)result, F_SETFD, FD_CLOEXEC);
    unlink(path);
    return result;
}

static inline long clinux_read_at(int descriptor, void *bytes, size_t count, int64_t offset) {
    return clinux_result(pread(descriptor, bytes, count, (off_t)offset));
}

static inline long clinux_write_at(int descriptor, const void *bytes, size_t count, int64_t offset) {
    return clinux_result(pwrite(descriptor, bytes, count, (off_t)offset));
}

static inline long clinux_truncate(int descriptor, int64_t size) {
    return clinux_result(ftruncate(descriptor, (off_t)size));
}

// The names in the directory, each with a zero at its end, as far as there is room; how many bytes all of them have.
static inline long clinux_directory_names(const char *path, char *names, size_t room) {
    DIR *directory = opendir(path);
    if (directory == NULL) return -(long)errno;
    size_t total = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        size_t count = strlen(entry->d_name) + 1;
        if (total + count <= room) memcpy(names + total, entry->d_name, count);
        total += count;
    }
    closedir(directory);
    return (long)total;
}

static inline long clinux_make_directory(const char *path, uint32_t mode) {
    return clinux_result(mkdir(path, (mode_t)mode));
}

static inline long clinux_change_mode(int descriptor, uint32_t mode) {
    return clinux_result(fchmod(descriptor, (mode_t)mode));
}

static inline long clinux_sync(int descriptor) { return clinux_result(fsync(descriptor)); }

static inline long clinux_rename(const char *from, const char *to) {
    return clinux_result(rename(from, to));
}

static inline long clinux_symlink(const char *target, const char *path) {
    return clinux_result(symlink(target, path));
}

// What the link says, without a zero at the end; its length.
static inline long clinux_link_target(const char *path, char *bytes, size_t count) {
    return clinux_result(readlink(path, bytes, count));
}

// realpath(3): `bytes` has room for PATH_MAX; the length without the zero.
static inline long clinux_real_path(const char *path, char *bytes) {
    return realpath(path, bytes) == NULL ? -(long)errno : (long)strlen(bytes);
}

static inline long clinux_unlink(const char *path) { return clinux_result(unlink(path)); }

static inline long clinux_remove_directory(const char *path) { return clinux_result(rmdir(path)); }

// 1 when it has no entries, 0 when it has.
static inline long clinux_is_empty_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) return -(long)errno;
    long is_empty = 1;
    for (struct dirent *entry; is_empty && (entry = readdir(directory)) != NULL;)
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(directory);
    return is_empty;
}

// The file system that the path is on.
static inline long clinux_device(const char *path) {
    struct stat status;
    long result = clinux_result(stat(path, &status));
    return result < 0 ? result : (long)status.st_dev;
}

// Size in bytes of what the descriptor names.
static inline long clinux_size(int descriptor) {
    struct stat status;
    long result = clinux_result(fstat(descriptor, &status));
    return result < 0 ? result : (long)status.st_size;
}

// Bytes that an unprivileged process may still write there.
static inline long clinux_free_bytes(const char *path) {
    struct statvfs status;
    long result = clinux_result(statvfs(path, &status));
    return result < 0 ? result : (long)(status.f_bavail * status.f_frsize);
}

static inline long clinux_is_directory(const char *path) {
    struct stat status;
    long result = clinux_result(stat(path, &status));
    return result < 0 ? result : S_ISDIR(status.st_mode);
}

// Process.

// Raises the soft RLIMIT_NOFILE to the hard one, or to what is wanted when that is less; answers the limit
// that now holds.
static inline long clinux_raise_open_files(uint64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -(long)errno;
    if (limit.rlim_cur >= wanted || limit.rlim_cur == limit.rlim_max) return (long)limit.rlim_cur;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return -(long)errno;
    return (long)limit.rlim_cur;
}

// How many descriptors the process has open. The directory's size tells it since Linux 6.2, without a
// descriptor of its own; before, the entries are counted.
static inline long clinux_open_files(void) {
    struct stat status;
    if (stat("/proc/self/fd", &status) != 0) return -(long)errno;
    if (status.st_size > 0) return (long)status.st_size;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return -(long)errno;
    long count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1;
}

// A descriptor of nothing.
static inline long clinux_open_nothing(void) {
    return clinux_result(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Starts a program; its number. It blocks and ignores no signal, whatever this process does, and has no other
// descriptors but those three, as 0, 1 and 2 (-1: as here): SwiftNIO's sockets are not closed by execve(2) by themselves.
// `directory`: where it runs; NULL: here. `groups`: in a process group of its own.
static inline long clinux_start(
    const char *path, char *const *arguments, char *const *environment, const char *directory,
    int input, int output, int errors, bool groups) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return -(long)code;
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -(long)code;
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (groups ? POSIX_SPAWN_SETPGROUP : 0));
    const int streams[3] = {input, output, errors};
    for (int number = 0; number < 3 && code == 0; number++)
        if (streams[number] >= 0) code = posix_spawn_file_actions_adddup2(&actions, streams[number], number);
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (code == 0 && directory != NULL) code = posix_spawn_file_actions_addchdir_np(&actions, directory);
    pid_t process = 0;
    if (code == 0) code = posix_spawn(&process, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code == 0 ? (long)process : -(long)code;
}

// Starts a program with one end of a pair of sockets as its standard input, and nothing as its standard output; its
// number, and the other end.
static inline long clinux_spawn(
    const char *path, char *const *arguments, char *const *environment, int *descriptor) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return -(long)errno;
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    long process = nothing < 0
        ? -(long)errno
        : clinux_start(path, arguments, environment, NULL, pair[1], nothing, -1, false);
    if (nothing >= 0) close(nothing);
    close(pair[1]);
    if (process < 0)
        close(pair[0]);
    else
        *descriptor = pair[0];
    return process;
}

static inline long clinux_kill(int process) { return clinux_result(kill(process, SIGKILL)); }

// Waits until the child has ended: its exit code, or 128 and the signal that ended it.
static inline long clinux_wait(int process) {
    int status = 0;
    long result = clinux_result(waitpid(process, &status, 0));
    if (result < 0) return result;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Has the kernel end this process when the thread that has started it is gone: prctl(2).
static inline long clinux_end_with_parent(void) {
    return clinux_result(prctl(PR_SET_PDEATHSIG, SIGKILL));
}

static inline void clinux_trim_heap(void) { malloc_trim(0); }
#endif
