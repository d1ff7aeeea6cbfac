import CLinux

/// What a new thread needs to begin.
final class ThreadStart {
    private let name: String
    private let processor: Int?
    private let body: () -> Void

    init(name: String, processor: Int?, body: sending @escaping () -> Void) {
        self.name = name
        self.processor = processor
        self.body = body
    }

    func run() {
        var kernelName = ""
        for character in name where kernelName.utf8.count + character.utf8.count <= 15 {
            kernelName.append(character)
        }
        // Safe: the text lives through the call and has at most 15 bytes.
        unsafe clinux_thread_set_name(kernelName)
        if let processor { _ = clinux_thread_pin(Int32(clamping: processor)) }
        body()
    }
}
