import Bytes

/// Where the call under way takes ciphertext from and puts it: what a port's BIO points at.
///
/// Both pointers are set for the length of one call into OpenSSL and mean nothing outside it.
@unsafe
struct CiphertextCell {
    /// What the peer sent and OpenSSL has not taken yet.
    var input: UnsafeRawPointer?
    var inputCount = 0

    /// What is to be sent to the peer is appended here.
    var output: UnsafeMutablePointer<ByteBuffer>?

    init() {
        unsafe input = nil
        unsafe output = nil
    }
}
