/// Requests from outside for messages to devices. Of all who serve them, on all gateways, one takes each.
public protocol DownlinkRequests: AnyObject, Sendable {
    /// From now on `handler` is called with each request, on a thread of the requests': it only passes them on. Each is
    /// answered once. Called once.
    func serve(_ handler: @escaping @Sendable (DownlinkRequest) -> Void)

    /// No more come, and no answer goes out. Calling it again does nothing.
    func close()
}

/// One request, as it came.
public struct DownlinkRequest: Sendable {
    /// What its subject says, with `%XX` in it as it was written; `nil` when the subject has other words.
    public let product: String?
    public let device: String?

    /// What its header says; `nil` without that line.
    public let topic: String?
    public let qos: String?
    public let payload: [UInt8]

    /// Tells its sender, who may not want to know.
    public let answer: @Sendable ([UInt8]) -> Void

    public init(
        product: String?,
        device: String?,
        topic: String?,
        qos: String?,
        payload: [UInt8],
        answer: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.product = product
        self.device = device
        self.topic = topic
        self.qos = qos
        self.payload = payload
        self.answer = answer
    }
}
