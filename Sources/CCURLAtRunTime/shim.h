// libcurl without linking it: a process has it, and what it brings along, only once `ccurl_load` was called.
#ifndef TOLLGATE_CCURL_AT_RUN_TIME_SHIM_H
#define TOLLGATE_CCURL_AT_RUN_TIME_SHIM_H
#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

// The functions of libcurl that are used, as they were found.
struct ccurl_library {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_version) *version;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_pause) *easy_pause;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_perform) *multi_perform;
    __typeof__(curl_multi_poll) *multi_poll;
    __typeof__(curl_multi_info_read) *multi_info_read;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
};

// Loads it for good, and finds its functions: a null pointer, or what was missing (dlerror(3)).
static inline const char *ccurl_load(struct ccurl_library *library) {
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!handle) return dlerror();
#define CCURL_FIND(function)                                             \
    library->function = (__typeof__(library->function))dlsym(handle, "curl_" #function); \
    if (!library->function) return dlerror()
    CCURL_FIND(global_init);
    CCURL_FIND(version);
    CCURL_FIND(easy_init);
    CCURL_FIND(easy_setopt);
    CCURL_FIND(easy_getinfo);
    CCURL_FIND(easy_pause);
    CCURL_FIND(easy_reset);
    CCURL_FIND(easy_strerror);
    CCURL_FIND(easy_cleanup);
    CCURL_FIND(multi_init);
    CCURL_FIND(multi_add_handle);
    CCURL_FIND(multi_remove_handle);
    CCURL_FIND(multi_perform);
    CCURL_FIND(multi_poll);
    CCURL_FIND(multi_info_read);
    CCURL_FIND(multi_cleanup);
    CCURL_FIND(slist_append);
    CCURL_FIND(slist_free_all);
#undef CCURL_FIND
    return NULL;
}

// The variadic functions by the type of what they take.

static inline CURLcode ccurl_set_text(
    const struct ccurl_library *library, CURL *transfer, CURLoption option, const char *text) {
    return library->easy_setopt(transfer, option, text);
}

static inline CURLcode ccurl_set_number(
    const struct ccurl_library *library, CURL *transfer, CURLoption option, long number) {
    return library->easy_setopt(transfer, option, number);
}

static inline CURLcode ccurl_set_offset(
    const struct ccurl_library *library, CURL *transfer, CURLoption option, int64_t number) {
    return library->easy_setopt(transfer, option, (curl_off_t)number);
}

static inline CURLcode ccurl_set_pointer(
    const struct ccurl_library *library, CURL *transfer, CURLoption option, void *pointer) {
    return library->easy_setopt(transfer, option, pointer);
}

static inline CURLcode ccurl_set_headers(
    const struct ccurl_library *library, CURL *transfer, struct curl_slist *headers) {
    return library->easy_setopt(transfer, CURLOPT_HTTPHEADER, headers);
}

// Fills `bytes` with what comes next of a body, or takes them of an answer: how many.
typedef size_t (*ccurl_bytes)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode ccurl_set_function(
    const struct ccurl_library *library, CURL *transfer, CURLoption option, ccurl_bytes function) {
    return library->easy_setopt(transfer, option, function);
}

static inline CURLcode ccurl_set_socket_function(
    const struct ccurl_library *library, CURL *transfer, curl_sockopt_callback function) {
    return library->easy_setopt(transfer, CURLOPT_SOCKOPTFUNCTION, function);
}

static inline CURLcode ccurl_get_number(
    const struct ccurl_library *library, CURL *transfer, CURLINFO info, long *number) {
    return library->easy_getinfo(transfer, info, number);
}
#endif
