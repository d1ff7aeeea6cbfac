// libssl and libcrypto, and as static inline functions the macros that Swift does not import.
#ifndef TOLLGATE_COPENSSL_SHIM_H
#define TOLLGATE_COPENSSL_SHIM_H

// The SHA256_* functions are deprecated in OpenSSL 3 but remain the only hash without an
// allocation; `HMACSHA256` of the Cryptography module states the measurement that chose them.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// SSL_CTX: SSL_CTX_ctrl(3) macros.

static inline int tollgate_ssl_ctx_set_min_proto_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int tollgate_ssl_ctx_set_max_proto_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}

static inline void tollgate_ssl_ctx_set_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_mode(context, mode);
}

static inline void tollgate_ssl_ctx_set_session_cache_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_session_cache_mode(context, mode);
}

static inline void tollgate_ssl_ctx_set_read_ahead(SSL_CTX *context, long on) {
    SSL_CTX_set_read_ahead(context, on);
}

static inline void tollgate_ssl_ctx_set_max_cert_list(SSL_CTX *context, long bytes) {
    SSL_CTX_set_max_cert_list(context, bytes);
}

static inline int tollgate_ssl_ctx_set1_groups_list(SSL_CTX *context, const char *groups) {
    return (int)SSL_CTX_set1_groups_list(context, groups);
}

// Whether the context has one cipher of TLS 1.2 and older, which is called so, authenticates the server and
// encrypts with 112 bits or more.
static inline int tollgate_ssl_ctx_has_only(const SSL_CTX *context, const char *name) {
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    int count = 0, is_found = 0;
    for (int index = 0; index < sk_SSL_CIPHER_num(ciphers); index++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, index);
        if (strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0) continue;
        count++;
        is_found = strcmp(SSL_CIPHER_get_name(cipher), name) == 0
            && SSL_CIPHER_get_auth_nid(cipher) != NID_auth_null
            && SSL_CIPHER_get_bits(cipher, NULL) >= 112;
    }
    return count == 1 && is_found;
}

// The SSL_OP_* constants are expressions of a macro with an argument.
static const uint64_t tollgate_ssl_op_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t tollgate_ssl_op_cipher_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t tollgate_ssl_op_prioritize_chacha = SSL_OP_PRIORITIZE_CHACHA;
static const uint64_t tollgate_ssl_op_no_compression = SSL_OP_NO_COMPRESSION;

// The certificates behind the context's own, or NULL without any; they belong to the context.
static inline STACK_OF(X509) *tollgate_ssl_ctx_get0_chain_certs(SSL_CTX *context) {
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(context, &chain);
    return chain;
}

// SSL: SSL_ctrl(3) macros.

static inline int tollgate_ssl_set_tlsext_host_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

// Has a session of a server name no authorities when it asks for a certificate, be there some in its context.
static inline int tollgate_ssl_name_no_authorities(SSL *session) {
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    if (names == NULL) return 0;
    SSL_set_client_CA_list(session, names);
    return 1;
}

// BIO: flags of one call.

static inline void tollgate_bio_clear_retry_flags(BIO *bio) { BIO_clear_retry_flags(bio); }

static inline void tollgate_bio_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }

// EVP_MAC: OSSL_PARAM(3) lists keep pointers to their constant names, which C has and Swift copies.

static inline int tollgate_evp_mac_ctx_set_hmac_sha256_key(
    EVP_MAC_CTX *context, const unsigned char *key, size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, count),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}

// EVP_KDF: the same for key derivation. For tests: the gateway derives with less work.

// HKDF-Expand-Label without a context (RFC 8446, 7.1): EVP_KDF-TLS13_KDF(7).
static inline int tollgate_tls13_expand_label(
    EVP_KDF_CTX *context, const char *digest, const unsigned char *secret, size_t secret_count,
    const char *label, unsigned char *target, size_t count) {
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_count),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)"tls13 ", 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)label, strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, target, count, parameters);
}

// The key block of TLS 1.2 (RFC 5246, 6.3): EVP_KDF-TLS1_PRF(7).
static inline int tollgate_tls12_key_block(
    EVP_KDF_CTX *context, const char *digest, const unsigned char *master, size_t master_count,
    const unsigned char *server_random, const unsigned char *client_random, unsigned char *target, size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)master, master_count),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)"key expansion", 13),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)server_random, SSL3_RANDOM_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)client_random, SSL3_RANDOM_SIZE),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, target, count, parameters);
}

// Providers: tables of functions, which C keeps under one type (provider-base(7)).

static inline OSSL_DISPATCH tollgate_dispatch_kdf_newctx(OSSL_FUNC_kdf_newctx_fn *function) {
    OSSL_DISPATCH entry = {OSSL_FUNC_KDF_NEWCTX, (void (*)(void))function};
    return entry;
}

static inline OSSL_DISPATCH tollgate_dispatch_kdf_freectx(OSSL_FUNC_kdf_freectx_fn *function) {
    OSSL_DISPATCH entry = {OSSL_FUNC_KDF_FREECTX, (void (*)(void))function};
    return entry;
}

static inline OSSL_DISPATCH tollgate_dispatch_kdf_derive(OSSL_FUNC_kdf_derive_fn *function) {
    OSSL_DISPATCH entry = {OSSL_FUNC_KDF_DERIVE, (void (*)(void))function};
    return entry;
}

static inline OSSL_DISPATCH tollgate_dispatch_query(OSSL_FUNC_provider_query_operation_fn *function) {
    OSSL_DISPATCH entry = {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))function};
    return entry;
}

static inline OSSL_DISPATCH tollgate_dispatch_end(void) {
    OSSL_DISPATCH entry = {0, NULL};
    return entry;
}

// An algorithm of a table, or with no names its end. The texts are C's, and stay.
static inline OSSL_ALGORITHM tollgate_algorithm_tls13_kdf(const OSSL_DISPATCH *functions) {
    OSSL_ALGORITHM algorithm = {OSSL_KDF_NAME_TLS1_3_KDF, "provider=tollgate", functions, NULL};
    return algorithm;
}

static inline OSSL_ALGORITHM tollgate_algorithm_tls1_prf(const OSSL_DISPATCH *functions) {
    OSSL_ALGORITHM algorithm = {OSSL_KDF_NAME_TLS1_PRF, "provider=tollgate", functions, NULL};
    return algorithm;
}

static inline OSSL_ALGORITHM tollgate_algorithm_end(void) {
    OSSL_ALGORITHM algorithm = {NULL, NULL, NULL, NULL};
    return algorithm;
}

// X.509: times, as seconds of Unix time, and the typed stacks.

static inline int64_t tollgate_asn1_time_seconds(const ASN1_TIME *time) {
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int is_known = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return is_known ? (int64_t)days * 86400 + seconds : 0;
}

static inline GENERAL_NAMES *tollgate_x509_subject_alternative_names(const X509 *certificate) {
    return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static inline int tollgate_general_names_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

// The text of the name at `index` if it is a URI, or NULL; it belongs to `names`.
static inline const ASN1_STRING *tollgate_general_names_uri(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
}

// The text of the name at `index` if it is a DNS name, or NULL; it belongs to `names`.
static inline const ASN1_STRING *tollgate_general_names_dns(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name->type == GEN_DNS ? name->d.dNSName : NULL;
}

// Gives up a list's certificates, and the list; NULL is fine.
static inline void tollgate_x509_chain_free(STACK_OF(X509) *chain) {
    sk_X509_pop_free(chain, X509_free);
}

// Verifies a client's certificate by one authority and nothing else, as of now. Answers X509_V_OK, or why not.
static inline int tollgate_x509_verify_client_by(X509 *certificate, X509 *authority, int level) {
    int error = X509_V_ERR_OUT_OF_MEM;
    STACK_OF(X509) *trusted = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (trusted != NULL && context != NULL && sk_X509_push(trusted, authority) > 0
        && X509_STORE_CTX_init(context, NULL, certificate, NULL) == 1
        && X509_STORE_CTX_set_default(context, "ssl_client") == 1) {
        X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_auth_level(parameters, level);
        X509_STORE_CTX_set0_trusted_stack(context, trusted);
        if (X509_verify_cert(context) == 1) {
            error = X509_V_OK;
        } else {
            error = X509_STORE_CTX_get_error(context);
            if (error == X509_V_OK) error = X509_V_ERR_UNSPECIFIED;
        }
    }
    X509_STORE_CTX_free(context);
    sk_X509_free(trusted);
    return error;
}

// The subject in the form of RFC 2253, which is printable ASCII; answers how many bytes of it are at `target`.
static inline int tollgate_x509_subject_text(const X509 *certificate, char *target, int room) {
    BIO *text = BIO_new(BIO_s_mem());
    int count = 0;
    if (text != NULL
        && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        count = BIO_read(text, target, room);
    }
    BIO_free(text);
    return count > 0 ? count : 0;
}

// X.509: lists of revoked certificates (RFC 5280, 5).

static inline int tollgate_x509_crl_count(X509_CRL *list) {
    const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
    return entries == NULL ? 0 : sk_X509_REVOKED_num(entries);
}

// The serial number at `index`, which belongs to the list.
static inline const ASN1_INTEGER *tollgate_x509_crl_serial(X509_CRL *list, int index) {
    return X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), index));
}

// Whether the list says all that its authority has revoked of clients' certificates: it is no delta, is for its
// issuer's own certificates, all of them, and all reasons, and has no critical extension that says something else. One with
// a distribution point may be a part: it is for the certificates that point there (RFC 5280, 5.2.5).
static inline int tollgate_x509_crl_is_whole(X509_CRL *list) {
    for (int index = 0; index < X509_CRL_get_ext_count(list); index++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(list, index);
        int name = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (name == NID_delta_crl) return 0;
        if (X509_EXTENSION_get_critical(extension) && name != NID_issuing_distribution_point) return 0;
    }
    int found = 0;
    ISSUING_DIST_POINT *point = (ISSUING_DIST_POINT *)X509_CRL_get_ext_d2i(
        list, NID_issuing_distribution_point, &found, NULL);
    // -1: there is none. Else it can't be read, or there are several.
    if (point == NULL) return found == -1;
    int is_whole = point->onlyCA <= 0 && point->onlyattr <= 0 && point->indirectCRL <= 0
        && point->onlysomereasons == NULL && point->distpoint == NULL;
    ISSUING_DIST_POINT_free(point);
    return is_whole;
}

// Bits of security of the list's signature, by its digest; -1 of one that is not known.
static inline int tollgate_x509_crl_signature_security(const X509_CRL *list) {
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(list, NULL, &algorithm);
    int name = OBJ_obj2nid(algorithm->algorithm), digest = NID_undef;
    if (name == NID_ED25519) return 128;
    if (name == NID_ED448) return 224;
    if (name == NID_rsassaPss) {
        RSA_PSS_PARAMS *parameters = (RSA_PSS_PARAMS *)ASN1_TYPE_unpack_sequence(
            ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
        if (parameters != NULL && parameters->hashAlgorithm != NULL) {
            digest = OBJ_obj2nid(parameters->hashAlgorithm->algorithm);
        }
        RSA_PSS_PARAMS_free(parameters);
    } else {
        OBJ_find_sigid_algs(name, &digest, NULL);
    }
    const EVP_MD *method = digest == NID_undef ? NULL : EVP_get_digestbynid(digest);
    // A collision takes half the bits.
    return method == NULL ? -1 : 4 * EVP_MD_get_size(method);
}

// ERR: what packs a code.

static inline int tollgate_err_library(unsigned long code) { return ERR_GET_LIB(code); }

static inline int tollgate_err_reason(unsigned long code) { return ERR_GET_REASON(code); }

#endif
