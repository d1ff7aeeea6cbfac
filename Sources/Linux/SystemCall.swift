import CLinux

/// Makes the call until no signal interrupts it, and turns the door's negated error number into an
/// error: the one place that knows `EINTR`.
@inline(always)
func retrying(_ call: () -> Int) throws(Errno) -> Int {
    while true {
        let result = call()
        if result >= 0 { return result }
        if result != -Int(EINTR) { throw Errno(rawValue: Int32(-result)) }
    }
}

/// Like `retrying`, with `nil` for a call that would have to wait.
@inline(always)
func retryingUnlessBlocked(_ call: () -> Int) throws(Errno) -> Int? {
    while true {
        let result = call()
        if result >= 0 { return result }
        if result == -Int(EAGAIN) { return nil }
        if result != -Int(EINTR) { throw Errno(rawValue: Int32(-result)) }
    }
}
