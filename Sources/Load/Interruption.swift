internal import Synchronization

/// The wish that runs end now, and tell what they have measured so far.
public enum Interruption {
    private static let flag = Atomic<Bool>(false)

    /// Safe in a signal's handler, once `isRequested` has been asked for the first time.
    public static func request() { flag.store(true, ordering: .relaxed) }

    public static var isRequested: Bool { flag.load(ordering: .relaxed) }
}
