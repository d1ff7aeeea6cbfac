// libcurl, and its variadic functions by the type of what they take.
#ifndef TOLLGATE_CCURL_SHIM_H
#define TOLLGATE_CCURL_SHIM_H
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static inline CURLcode ccurl_set_text(CURL *transfer, CURLoption option, const char *text) {
    return curl_easy_setopt(transfer, option, text);
}

static inline CURLcode ccurl_set_number(CURL *transfer, CURLoption option, long number) {
    return curl_easy_setopt(transfer, option, number);
}

static inline CURLcode ccurl_set_pointer(CURL *transfer, CURLoption option, void *pointer) {
    return curl_easy_setopt(transfer, option, pointer);
}

static inline CURLcode ccurl_set_headers(CURL *transfer, struct curl_slist *headers) {
    return curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, headers);
}

static inline CURLcode ccurl_set_recipients(CURL *transfer, struct curl_slist *recipients) {
    return curl_easy_setopt(transfer, CURLOPT_MAIL_RCPT, recipients);
}

// Fills `bytes` with what comes next of a message: how many, 0 at its end.
typedef size_t (*ccurl_read)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode ccurl_set_read(CURL *transfer, ccurl_read function) {
    return curl_easy_setopt(transfer, CURLOPT_READFUNCTION, function);
}

// What of the body of an answer was taken: anything but all of it ends the transfer.
typedef size_t (*ccurl_write)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode ccurl_set_write(CURL *transfer, ccurl_write function) {
    return curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, function);
}

// The same of a line that a mail server has answered.
static inline CURLcode ccurl_set_line(CURL *transfer, ccurl_write function) {
    return curl_easy_setopt(transfer, CURLOPT_HEADERFUNCTION, function);
}

static inline CURLcode ccurl_set_open_socket(CURL *transfer, curl_opensocket_callback function) {
    return curl_easy_setopt(transfer, CURLOPT_OPENSOCKETFUNCTION, function);
}

static inline CURLcode ccurl_get_number(CURL *transfer, CURLINFO info, long *number) {
    return curl_easy_getinfo(transfer, info, number);
}

static inline CURLcode ccurl_get_offset(CURL *transfer, CURLINFO info, int64_t *number) {
    curl_off_t offset = 0;
    CURLcode code = curl_easy_getinfo(transfer, info, &offset);
    *number = offset;
    return code;
}

// The bytes of an address in network order: how many, 4 or 16; 0 of another family.
static inline int ccurl_address(const struct curl_sockaddr *address, uint8_t *bytes) {
    if (address->family == AF_INET) {
        memcpy(bytes, &((const struct sockaddr_in *)&address->addr)->sin_addr, 4);
        return 4;
    }
    if (address->family == AF_INET6) {
        memcpy(bytes, &((const struct sockaddr_in6 *)&address->addr)->sin6_addr, 16);
        return 16;
    }
    return 0;
}

// The socket that libcurl wants for an address.
static inline curl_socket_t ccurl_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static inline curl_socket_t ccurl_no_socket(void) { return CURL_SOCKET_BAD; }
#endif
