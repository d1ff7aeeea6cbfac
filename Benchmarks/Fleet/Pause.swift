import Glibc

enum Pause {
    /// Some microseconds.
    static func short() { usleep(20) }
}
